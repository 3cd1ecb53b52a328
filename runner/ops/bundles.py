"""A failing operation's folder becomes a bundle: ``python -m runner FOLDER`` goes on from it, on any machine."""

from __future__ import annotations

import pathlib
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from runner.bundle import arrays
from runner.bundle.layout import ARTEFACTS, SOURCE
from runner.bundle.seal import write
from runner.ops.alone import LOG, case_of
from runner.ops.keys import SHOWN
from runner.ops.messages import COMPILE, IMPORT, RUN
from runner.ops.program import OpProgram
from runner.ops.results import Story
from runner.protocol import Job
from runner.store import sha256_of
from runner.tensors import Array
from schemas.bundle import Bundle, BundleFile, State, StoredModule, StoredTensor, Verdict
from schemas.case import Case, Source, case_id, case_key
from schemas.codec import encode_pretty
from schemas.ops import OpResult
from schemas.record import Provenance, StageResult
from schemas.words import EXIT_NUMERICS, Depth, Outcome, Path, SourceKind, Stage, StageStatus

#: What is known of the operation itself, for people and for whoever reads bundles of operations.
OP_FILE = "op.json"
_MODEL = "model.onnx"
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]+")
_STAGES = {IMPORT: Stage.IMPORT_MODEL, COMPILE: Stage.COMPILATION, RUN: Stage.COMPILED_INFERENCE}
#: Tools' own files that nothing goes on from.
_SCRATCH = ("module.vmfb", "statistics.json", "outputs.txt", "benchmark.json", "input_*", "output_*")


def place_of(root: pathlib.Path, result: OpResult) -> pathlib.Path:
    """``…/onnx.Gemm-0123456789abcdef``."""
    return root / f"{_PLAIN.sub('_', result.key.name)}-{result.digest[:SHOWN]}"


class Ran(NamedTuple):
    """An operation that was run in a case, and what its process said."""

    job: Job
    result: OpResult
    program: OpProgram
    story: Story


def keep(ran: Ran, folder: pathlib.Path, place: pathlib.Path) -> None:
    """Turn ``folder``, where the operation was run, into the bundle ``place``. Raises OSError where there is no room.

    Where the operation could not be imported and there is no file to import it from again, or its values are larger
    than a bundle may be, its module and its log are kept without a ``bundle.json``: the model itself leads there again.
    """
    job, result, program, story = ran
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    work = place / ARTEFACTS
    for pattern in _SCRATCH:
        for file in folder.glob(pattern):
            file.unlink()
    shutil.move(folder, work)
    source = _take_source(place)
    (place / OP_FILE).write_bytes(encode_pretty(result))
    if _too_large(job, program):
        return
    state = _state(program, story, work)
    if state.imported is None and not source:
        return
    case = _case(job.case, result)
    bundle = Bundle(
        case=case,
        target=msgspec.structs.replace(job.target, toolchain=None),
        verdict=_verdict(result),
        stages=_stages(result, state),
        state=state,
        source=source,
        files=tuple(sorted(_files(place), key=lambda each: each.path)),
        provenance=msgspec.structs.replace(_made(job), command=()),
    )
    write(place, bundle)


def _too_large(job: Job, program: OpProgram) -> bool:
    values = [*program.operands(), *(each.value for each in program.golden() or ())]
    return job.ops is not None and sum(each.nbytes for each in values) > job.ops.largest


def _made(job: Job) -> Provenance:
    return Provenance() if job.ops is None else job.ops.made


def _case(case: Case, result: OpResult) -> Case:
    """A case of its own for the operation, which `execute` takes to the comparison of its outputs."""
    plain = case_of(case, result.key.backend)
    model = f"{case.model}/op/{_PLAIN.sub('_', result.key.name)}-{result.digest[:8]}"
    key = case_key(model, Path.ONNX, plain.lowering)
    return msgspec.structs.replace(
        plain,
        id=case_id(case.suite, case.target, key),
        model=model,
        path=Path.ONNX,
        source=Source(SourceKind.ONNX_FILE, _MODEL),
        depth=Depth.EXECUTE,
        tuning=case.tuning,
        timeout=max(case.op_timeout, 1.0),
        stage_timeouts=(),
        files=(),
        skip=None,
        expectation=None,
    )


def _take_source(place: pathlib.Path) -> str:
    """The operation as an .onnx file, where its walker made one: from it, it can be imported again."""
    model = place / ARTEFACTS / _MODEL
    if not model.is_file():
        return ""
    (place / SOURCE).mkdir()
    model.rename(place / SOURCE / _MODEL)
    return f"{SOURCE}/{_MODEL}"


def _state(program: OpProgram, story: Story, work: pathlib.Path) -> State:
    golden = program.golden()
    names = () if golden is None else tuple(each.name for each in golden)
    values = None if golden is None else tuple(each.value for each in golden)
    state = State(
        inputs=_stored(program.operands(), work, "input"),
        golden=None if values is None else _stored(values, work, "golden", names),
        flags=story.flags,
    )
    made = story.made
    if made is None or not (work / made.module).is_file():
        return state
    module = StoredModule(file=f"{ARTEFACTS}/{made.module}", entry=made.entry, results=made.results)
    lowered = f"{ARTEFACTS}/{made.lowered}" if made.lowered and (work / made.lowered).is_file() else None
    return msgspec.structs.replace(state, imported=module, lowered=lowered)


def _stored(
    values: Sequence[Array], work: pathlib.Path, stem: str, names: Sequence[str] = ()
) -> tuple[StoredTensor, ...] | None:
    named = zip(values, names or [""] * len(values), strict=True)
    try:
        return tuple(
            arrays.store(value, work / f"{stem}_{number}", ARTEFACTS, name)
            for number, (value, name) in enumerate(named)
        )
    except TypeError:  # an element type that no compiled module has
        return None


def _verdict(result: OpResult) -> Verdict:
    stage = _STAGES.get(result.stopped)
    return Verdict(
        outcome=Outcome(result.outcome),
        exit_status=EXIT_NUMERICS if stage is None else str(stage),
        signature="" if result.error is None else result.error.signature,
    )


def _stages(result: OpResult, state: State) -> tuple[StageResult, ...]:
    """What need not be run again: the operation's values, and its module where there is one."""
    passed = [Stage.SETUP]
    if state.imported is not None:
        passed += [Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL]
    values = {Stage.CONSTRUCT_INPUTS: state.inputs, Stage.NATIVE_INFERENCE: state.golden}
    passed += [stage for stage, stored in values.items() if stored is not None]
    failed = StageResult(stage=_STAGES.get(result.stopped, Stage.COMPARISON), status=result.outcome)
    return (*(StageResult(stage=each, status=StageStatus.PASS) for each in passed), failed)


def _files(place: pathlib.Path) -> Iterator[BundleFile]:
    for path in place.rglob("*"):
        name = path.relative_to(place).as_posix()
        if path.is_file() and name != f"{ARTEFACTS}/{LOG}":
            yield BundleFile(path=name, size=path.stat().st_size, sha256=sha256_of(path))
