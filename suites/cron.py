"""A cron line turned into None or into what is wrong with it, by GitHub's rules.

Source: GitHub's documentation of `on.schedule`: five fields, POSIX syntax, at most once in five minutes.
"""

from __future__ import annotations

import re

MINIMUM_GAP = 5  # minutes
_DAY = 24 * 60
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?")


class CronError(ValueError):
    """What is wrong with a cron line."""


def check_cron(text: str) -> str | None:
    """None for a schedule GitHub accepts, else the reason it does not."""
    try:
        minutes, hours, days, months, _ = parse_cron(text)
    except CronError as error:
        return str(error)
    if all(min(days) > _LONGEST[month - 1] for month in months):
        return "no such day ever comes in these months"
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    gaps = [b - a for a, b in zip(times, [*times[1:], times[0] + _DAY], strict=True)]
    if min(gaps) < MINIMUM_GAP:
        return f"it runs every {min(gaps)} minutes at times; GitHub allows once in {MINIMUM_GAP}"
    return None


def parse_cron(text: str) -> tuple[frozenset[int], ...]:
    """The five sets of numbers a cron line names; raises `CronError`."""
    words = text.split()
    if len(words) != len(_FIELDS):
        raise CronError(f"it has {len(words)} fields, five are meant: minute hour day month weekday")
    return tuple(_field(word, *field) for word, field in zip(words, _FIELDS, strict=True))


def _field(word: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    numbers: set[int] = set()
    for part in word.split(","):
        found = _PART.fullmatch(part)
        if found is None or (found["low"] == "*" and found["high"]):
            raise CronError(f"{part!r} is no {name}")
        if found["low"] == "*":
            first, last = low, high
        else:
            first = _number(found["low"], name, low, high, names)
            last = first if not found["high"] else _number(found["high"], name, low, high, names)
            if found["step"] and not found["high"]:
                last = high
        step = int(found["step"] or 1)
        if step == 0 or first > last:
            raise CronError(f"{part!r} names no {name}")
        numbers.update(range(first, last + 1, step))
    return frozenset(numbers)


def _number(word: str, name: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(word.upper())
    if number is None:
        if not word.isdigit():
            raise CronError(f"{word!r} is no {name}")
        number = int(word)
    if not low <= number <= high:
        raise CronError(f"{name} {word} is outside {low}-{high}")
    return number
