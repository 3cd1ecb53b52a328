"""Cases behind one function are called at once, in the next run too, and apart where that fails."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.fast import company, merging
from runner.fast.joining import Joined
from runner.fast.known import Alone, Known
from runner.tensors import ELEMENT_TYPES, Array
from schemas.words import MODULES_FROM_CACHE
from tests.engine_support.build import FAULT, FAULTY, OPERATORS, RealSuite, together
from tests.test_engine_faults import run

_PLAIN = """\
  util.func public @{name}(%arg0: tensor<2x?xf32>, %arg1: tensor<i64>) -> (tensor<f32>, tensor<complex<f32>>) {{
    util.return %0, %1 : tensor<f32>, tensor<complex<f32>>
  }}"""
_ODD = (
    "  util.func public @x_f(%arg0: tensor<2xf4E2M1FN>) -> tensor<2xf32> {\n  }",
    "  util.func public @x_f(%arg0: tensor<2xf32, #encoding>) -> tensor<2xf32> {\n  }",
    "  util.func public @x_f(%arg0: tensor<2xf32> {iree.abi.output = 0 : index}) -> tensor<2xf32> {\n  }",
    "  util.func public @x_f(%arg0: !hal.buffer_view) -> tensor<2xf32> {\n  }",
    "  util.func public @x_f(%arg0: tensor<2xf32>) {\n  }",
    "  util.func public @x_f(%arg0: tensor<2xf32>) -> tensor<2xf32> attributes {some = 1 : i64} {\n  }",
    "  util.func private @x_f(%arg0: tensor<2xf32>) -> tensor<2xf32> {\n  }",
    f"{_PLAIN.format(name='x_f')}\n{_PLAIN.format(name='x_g')}",
)


def joined(*functions: str) -> Joined:
    """Lowered modules, each with its functions as text."""
    lines, at = [], 2
    for text in functions:
        lines.append(((at, at + text.count("\n")),))
        at += text.count("\n") + 1
    text = "\n".join(["module {", *functions, "}", "{-#", "#-}", ""])
    return Joined(text, tuple(f"m{number}_" for number in range(len(functions))), tuple(lines))


def test_functions_that_are_called_together_stay_where_they_are() -> None:
    before = joined(*(_PLAIN.format(name=f"m{number}_f") for number in range(3)))
    after, (call,) = merging.merged(before, [0, 2])
    assert call == merging.Call("together_0", (0, 2))
    assert (after.lines, after.prefixes) == (before.lines, before.prefixes)
    heads = [line.partition("(")[0] for line in after.text.splitlines() if "util.func" in line]
    assert heads == [
        "  util.func private @m0_f",
        "  util.func public @m1_f",
        "  util.func private @m2_f",
        "  util.func public @together_0",
    ]
    assert after.text.endswith("  }\n}\n{-#\n#-}\n")
    assert "%r0_0, %r0_1 = util.call @m0_f(%a0_0, %a0_1) : (tensor<2x?xf32>, tensor<i64>) -> (tensor<f32>" in after.text


@pytest.mark.parametrize("odd", _ODD)
def test_what_is_not_plain_keeps_a_function_of_its_own(odd: str) -> None:
    plain = [_PLAIN.format(name=f"m{number}_f") for number in range(2)]
    after, (call,) = merging.merged(joined(odd, *plain), [0, 1, 2])
    assert call.modules == (1, 2)
    assert odd in after.text
    assert merging.merged(joined(odd, plain[0]), [0, 1]) == (joined(odd, plain[0]), ())


def test_calls_are_of_eight_at_most_and_never_of_one() -> None:
    some = joined(*(_PLAIN.format(name=f"m{number}_f") for number in range(2 * merging.MOST + 1)))
    _, calls = merging.merged(some, range(2 * merging.MOST + 1))
    assert [len(each.modules) for each in calls] == [merging.MOST, merging.MOST]
    assert len({each.function for each in calls}) == len(calls)


@given(st.lists(st.sampled_from(sorted(ELEMENT_TYPES)), max_size=4), st.data())
def test_arguments_of_every_type_are_read_as_they_were_kept(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    arrays = [_array(name, data) for name in names if not ELEMENT_TYPES[name].packed]
    path = tmp_path_factory.mktemp("kept") / "arguments.npz"
    path.write_bytes(company.packed(arrays))
    found = company.arguments(path)
    assert [(each.dtype, each.shape, each.tobytes()) for each in found] == [
        (each.dtype, each.shape, each.tobytes()) for each in arrays
    ]


def _array(name: str, data: st.DataObject) -> Array:
    dtype = ELEMENT_TYPES[name].dtype
    shape = data.draw(st.lists(st.integers(0, 3), max_size=3).map(tuple))
    size = int(np.prod(shape, dtype=int)) * dtype.itemsize
    content = data.draw(st.binary(min_size=size, max_size=size))
    raw: np.ndarray[Any, Any] = np.frombuffer(content, dtype=dtype)
    return raw.reshape(shape)


@pytest.mark.slow
def test_a_case_of_a_company_is_known_in_the_next_run_also_without_the_others(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, OPERATORS[:4])
    run(suite)
    modules = tmp_path / "store" / "joined" / "modules"
    (kept,) = modules.glob("*.npz")
    assert len(company.arguments(kept)) == 4
    run(suite, "--tests", "onnx/(Exp|Neg)")
    records = suite.records()
    assert set(records) == {"Exp", "Neg"}
    (undrawn,) = together(records)
    assert records[undrawn].metrics[MODULES_FROM_CACHE] == 1.0
    kept.write_bytes(kept.read_bytes()[:100])  # it is damaged: they are run alone
    run(suite, "--tests", "onnx/(Exp|Neg)")
    assert suite.outcomes() == {"Exp": "PASS", "Neg": "PASS"}
    assert not any(each.together for each in suite.records().values())
    alone = Known(tmp_path / "store").alone("fakes-cpu")
    assert alone == Alone(failed=frozenset({"fakes/cpu/onnx/Exp@onnx", "fakes/cpu/onnx/Neg@onnx"})), "for one run only"
    run(suite, "--tests", "onnx/(Exp|Neg)")
    assert Known(tmp_path / "store").alone("fakes-cpu") == Alone()


@pytest.mark.slow
def test_a_call_that_fails_is_tried_case_by_case(tmp_path: pathlib.Path) -> None:
    names = OPERATORS[:4]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    run(suite, **{FAULT: "raises-company"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    assert len(together(suite.records())) == len(names) - 1  # one is drawn
    assert list((tmp_path / "store" / "joined" / "modules").glob("*.npz")) == []
