"""The values of a model: which are taken at once, when one diverges, and what a reader is told of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from runner.intermediates.judge import compare_value, tolerance_for
from runner.intermediates.messages import Checked, Message, Over, Planned, Refused
from runner.intermediates.values import MOST_BYTES, MOST_VALUES, Value, portions
from runner.intermediates.verify import notes_of, read
from runner.judge import judge
from runner.ops.isolation import Ended
from runner.protocol import Finished
from runner.stages.artefacts import flow_of
from schemas.bundle import Artefact
from schemas.case import Checks, Tolerance, Tuning
from schemas.codec import decode, encode
from schemas.record import OutputComparison, Record
from schemas.words import Stage
from tests.stages_support.cases import CLEAN, a_case

VALUE = Value("mm_1", "aten.mm.default", 4)
GIB = 1024**3


def of(*sizes: int) -> list[Value]:
    return [Value(str(number), "op", size) for number, size in enumerate(sizes)]


def test_portions_keep_the_order_and_the_bounds() -> None:
    values = of(*[MOST_BYTES // 4] * 9, MOST_BYTES * 2, 0, 1)
    made = list(portions(values, 64 * GIB))
    assert [each for portion in made for each in portion] == values
    assert [len(each) for each in made] == [4, 4, 1, 1, 2]
    assert [len(each) for each in portions(of(*[1] * (MOST_VALUES + 1)), GIB)] == [MOST_VALUES, 1]
    assert [len(each) for each in portions(of(*[MOST_BYTES // 4] * 4), GIB)] == [1] * 4, "a small limit, small portions"
    assert list(portions([], GIB)) == []


def compared(golden: object, actual: object, dtype: str = "float32", **settings: object) -> OutputComparison:
    case = a_case(**{"tolerance": Tolerance(atol=0.01, rtol=0.0, pcc=0.99), **settings})
    return compare_value(VALUE, np.array(golden, dtype), np.array(actual, dtype), case)


def test_a_value_is_named_with_its_operator_and_judged_by_the_cases_tolerance() -> None:
    found = compared([0.5, 0.1], [0.5, 0.2])
    assert found.output == "mm_1 (aten.mm.default)"
    assert not found.passed
    assert found.reason == "1 of 2 elements differ"
    assert compared([0.5, 0.1], [0.5, 0.105]).passed
    assert compared([], []).passed
    assert not compared([1.0], [np.nan]).passed
    assert not compared([1.0, 2.0], [[1.0, 2.0]]).passed


def test_atol_grows_with_the_value_and_never_shrinks() -> None:
    assert compared([500.0, 1.0], [504.0, 1.0]).passed
    assert not compared([500.0, 1.0], [506.0, 1.0]).passed
    assert compared([0.001, 0.002], [0.004, 0.008]).passed, "absolute below 1"
    relative = {"tolerance": Tolerance(relative_atol=0.01, rtol=0.0)}
    assert not compared([0.001, 0.002], [0.0011, 0.002], **relative).passed
    assert compared([500.0, 1.0], [504.0, 1.0], **relative).passed


def test_a_mask_is_no_measure_of_its_value() -> None:
    smallest = float(np.finfo(np.float32).min)
    assert compared([smallest, 1.0, 2.0], [smallest, 1.0, 2.0]).passed
    assert not compared([smallest, 1.0, 2.0], [smallest, 1.0, 2.5]).passed
    assert compared([-np.inf, 1.0], [-np.inf, 1.0]).passed


def test_whole_numbers_keep_their_tolerance_and_noise_needs_no_correlation() -> None:
    assert not compared([1000, 2], [1001, 2], "int64").passed
    assert not compared([True, False], [True, True], "bool").passed
    assert compared([1e-9, -2e-9, 1e-9], [-1e-9, 2e-9, 3e-9]).passed
    assert not compared([1e-3, -2e-3, 1e-3], [-1e-3, 2e-3, 3e-3]).passed, "small, but no noise: the PCC tells"
    assert compared([1e-3, -2e-3], [-1e-3, 2e-3], checks=Checks(pcc=False, issue="https://example.org/1")).passed
    assert tolerance_for(Tolerance(pcc=0.9), np.full(2, 1e-4, np.float16)).pcc is None


def test_double_precision_is_compared_as_compiled() -> None:
    golden = np.array([1.0, 1 / 3])
    case = a_case()
    assert compare_value(VALUE, golden, golden.astype(np.float32), case).passed
    assert not compare_value(VALUE, golden, golden.astype(np.float16), case).passed, (
        "another type than it is demoted to"
    )
    assert not compare_value(VALUE, golden.astype(np.float32), golden, case).passed


def ended(*said: Message, reason: str = "", detail: str = "", signal: int | None = None) -> Ended:
    lines = tuple(msgspec.json.encode(each) for each in said)
    return Ended(exit_code=None if signal else 0, signal=signal, reason=reason, detail=detail, seconds=1.0, lines=lines)


WRONG = OutputComparison(
    output="mm_1 (aten.mm.default)", dtype="float32", shape=(2,), passed=False, reason="1 of 2 elements differ",
    max_abs=0.5, pcc=0.25, mismatched=1, total=2,
)  # fmt: skip


def test_the_first_diverging_value_is_named_with_its_figures() -> None:
    found = read(ended(Planned(values=5), Checked(compared=2), Checked(compared=3, diverging=2, told=(WRONG,)), Over()))
    assert (found.compared, found.diverging, found.told) == (5, 2, (WRONG,))
    (note,) = notes_of(found)
    assert note == (
        "intermediates: 5 of 5 values compared, 2 diverging; the first is mm_1 (aten.mm.default): "
        "1 of 2 elements differ, max abs 0.5, PCC 0.25"
    )


def test_all_that_was_not_compared_is_told() -> None:
    said = (
        Planned(values=4, left_out=2),
        Planned(values=6),
        Checked(compared=3, demoted=1),
        Refused(values=2, signature="no"),
    )
    assert notes_of(read(ended(*said, Over("24 modules failed")))) == (
        "intermediates: 3 of 10 values compared, none diverges",
        "intermediates: 1 value of double precision compared in single, as compiled",
        "intermediates: 2 values left out: of random numbers or uninitialised memory",
        "intermediates: 2 values could not be had: no",
        "intermediates: 5 values not tried: 24 modules failed",
    )


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"reason": "deadline", "detail": "took longer than its 9 s"}, "took longer than its 9 s"),
        ({"signal": 11}, "SIGSEGV while they were checked"),
        ({}, "their process exited with 0: see the stage's log"),
    ],
)
def test_a_process_that_did_not_come_to_its_end_is_told(how: dict[str, object], why: str) -> None:
    cut = read(ended(Planned(values=4), Checked(compared=1), **how))  # type: ignore[arg-type] # of the parameters
    assert notes_of(cut)[-1] == f"intermediates: 3 values not tried: {why}"
    broken = ended(Planned(values=4), Checked(compared=1))
    broken = msgspec.structs.replace(broken, lines=(*broken.lines, b'{"event": "chec'))
    assert read(broken).compared == 1


def test_a_record_has_what_was_found_and_the_stage_reads_what_the_check_needs() -> None:
    case = a_case(tuning=Tuning(verify_intermediates=True))
    record = judge(case, [Finished(intermediates=(WRONG,))], CLEAN, shard=None, attempt=1, started="", reproduce="")
    assert record.intermediates == (WRONG,)
    assert not record.comparisons
    assert decode(encode(record), Record).intermediates == (WRONG,)
    assert {Artefact.MODEL, Artefact.INPUTS} <= set(flow_of(case, Stage.COMPARISON).reads)
    assert Artefact.INPUTS not in flow_of(a_case(), Stage.COMPARISON).reads


def test_the_steps_of_a_case_load_no_framework() -> None:
    heavy = "{'torch', 'onnx', 'onnxruntime'}"
    code = f"import sys, runner.stages.steps\nprint(sorted({heavy} & set(sys.modules)))"
    root = Path(__file__).parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
