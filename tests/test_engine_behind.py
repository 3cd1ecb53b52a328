"""Behind an input of a batch lies what no right kernel reads; one that does is told of, and judged alone."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from iree.compiler.tools import compile_str

from runner.fast.behind import reads_behind
from runner.fast.session import BEHIND, Session
from runner.tensors import ELEMENT_TYPES, Array
from schemas.record import READS_BEHIND
from tests.engine_support.build import FAULT, FAULTY, OPERATORS, RealSuite
from tests.test_engine_equal import records
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
_READS, _SHARD = "test_gridsample_zeros_padding", "nightly-execute/cpu"
_SAME = "func.func @same(%x: tensor<{0}>) -> tensor<{0}> {{ return %x : tensor<{0}> }}"


def session(program: str) -> Session:
    flags = ["--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host"]
    module = compile_str(program, target_backends=[], extra_args=["--iree-hal-target-device=local", *flags])
    made = Session("local-sync")
    made.load(module)
    return made


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


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3,), (2, 3)])
@pytest.mark.parametrize("kind", ["bool", "int8", "int64", "uint16", "float16", "bfloat16", "float64", "complex64"])
def test_inputs_of_every_type_and_shape_arrive_as_they_are(kind: str, shape: tuple[int, ...]) -> None:
    dtype = ELEMENT_TYPES[kind].dtype
    mlir = {"bool": "i1", "bfloat16": "bf16", "complex64": "complex<f32>"}
    text = mlir.get(kind, f"{'f' if kind.startswith('float') else 'i'}{8 * dtype.itemsize}")
    declared = "x".join([*map(str, shape), text])
    given = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    flipped = given.T.copy().T  # in another order in memory
    (got,) = session(_SAME.format(declared)).call("same", (flipped,), (text,))
    assert got.shape == shape
    assert got.tobytes() == given.tobytes()


def _by(given: Callable[[int], float]) -> Callable[[int], tuple[Array, ...]]:
    return lambda behind: (np.zeros(2), np.array(given(behind)))


def _other() -> Iterator[float]:
    return itertools.count(0.5)


def test_only_outputs_that_depend_on_it_are_evidence() -> None:
    assert reads_behind(_by(lambda behind: behind))
    assert reads_behind(_by(lambda behind: np.nan if behind == BEHIND else 0.0)), "bits are compared"
    assert not reads_behind(_by(lambda _: np.nan))
    changing = _other()
    assert not reads_behind(_by(lambda _: next(changing))), "another one every time"


@pytest.mark.slow
def test_a_case_whose_code_reads_behind_its_input_is_judged_alone_and_says_so(tmp_path: pathlib.Path) -> None:
    """In every run: it goes alone from the second one on, and leaves nothing more in the store.

    What the importer makes of GridSample multiplies by what lies 168 bytes from the start of 24. Whether it passes
    alone is a matter of luck.
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


@pytest.mark.slow
def test_wrong_outputs_alone_are_no_such_evidence(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, OPERATORS[:4], worker=FAULTY)
    assert "behind" not in run(suite, **{FAULT: "wrong"}).stdout
    assert not any(READS_BEHIND in each.notes for each in suite.records().values())
