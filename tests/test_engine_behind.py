"""Behind an input of a batch lies what no right kernel reads; one that does is told of, and judged alone."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from iree.compiler.tools import compile_str

from runner.fast.behind import reading_behind
from runner.fast.session import BEHIND, Session
from runner.tensors import ELEMENT_TYPES
from schemas.record import READS_BEHIND
from tests.engine_support.build import FAULT, FAULTY, OPERATORS, RealSuite, model, together
from tests.test_engine_equal import records
from tests.test_engine_expected import expect
from tests.test_engine_faults import run

_READER = """
func.func @read(%values: tensor<3xf32>, %at: tensor<i64>) -> tensor<f32> {
  %place = tensor.extract %at[] : tensor<i64>
  %index = arith.index_cast %place : i64 to index
  %value = tensor.extract %values[%index] : tensor<3xf32>
  %result = tensor.from_elements %value : tensor<f32>
  return %result : tensor<f32>
}
"""
_TWICE = """
func.func @{name}(%x: tensor<{type}>) -> tensor<{twice}> {{
  %0 = tensor.concat dim(0) %x, %x : (tensor<{type}>, tensor<{type}>) -> tensor<{twice}>
  return %0 : tensor<{twice}>
}}
"""
_KINDS = {
    "bool": "i1",
    "int8": "i8",
    "int64": "i64",
    "uint16": "i16",
    "float16": "f16",
    "bfloat16": "bf16",
    "float64": "f64",
    "complex64": "complex<f32>",
}
_SHAPES = ((0,), (3,), (2, 3), (2, 0, 3), (3, 1, 2))
_READS, _SHARD = "test_gridsample_zeros_padding", "nightly-execute/cpu"
#: In the order in which a batch has them; of a call of several the fault leaves the first right.
_RIGHT, *_WRONG = sorted(OPERATORS[:4])
_SAID = "the compiled code of {} reads memory behind inputs: summary.md names them"


def session(program: str) -> Session:
    flags = ["--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host"]
    flags += ["--iree-hal-target-device=local", "--iree-input-demote-f64-to-f32=false"]
    made = Session("local-sync")
    made.load(compile_str(program, target_backends=[], extra_args=flags))
    return made


def _name(kind: str, shape: tuple[int, ...]) -> str:
    return "_".join(["twice", kind, *map(str, shape)])


@pytest.fixture(scope="module")
def doubling() -> Session:
    """A function for each type and shape: its input twice, so that it has to be read."""

    def function(kind: str, shape: tuple[int, ...]) -> str:
        first, *rest = shape
        types = ("x".join([*map(str, each), _KINDS[kind]]) for each in (shape, (2 * first, *rest)))
        return _TWICE.format(name=_name(kind, shape), type=next(types), twice=next(types))

    return session("".join(itertools.starmap(function, itertools.product(_KINDS, _SHAPES))))


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("kind", _KINDS)
def test_inputs_of_every_type_and_shape_arrive_as_they_are(
    doubling: Session, kind: str, shape: tuple[int, ...]
) -> None:
    given = np.arange(1, 1 + int(np.prod(shape))).reshape(shape).astype(ELEMENT_TYPES[kind].dtype)
    flipped = given.T.copy().T  # in another order in memory
    (got,) = doubling.call(_name(kind, shape), (flipped,), (_KINDS[kind],))
    assert got.shape == (2 * shape[0], *shape[1:])
    assert got.tobytes() == given.tobytes() * 2


def test_what_is_read_behind_an_input_is_the_same_every_time() -> None:
    """As far as the input is long, and four kilobytes at least."""
    reader = session(_READER)
    values = np.array([1.0, 2.0, 3.0], dtype=np.float32)

    def read(at: int, *behind: int) -> float:
        (found,) = reader.call("read", (values, np.array(at)), ("f32",), *behind)
        return float(found)

    assert [read(at) for at in range(3)] == [1.0, 2.0, 3.0]
    for at in (3, 4, 17, 1000):
        assert np.isnan(read(at))
        assert read(at, 0) == 0.0
        assert read(at, 0x40) == np.frombuffer(b"\x40" * 4, dtype=np.float32)[0]


def _by(*given: Callable[[int], float]) -> tuple[bool, ...]:
    return reading_behind(lambda behind: tuple((np.zeros(2), np.array(each(behind))) for each in given))


def _next(values: Iterator[float]) -> Callable[[int], float]:
    return lambda _: next(values)


def test_only_outputs_that_depend_on_it_are_evidence() -> None:
    assert _by(lambda behind: behind, lambda _: np.nan) == (True, False)
    assert _by(lambda behind: np.nan if behind == BEHIND else 0.0) == (True,), "bits are compared"
    for values in ((0.5, 1.5, 2.5, 3.5), (1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 1.0, 0.0), (0.0, 1.0, 1.0, 1.0)):
        assert _by(_next(iter(values))) == (False,), "that have drifted, or are others every time"


def noted(suite: RealSuite) -> list[str]:
    found = sorted(name for name, each in suite.records().items() if READS_BEHIND in each.notes)
    assert together(suite.records()).isdisjoint(found)
    return found


@pytest.mark.slow
def test_members_of_a_call_that_depend_on_it_are_noted_while_model_and_compiler_are_the_same(
    tmp_path: pathlib.Path,
) -> None:
    suite = RealSuite(tmp_path, OPERATORS[:4], worker=FAULTY)
    for _ in range(2):  # from the second run on they go alone, and are noted by what the store has
        done = run(suite, **{FAULT: "behind"})
        assert suite.outcomes() == dict.fromkeys(OPERATORS[:4], "PASS"), "as they pass alone"
        assert noted(suite) == _WRONG
        assert _SAID.format("3 cases") in done.stdout
    assert "## Reading memory behind inputs (3)" in (suite.folder() / "summary.md").read_text()
    run(suite, "--tests", f"onnx/{_WRONG[0]}@")
    assert noted(suite) == _WRONG[:1], "the others' notes are kept meanwhile"
    (suite.suites / "models" / f"{_WRONG[0]}.onnx").write_bytes(model("Relu", name="another"))
    suite.write_matrix()
    for _ in range(2):
        run(suite)
        assert noted(suite) == _WRONG[1:]


@pytest.mark.slow
def test_members_of_a_call_of_an_earlier_run_are_noted_too(tmp_path: pathlib.Path) -> None:
    """Where the call takes the inputs of cases that are not there."""
    suite = RealSuite(tmp_path, OPERATORS[:4], worker=FAULTY)
    run(suite)
    some = ("--tests", f"onnx/({_WRONG[0]}|{_WRONG[2]})@")
    for _ in range(2):  # all that were in the batch were left: that goes alone once, and is tried again
        run(suite, *some, **{FAULT: "behind"})
        assert noted(suite) == [_WRONG[0], _WRONG[2]]
    run(suite, *some)
    assert not noted(suite)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "outcome"), [("wrong", "XFAIL"), ("behind", "XPASS")])
def test_what_differs_as_is_expected_but_for_that_reason_is_judged_alone(
    tmp_path: pathlib.Path, fault: str, outcome: str
) -> None:
    suite = RealSuite(tmp_path, OPERATORS[:4], worker=FAULTY)
    expect(suite, names=tuple(_WRONG), signature="values differ", stage="comparison")
    run(suite, **{FAULT: fault})
    found = suite.records()
    ends = [name for name in _WRONG if found[name].outcome == outcome]
    assert len(ends) >= len(_WRONG) - 1, "one may be drawn, which is sound alone"
    assert noted(suite) == (_WRONG[1:] if fault == "behind" else []), "of those that are called with each other"


@pytest.mark.slow
def test_wrong_outputs_alone_are_no_such_evidence(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, OPERATORS[:4], worker=FAULTY)
    assert "the compiled code of" not in run(suite, **{FAULT: "wrong"}).stdout
    assert not noted(suite)


@pytest.mark.slow
def test_what_a_real_compiler_makes_reads_behind_its_input_and_is_told_of_in_every_run(tmp_path: pathlib.Path) -> None:
    """It goes alone from the second run on, and leaves nothing more in the store.

    What the importer of IREE 3.13.0 makes of GridSample multiplies by what lies 168 bytes from the start of 24.
    """
    keys = [f"onnx/node/{each}@onnx" for each in (_READS, "test_abs", "test_ceil", "test_floor", "test_neg")]
    kept = []
    for _ in range(3):
        found = records(tmp_path, "auto", keys)
        assert {name for name, each in found.items() if READS_BEHIND in each.notes} == {f"{_SHARD}/{keys[0]}"}
        assert found[f"{_SHARD}/{keys[0]}"].together is None
        assert sum(each.together is not None for each in found.values()) >= len(keys) - 2, "one may be drawn"
        said = "".join(path.read_text() for path in (tmp_path / "auto").rglob("summary.md"))
        assert said.count("## Reading memory behind inputs (1)") == 1
        assert f"- {found[f'{_SHARD}/{keys[0]}'].outcome} `{_SHARD}/{keys[0]}`" in said
        kept.append(sum(path.is_file() for path in (tmp_path / "store-auto").rglob("*")))
    assert kept[1] == kept[2]
