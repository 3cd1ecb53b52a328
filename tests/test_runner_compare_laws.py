from __future__ import annotations

import math
from typing import Any, NamedTuple

import ml_dtypes
import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runner.compare import Verdict, compare
from runner.compare.tolerances import DEFAULTS, EXACT, bound
from runner.signature import NOTHING_COMPARED
from runner.tensors import ELEMENT_TYPES
from schemas.case import Tolerance
from tests.stages_support import reference

DEFAULT = Tolerance()
FLOATS = ("float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn")
WHOLE = ("bool", "int8", "uint8", "int32", "int64", "uint64", "int4", "uint4", "int2")
COMPLEX = ("complex64", "complex128")


class Output(NamedTuple):
    name: str
    value: np.ndarray[Any, Any]


def one(actual: Any, expected: Any, tolerance: Tolerance = DEFAULT) -> Verdict:
    return compare([Output("y", np.asarray(expected))], [np.asarray(actual)], tolerance)


@st.composite
def pairs(draw: st.DrawFn, names: tuple[str, ...] = FLOATS + WHOLE + COMPLEX) -> tuple[Any, Any]:
    """Two arrays of one shape and type, mostly equal, with NaN, infinities and both zeros among the values."""
    kind = ELEMENT_TYPES[draw(st.sampled_from(names))]
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    count = math.prod(shape)
    expected = draw(st.lists(values(kind.name), min_size=count, max_size=count))
    actual = [draw(st.one_of(st.just(each), values(kind.name))) for each in expected]
    with np.errstate(all="ignore"):
        return tuple(array(each, shape, kind.dtype) for each in (actual, expected))


def array(numbers: list[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    wide = np.array(numbers, dtype=object if "64" in dtype.name and "int" in dtype.name else None)
    return np.asarray(wide.astype(dtype) if wide.size else np.zeros(0, dtype)).reshape(shape)


def values(name: str) -> st.SearchStrategy[Any]:
    if name == "bool":
        return st.booleans()
    if "int" in name:
        bits, unsigned = ELEMENT_TYPES[name].bits, name.startswith("u")
        low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))
    special = [0.0, -0.0, 1.0, 1.0001, -1.0, math.nan, math.inf, -math.inf, 448.0, 1e-8]
    real = st.one_of(st.sampled_from(special), st.floats(-1e4, 1e4, width=32))
    return st.builds(complex, real, real) if name.startswith("complex") else real


ONE_PART = (np.array([complex(1, math.nan), complex(0, math.nan)]), np.array([complex(0, math.nan)] * 2))


@given(pairs(), st.none() | st.floats(0, 10), st.none() | st.floats(0, 1))
@example(ONE_PART, None, None)
def test_agrees_with_the_slow_reference(both: tuple[Any, Any], atol: float | None, rtol: float | None) -> None:
    actual, expected = both
    tolerance = Tolerance(atol=atol, rtol=rtol)
    limit = bound(expected.dtype.name, tolerance)
    wide = expected.dtype.kind in {"c", "f"} or "float" in expected.dtype.name
    found = one(actual, expected, tolerance).comparisons[0]
    if wide:
        target = np.complex128 if expected.dtype.kind == "c" else np.float64
        actual, expected = actual.astype(target), expected.astype(target)
    assert found.total == expected.size
    assert found.mismatched == reference.mismatched(actual, expected, atol=limit.atol, rtol=limit.rtol)
    assert found.passed == (found.mismatched == 0)


@given(pairs())
def test_equal_arrays_pass_unless_they_are_empty(both: tuple[Any, Any]) -> None:
    _, expected = both
    verdict = one(expected.copy(), expected)
    assert verdict.signature == (None if expected.size else NOTHING_COMPARED)
    assert verdict.comparisons[0].mismatched == 0
    assert verdict.comparisons[0].max_abs in (0.0, None)


@given(pairs())
def test_figures_can_be_written_and_never_contain_what_json_cannot_hold(both: tuple[Any, Any]) -> None:
    found = one(*both).comparisons[0]
    for figure in (found.max_abs, found.max_rel, found.pcc):
        assert figure is None or math.isfinite(figure)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
    if found.mismatched:
        assert found.worst_index is not None
        assert len(found.worst_index) == both[1].ndim


