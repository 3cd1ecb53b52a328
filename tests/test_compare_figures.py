"""Every figure of a comparison is defined for every kind of value, and obeys the laws of its definition."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.compare import compare
from runner.signature import NOTHING_COMPARED
from runner.tensors import ELEMENT_TYPES
from schemas.case import Tolerance
from schemas.record import OutputComparison

LOOSE = Tolerance(atol=1e300, rtol=1e300)
FIGURES = ("max_abs", "max_rel", "relative_atol", "pcc", "cosine")
NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


class Output(NamedTuple):
    name: str
    value: Any


def found(actual: Any, expected: Any, tolerance: Tolerance = LOOSE) -> OutputComparison:
    return compare([Output("y", np.asarray(expected))], [np.asarray(actual)], tolerance).comparisons[0]


def test_equal_arrays_have_no_error_and_full_correlation() -> None:
    for value in ([1.0, 2.0, 3.0], [5.0, 5.0], [0.0, 0.0], [1 + 2j, 3 - 1j], [True, False], [1, 2, 3]):
        one = found(value, value)
        assert (one.max_abs, one.relative_atol, one.pcc, one.cosine) == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("name", sorted(ELEMENT_TYPES))
def test_every_element_type_has_all_figures(name: str) -> None:
    """bf16, f16, the small floats, integers of all widths, bool and complex alike."""
    dtype = ELEMENT_TYPES[name].dtype
    low, high = (1.0, 2.0) if name == "float8_e8m0fnu" else (0.0, 1.0)  # that type knows no zero
    expected = np.array([low, high, low, high]).astype(dtype)
    one = found(expected[::-1], expected)
    assert one.dtype == name
    assert one.max_abs == 1.0
    assert one.pcc == pytest.approx(-1.0)
    assert one.cosine is not None
    assert one.cosine < 1
    assert one.relative_atol == (0.5 if name == "float8_e8m0fnu" else 1.0)


def test_one_element_skips_pcc_and_keeps_the_rest() -> None:
    for shape in ((), (1,), (1, 1)):
        one = found(np.full(shape, 3.0), np.full(shape, 2.0), Tolerance(atol=2, pcc=0.99))
        assert one.passed
        assert (one.pcc, one.cosine, one.max_abs, one.relative_atol) == (None, 1.0, 1.0, 0.5)


def test_a_constant_golden_has_no_correlation_and_a_constant_answer_none() -> None:
    assert found([1.0, 2.0, 3.0], [4.0, 4.0, 4.0]).pcc is None
    flat = found([4.0, 4.0, 4.0], [1.0, 2.0, 3.0], Tolerance(atol=10, pcc=0.5))
    assert flat.pcc == 0.0
    assert flat.reason == "PCC 0.0, required 0.5"


def test_a_golden_of_zeros_has_no_direction() -> None:
    one = found([0.0, 1.0], [0.0, 0.0])
    assert (one.relative_atol, one.cosine, one.pcc, one.max_rel) == (None, None, None, None)
    assert found([0.0, 0.0], [0.0, 1.0]).cosine == 0.0


def test_figures_are_taken_where_both_sides_are_finite() -> None:
    nan, inf = math.nan, math.inf
    one = found([nan, inf, 1.0, 2.0, 4.0], [nan, inf, 1.0, 2.0, 3.0], Tolerance(atol=1, rtol=0))
    assert one.passed
    assert (one.max_abs, one.relative_atol, one.total, one.worst_index) == (1.0, 1 / 3, 5, (4,))
    assert one.pcc == pytest.approx(np.corrcoef([1, 2, 4], [1, 2, 3])[0, 1])
    nothing = found([nan, nan], [nan, nan])
    assert nothing.passed
    assert all(getattr(nothing, figure) is None for figure in FIGURES)


def test_an_empty_output_has_no_figure_and_is_no_pass() -> None:
    empty = np.zeros((0, 3), np.float32)
    verdict = compare([Output("y", empty)], [empty], LOOSE)
    assert verdict.signature == NOTHING_COMPARED
    assert all(getattr(verdict.comparisons[0], figure) is None for figure in FIGURES)


# ---- complex numbers ------------------------------------------------------------------------------------------------


def test_complex_figures_look_at_both_parts() -> None:
    expected = np.array([1 + 1j, 2 - 3j, -4 + 2j])
    both = np.concatenate([expected.real, expected.imag])
    actual = expected + np.array([0.1j, 0.2, -0.3])
    seen = np.concatenate([actual.real, actual.imag])
    one = found(actual, expected)
    assert one.max_abs == pytest.approx(0.3)
    assert one.relative_atol == pytest.approx(0.3 / abs(-4 + 2j))
    assert one.cosine == pytest.approx(seen @ both / np.linalg.norm(seen) / np.linalg.norm(both))
    parts = [each - each.mean() for each in (expected.real, expected.imag, actual.real, actual.imag)]
    e, a = np.concatenate(parts[:2]), np.concatenate(parts[2:])
    assert one.pcc == pytest.approx(a @ e / np.linalg.norm(a) / np.linalg.norm(e))


def test_a_turned_or_conjugated_answer_does_not_correlate() -> None:
    expected = np.array([1 + 1j, 2 - 3j, -4 + 2j, 0.5j])
    turned = found(1j * expected, expected)
    assert turned.pcc == pytest.approx(0.0, abs=1e-12)
    assert turned.cosine == pytest.approx(0.0, abs=1e-12)
    conjugated = found(expected.conj(), expected, Tolerance(atol=100, pcc=0.99))
    assert not conjugated.passed
    assert conjugated.reason.startswith("PCC ")


def test_a_constant_part_of_complex_numbers_leaves_the_other() -> None:
    expected = np.array([1e9 + 1j, 1e9 + 2j, 1e9 + 4j])
    assert found(expected.real + 2j * expected.imag, expected).pcc == pytest.approx(1.0)


def test_the_finite_part_of_a_half_infinite_number_is_compared() -> None:
    expected = np.array([complex(math.nan, 1), complex(2, math.inf)])
    assert found(expected, expected).passed
    wrong = found(np.array([complex(math.nan, 5), complex(2, math.inf)]), expected, Tolerance(atol=1, rtol=0))
    assert (wrong.mismatched, wrong.worst_index, wrong.reason) == (1, (0,), "1 of 2 elements differ")


# ---- the ends of float64 --------------------------------------------------------------------------------------------

BIGGEST = float(np.finfo(np.float64).max)
SMALLEST = 5e-324


def test_huge_values_do_not_overflow_into_a_pass() -> None:
    one = found([BIGGEST, 1.0], [-BIGGEST, 1.0], Tolerance(atol=0, rtol=1))
    assert not one.passed
    assert one.max_abs is None, "the difference is beyond float64"
    assert (one.max_rel, one.relative_atol) == (2.0, 2.0)
    assert found([BIGGEST, 1.0], [-BIGGEST, 1.0], Tolerance(atol=0, rtol=2)).passed


def test_huge_complex_values_do_not_overflow_into_a_pass() -> None:
    expected = np.array([complex(BIGGEST, BIGGEST), 1.0])
    one = found(np.array([complex(-BIGGEST, BIGGEST), 1.0]), expected, Tolerance(atol=0, rtol=1))
    assert not one.passed
    assert one.relative_atol == pytest.approx(math.sqrt(2))
    assert one.cosine == pytest.approx(0.0, abs=1e-12)
    assert found(expected, expected).relative_atol == 0.0


def test_tiny_values_do_not_vanish_into_a_pass() -> None:
    for neighbour in (1.0, BIGGEST):  # a huge one beside it must not scale it away
        one = found([SMALLEST, neighbour], [0.0, neighbour], Tolerance(atol=0, rtol=0))
        assert one.mismatched == 1
    assert found([SMALLEST, 0.0], [0.0, SMALLEST]).pcc == pytest.approx(-1.0)
    assert found([SMALLEST, 2 * SMALLEST], [SMALLEST, SMALLEST]).relative_atol == 1.0


def _same(one: float | None, other: float | None) -> bool:
    return one is other is None or one == pytest.approx(other, rel=1e-9, abs=1e-9)


@given(NUMBERS, st.randoms(), st.integers(-300, 300))
def test_scaling_both_sides_changes_no_ratio(numbers: list[float], order: Any, exponent: int) -> None:
    expected = np.array(numbers)
    actual = expected.copy()
    order.shuffle(actual)
    scale = 2.0**exponent
    plain, scaled = found(actual, expected), found(actual * scale, expected * scale)
    if np.abs(expected[expected != 0]).min(initial=1) > 1e-9:  # else the smallest become denormal and lose digits
        for figure in ("pcc", "cosine", "relative_atol", "max_rel"):
            assert _same(getattr(plain, figure), getattr(scaled, figure))


@given(NUMBERS, st.randoms(), st.floats(0.01, 100), st.floats(-100, 100))
def test_laws_of_correlation_and_cosine(numbers: list[float], order: Any, factor: float, shift: float) -> None:
    expected = np.array(numbers)
    actual = expected.copy()
    order.shuffle(actual)
    one, back = found(actual, expected), found(expected, actual)
    for figure in ("pcc", "cosine"):
        value = getattr(one, figure)
        assert value is None or -1 <= value <= 1
        assert _same(value, getattr(back, figure))
    if np.ptp(expected) > 1e-3:
        assert found(expected * factor + shift, expected).pcc == pytest.approx(1.0, abs=1e-6)
        assert found(-expected, expected).pcc == pytest.approx(-1.0, abs=1e-9)
    if expected.any():
        assert found(expected * factor, expected).cosine == pytest.approx(1.0)


# ---- relative_atol as a tolerance -----------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=10), st.floats(0, 1), st.floats(0, 2))
def test_relative_atol_is_that_many_times_the_largest_magnitude(
    numbers: list[float], share: float, relative: float
) -> None:
    expected = np.array(numbers)
    limit = relative * np.abs(expected).max()
    actual = expected + share * np.abs(expected).max()
    said = found(actual, expected, Tolerance(relative_atol=relative, rtol=0, atol=123456.0))
    plain = found(actual, expected, Tolerance(atol=limit, rtol=0))
    assert (said.passed, said.mismatched) == (plain.passed, plain.mismatched)


def test_relative_atol_of_a_golden_of_zeros_demands_zeros() -> None:
    assert not found([1e-300, 0.0], [0.0, 0.0], Tolerance(relative_atol=0.5)).passed
    assert found([0.0, 0.0], [0.0, 0.0], Tolerance(relative_atol=0.5)).passed


def test_relative_atol_ignores_infinities_of_the_golden() -> None:
    tolerance = Tolerance(relative_atol=0.1, rtol=0)
    assert not found([math.inf, 5.0, 10.0], [math.inf, 8.0, 10.0], tolerance).passed
    assert found([math.inf, 7.0, 10.0], [math.inf, 8.0, 10.0], tolerance).passed


def test_relative_atol_excuses_no_whole_number() -> None:
    ids = np.array([50_000, 7])
    other = np.array([50_000, 8])
    assert not found(other, ids, Tolerance(relative_atol=0.01)).passed
    assert found(other, ids, Tolerance(relative_atol=0.01, atol=1)).passed


def test_the_figure_relative_atol_is_the_least_tolerance_that_passes() -> None:
    expected, actual = np.array([1.0, -8.0]), np.array([1.5, -8.0])
    figure = found(actual, expected).relative_atol
    assert figure == 1 / 16
    assert found(actual, expected, Tolerance(relative_atol=figure, rtol=0)).passed
    assert not found(actual, expected, Tolerance(relative_atol=figure * 0.999, rtol=0)).passed
