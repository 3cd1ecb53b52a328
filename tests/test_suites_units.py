"""Schedules, durations, sizes, and close names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites import catalog
from suites.cron import check_cron, parse_cron
from suites.findings import close_names, did_you_mean
from suites.units import parse_duration, parse_size, show_duration, show_size


@pytest.mark.parametrize(
    "text",
    [
        "17 2 * * *",
        "*/5 * * * *",
        "0,30 * * * *",
        "0 0 1 JAN SUN",
        "5 4 29 2 *",
        "0-55/5 1-3 * * 1-5",
        "58 23 * * *",
        "7 */6 * * mon",
    ],
)
def test_schedules_github_accepts(text: str) -> None:
    assert check_cron(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * * *", "every 1 minutes"),
        ("*/4 * * * *", "every 4 minutes"),
        ("0,58 * * * *", "every 2 minutes"),
        ("0,57 0,23 * * *", "every 3 minutes"),
        ("60 * * * *", "minute 60 is outside 0-59"),
        ("0 24 * * *", "hour 24"),
        ("0 0 0 * *", "day of the month 0"),
        ("0 0 * 13 *", "month 13"),
        ("0 0 * * 7", "day of the week 7"),
        ("0 0 30 2 *", "no such day"),
        ("0 0 31 4,6 *", "no such day"),
        ("0 0 * *", "4 fields"),
        ("0 0 * * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("a 0 * * *", "'a' is no minute"),
        ("5-1 0 * * *", "names no minute"),
        ("*/0 0 * * *", "names no minute"),
        ("1, 0 * * *", "is no minute"),
        ("*-5 0 * * *", "is no minute"),
        ("0 0 * * MONDAY", "is no day of the week"),
    ],
)
def test_schedules_github_refuses(text: str, said: str) -> None:
    assert said in (check_cron(text) or "")


def test_fields_of_a_schedule() -> None:
    minutes, hours, days, months, weekdays = parse_cron("5/20 1,3-4 */15 FEB-MAR 0")
    assert minutes == {5, 25, 45}
    assert hours == {1, 3, 4}
    assert days == {1, 16, 31}
    assert (months, weekdays) == ({2, 3}, {0})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("", None), ("10", None), ("m", None),
     ("10 m", None), ("-5m", None), ("5M", None)],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("8GiB", 8 * 1024**3), ("512MiB", 512 * 1024**2), ("1.5KiB", 1536), ("8GB", None), ("8", None)]
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@given(st.integers(1, 10**6))
def test_what_is_shown_can_be_read_again(number: int) -> None:
    assert parse_duration(show_duration(number)) == number
    assert parse_size(show_size(number * 1024)) == number * 1024


def test_close_names_over_thousands() -> None:
    names = tuple(catalog.by_name())
    assert close_names("onnx/node/test_softmax_axs_1", names)[0] == "onnx/node/test_softmax_axis_1"
    assert close_names("test_relu", names)[0] == "onnx/node/test_relu"
    assert close_names("ONNX/NODE/TEST_RELU", names)[0] == "onnx/node/test_relu"
    assert close_names("zzzzzz", names) == ()
    assert close_names("", names) == ()
    assert did_you_mean("gpu", ("a-b", "c-d")) == "use one of: a-b, c-d"