@given(pairs(("float64",)))
def test_pcc_agrees_with_the_textbook(both: tuple[Any, Any]) -> None:
    actual, expected = both
    found = one(actual, expected).comparisons[0].pcc
    slow = reference.pearson(actual, expected)
    if slow is None:
        assert found in (None, 0.0, 1.0)
    else:
        spread = min(np.ptp(each[np.isfinite(actual) & np.isfinite(expected)]) for each in both)
        assume(spread > 1e-3)  # below that the textbook formula itself is noise
        assert found == pytest.approx(slow, abs=1e-6)


@given(pairs(("float32", "int32")), st.integers(1, 3))
def test_nothing_is_broadcast(both: tuple[Any, Any], count: int) -> None:
    _, expected = both
    stretched = np.broadcast_to(expected, (count, *expected.shape))
    assert one(stretched, expected).signature == "shape differs"
    assert one(expected, stretched).signature == "shape differs"


def test_a_single_value_is_not_stretched_over_an_array() -> None:
    verdict = one(np.ones(1, np.float32), np.ones(5, np.float32))
    assert verdict.signature == "shape differs"
    assert verdict.comparisons[0].reason == "shape (1,), expected (5,)"
    assert one(np.float32(1), np.ones(1, np.float32)).signature == "shape differs"


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ("float32", "float64"),
        ("float64", "float32"),
        ("int32", "int64"),
        ("bool", "uint8"),
        ("int8", "bool"),
        ("int32", "float32"),
        ("bfloat16", "float16"),
        ("float8_e4m3fn", "uint8"),
        ("int8", "int4"),
    ],
)
def test_nothing_is_cast(actual: str, expected: str) -> None:
    verdict = one(np.ones(3, ELEMENT_TYPES[actual].dtype), np.ones(3, ELEMENT_TYPES[expected].dtype))
    assert verdict.signature == f"dtype {actual}, expected {expected}"
    assert verdict.comparisons[0].total == 0


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "int4"])
def test_integers_of_one_width_are_read_with_the_expected_sign(name: str) -> None:
    unsigned = ELEMENT_TYPES[f"u{name}"].dtype
    expected = np.array([0, 1, -1]).astype(np.int64).astype(unsigned)
    actual = expected.view(ELEMENT_TYPES[name].dtype)
    assert one(actual, expected).signature is None
    assert one(np.zeros_like(actual), expected).comparisons[0].mismatched == 2


def test_distances_of_64_bit_integers_are_exact() -> None:
    top = np.array([2**63 - 1, 2**64 - 1], dtype=np.uint64)
    found = one(top - np.uint64(1), top, Tolerance(atol=0.5)).comparisons[0]
    assert (found.mismatched, found.max_abs) == (2, 1.0)
    low = np.array([-(2**63)], dtype=np.int64)
    assert one(np.array([2**63 - 1], dtype=np.int64), low).comparisons[0].max_abs == float(2**64 - 1)


def test_limits_of_64_bit_integers_are_exact() -> None:
    expected = np.array([-(2**53)], dtype=np.int64)
    assert one(np.array([1], dtype=np.int64), expected, Tolerance(rtol=1.0)).signature == "values differ"
    assert one(np.array([0], dtype=np.int64), expected, Tolerance(rtol=1.0)).signature is None
    assert one(np.array([2**63 - 1], dtype=np.int64), expected, Tolerance(atol=1e300)).signature is None


def test_integers_are_exact_unless_a_tolerance_is_given() -> None:
    assert one(np.array([10]), np.array([11])).signature == "values differ"
    assert one(np.array([10]), np.array([11]), Tolerance(atol=1)).signature is None
    assert one(np.array([10]), np.array([11]), Tolerance(rtol=0.1)).signature is None


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([math.nan, 1], [1, math.nan]),
        ([math.inf], [-math.inf]),
        ([3e38], [math.inf]),
        ([math.nan], [math.inf]),
        ([1], [math.nan]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16])
def test_nan_and_infinity_must_stand_where_expected(actual: list[float], expected: list[float], dtype: Any) -> None:
    verdict = one(np.array(actual).astype(dtype), np.array(expected).astype(dtype), Tolerance(atol=1e300, rtol=1e300))
    assert verdict.signature == "NaN or infinity differs"


