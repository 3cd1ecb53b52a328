"""Planned and actual minutes of shards as a section of summary.md."""

from __future__ import annotations

from collections.abc import Iterator

from results.digest import Digest
from results.pace import REMEDY, alarm_text, alarms
from results.text import cell
from schemas.report import ReportHead, ShardMinutes

_SHOWN = 50


def pace_alarm(head: ReportHead) -> Iterator[str]:
    """One line for the top; nothing where all shards took about what was planned."""
    if text := alarm_text(head.minutes):
        yield f"> ⏱️ **{text}**; see [minutes](#minutes-planned-and-actual)."
        yield ""


def minutes(head: ReportHead, _: Digest) -> Iterator[str]:
    """The shards that are far from their plan, then all others, in order; last what they are together."""
    measured = tuple(row for row in head.minutes if row.actual is not None)
    if not measured:
        return
    yield "## Minutes, planned and actual"
    yield ""
    if text := alarm_text(head.minutes):
        yield f"**{text}**: {REMEDY}."
        yield ""
    yield "| shard | planned | actual | off | |"
    yield "|---|--:|--:|--:|---|"
    far = alarms(measured)
    rows = (*far, *(row for row in measured if not row.alarm))
    for row in rows[:_SHOWN]:
        name = cell(f"{row.suite}/{row.target}/{row.shard}")
        yield f"| {name} | {row.planned:.1f} | {row.actual:.1f} | {_off(row)} | {'⚠️' if row.alarm else ''} |"
    planned, actual = sum(row.planned for row in measured), sum(row.actual or 0 for row in measured)
    more = f" ({len(rows) - _SHOWN} more in report.xlsx)" if len(rows) > _SHOWN else ""
    share = f"{actual / planned - 1:+.0%}" if planned else ""
    yield f"| together{more} | {planned:.1f} | {actual:.1f} | {share} | |"
    yield ""
    if lost := len(head.minutes) - len(measured):
        yield f"Not measured: {lost} shard{'s' * (lost != 1)} that did not come to an end."
        yield ""


def _off(row: ShardMinutes) -> str:
    return f"{row.off:+.0%}" if row.off is not None else ""
