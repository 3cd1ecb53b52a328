"""Arrays and descriptions come back as they were, bit by bit."""

from __future__ import annotations

import pathlib
import tempfile

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.bundle import arrays
from runner.bundle.layout import files_of, stored_files
from runner.stages.artefacts import FLOWS, WRITER, flow_of, stale
from runner.tensors import ELEMENT_TYPES
from schemas.bundle import Artefact, Bundle, BundleFile, State, StoredTensor, Verdict, bundle_digest
from schemas.codec import decode, encode_pretty
from schemas.record import StageResult
from schemas.words import Lowering, Outcome, Stage, StageStatus
from tests.stages_support.cases import CPU, a_case

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
texts = st.text(max_size=12)
tensors = st.lists(
    st.builds(StoredTensor, file=texts, dtype=st.sampled_from(sorted(ELEMENT_TYPES)), shape=shapes, name=texts)
).map(tuple)
states = st.builds(State, compiled=st.none() | texts, inputs=st.none() | tensors, outputs=st.none() | tensors)
bundles = st.builds(
    Bundle,
    case=st.just(a_case()),
    target=st.just(CPU),
    verdict=st.builds(Verdict, outcome=st.sampled_from(list(Outcome)), exit_status=texts, signature=texts),
    stages=st.lists(
        st.builds(
            StageResult,
            stage=st.sampled_from(list(Stage)),
            status=st.sampled_from(list(StageStatus)),
            seconds=st.floats(0, 1e6),
        )
    ).map(tuple),
    state=states,
    source=texts,
    files=st.lists(st.builds(BundleFile, path=texts, size=st.integers(0, 2**40), sha256=texts, missing=texts)).map(
        tuple
    ),
)


@pytest.mark.parametrize("name", sorted(ELEMENT_TYPES))
@given(data=st.data())
def test_every_element_type_survives(name: str, data: st.DataObject) -> None:
    kind, shape = ELEMENT_TYPES[name], data.draw(shapes)
    count = int(np.prod(shape))
    bits = data.draw(st.binary(min_size=count * kind.dtype.itemsize, max_size=count * kind.dtype.itemsize))
    raw = np.frombuffer(bits, dtype=np.uint8)
    if kind.bits < 8:
        raw = raw & ((1 << kind.bits) - 1)
    array = raw.view(kind.dtype).reshape(shape)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "a").mkdir()
        stored = arrays.store(array, pathlib.Path(folder) / "a" / "golden_0", "a", "y")
        loaded = arrays.load(stored, pathlib.Path(folder))
        assert (stored.name, stored.dtype, stored.shape) == ("y", name, shape)
        assert loaded.dtype == array.dtype
        assert loaded.tobytes() == array.tobytes()
        if count:
            with pytest.raises(ValueError, match=r"holds|bytes where"):
                arrays.load(msgspec.structs.replace(stored, shape=(*shape, 9)), pathlib.Path(folder))


@given(bundles)
def test_a_description_comes_back_with_its_digest(bundle: Bundle) -> None:
    sealed = msgspec.structs.replace(bundle, digest=bundle_digest(bundle))
    read = decode(encode_pretty(sealed), Bundle)
    assert read == sealed
    assert bundle_digest(read) == read.digest
    assert bundle_digest(msgspec.structs.replace(read, source=read.source + "x")) != read.digest


@given(states)
def test_every_file_of_a_state_is_spoken_of(state: State) -> None:
    spoken = {file for file, _ in stored_files(state)}
    assert spoken >= {each.file for each in (*(state.inputs or ()), *(state.outputs or ()))}
    assert files_of(state, Artefact.SOURCE) is files_of(state, Artefact.MODEL) is None


@given(st.sets(st.sampled_from(list(Stage))), st.sampled_from(list(Lowering)))
def test_what_is_remade_outdates_all_that_follows_from_it(running: set[Stage], lowering: Lowering) -> None:
    case = a_case(lowering=lowering)
    old = stale(case, running, FLOWS)
    assert not old & running
    made = {artefact for stage in {*running, *old} - {Stage.SETUP} for artefact in FLOWS[stage].writes}
    for stage in set(FLOWS) - running:
        flow = flow_of(case, stage)
        assert (stage in old) == bool(made & {*flow.reads, *flow.if_there})


def test_every_artefact_but_the_source_has_one_maker() -> None:
    assert set(WRITER) == set(Artefact) - {Artefact.SOURCE}
    order = list(FLOWS)
    assert order == list(Stage)
    for stage, flow in FLOWS.items():
        assert all(order.index(WRITER[each]) < order.index(stage) for each in flow.reads if each in WRITER)