def test_parts_of_complex_numbers_have_their_own_pattern() -> None:
    expected = np.array([complex(math.nan, 1), complex(1, math.inf)])
    assert one(expected, expected).signature is None
    assert one(expected[::-1], expected).signature == "NaN or infinity differs"


def test_the_finite_part_of_a_complex_number_is_compared_beside_a_nan_or_an_infinity() -> None:
    found = one(*ONE_PART).comparisons[0]
    assert (found.mismatched, found.worst_index) == (1, (0,))
    one_infinite = np.array([complex(math.inf, 2)])
    assert one(one_infinite + 1e-6j, one_infinite).signature is None
    assert one(one_infinite + 1j, one_infinite).signature == "values differ"


def test_both_zeros_are_equal() -> None:
    verdict = one(np.array([-0.0], np.float32), np.array([0.0], np.float32), Tolerance(atol=0, rtol=0))
    assert verdict.signature is None


def test_outputs_are_counted() -> None:
    golden = [Output("a", np.ones(2)), Output("b", np.ones(2))]
    fewer = compare(golden, [np.ones(2)], DEFAULT)
    more = compare(golden, [np.ones(2)] * 3, DEFAULT)
    assert fewer.signature == more.signature == "output count differs"
    assert [(each.output, each.passed) for each in fewer.comparisons] == [("a", True), ("b", False)]
    assert [(each.output, each.passed) for each in more.comparisons][2] == ("output 2", False)
    assert compare([], [np.ones(2)], DEFAULT).signature == "output count differs"


def test_no_element_is_no_pass_but_one_output_may_be_empty() -> None:
    empty = np.ones((0, 3), np.float32)
    assert one(empty, empty).signature == NOTHING_COMPARED
    assert compare([], [], DEFAULT).signature == NOTHING_COMPARED
    golden = [Output("a", empty), Output("b", np.ones(1, np.float32))]
    assert compare(golden, [empty, np.ones(1, np.float32)], DEFAULT).signature is None


def test_scalars_have_an_index_and_no_correlation() -> None:
    found = one(np.float32(1), np.float32(2)).comparisons[0]
    assert (found.shape, found.worst_index, found.pcc, found.mismatched) == ((), (), None, 1)


def test_pcc_is_required_only_where_it_is_set_and_defined() -> None:
    expected = np.array([1.0, 2.0, 3.0, 4.0])
    actual = np.array([4.0, 1.0, 3.0, 2.0])
    loose = Tolerance(atol=10, pcc=0.99)
    assert one(actual, expected, Tolerance(atol=10)).signature is None
    verdict = one(actual, expected, loose)
    assert verdict.signature == "PCC too low"
    assert verdict.comparisons[0].mismatched == 0
    assert not verdict.comparisons[0].passed
    assert one(np.array([5.0]), np.array([4.0]), loose).signature is None
    assert one(np.full(3, 2.0), np.full(3, 1.0), loose).signature is None
    assert one(expected, expected, loose).signature is None


def test_pcc_survives_huge_and_tiny_numbers() -> None:
    for scale in (1e300, 1e-300):
        expected = np.array([1.0, 2.0, 3.0]) * scale
        assert one(expected * 2, expected).comparisons[0].pcc == pytest.approx(1.0)


def test_figures_are_in_full_precision() -> None:
    actual, expected = np.array([1.0, 2.0 + 2**-40]), np.array([1.0, 2.0])
    found = one(actual, expected).comparisons[0]
    assert (found.max_abs, found.max_rel, found.worst_index) == (2**-40, 2**-41, (1,))


def test_defaults_are_never_stricter_than_the_plain_tools() -> None:
    run_module = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-4, "float64": 1e-4}
    for name, atol in run_module.items():
        assert DEFAULTS[name].atol >= atol
        assert DEFAULTS[name].rtol >= 1e-3  # ONNX's own backend tests


@pytest.mark.parametrize(
    "name", ["float8_e4m3fn", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn", "bool", "int4"]
)
def test_conversions_and_whole_numbers_are_exact_by_default(name: str) -> None:
    assert bound(name, DEFAULT) == EXACT
