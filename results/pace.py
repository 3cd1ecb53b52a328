"""The plan of a run and the times of its shards become planned and actual minutes, with an alarm where they differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from results.plan import PlannedShard
from schemas.record import Provenance
from schemas.report import ShardEntry, ShardMinutes

#: Off by more than this part of what was planned is an alarm: durations want a refresh, or the machine has changed.
ALARM = 0.25
REMEDY = "refresh the durations with `python -m results timings DIR --write`, then run `python -m generator`"


def pace(shards: Iterable[PlannedShard], entries: Iterable[ShardEntry]) -> tuple[ShardMinutes, ...]:
    """One row a planned shard, in their order; the newest attempt that came to its end counts.

    What a shard took is from its provenance's start to its end, and what its set-up is expected to take besides. Left
    out are shards of which only a part was asked for, or that went to another depth: no plan says how long these take.
    """
    found: dict[tuple[str, str, int | None], ShardEntry] = {}
    for entry in sorted(entries, key=lambda each: (each.attempt, each.file)):
        if entry.taken and entry.complete and seconds(entry.provenance) is not None:
            found[entry.suite, entry.target, entry.shard] = entry
    return tuple(
        _row(shard, found.get((shard.suite, shard.target, shard.shard))) for shard in shards if shard.as_planned
    )


def seconds(provenance: Provenance) -> float | None:
    """From the start of a shard's program to its end; None where one of them is not known."""
    try:
        began, ended = (dt.datetime.fromisoformat(each) for each in (provenance.started, provenance.finished))
        return (ended - began).total_seconds()
    except (ValueError, TypeError):  # no time; one with a zone, one without
        return None


def alarms(rows: Iterable[ShardMinutes]) -> tuple[ShardMinutes, ...]:
    """Those far from their plan, the farthest first."""
    return tuple(sorted((row for row in rows if row.alarm), key=lambda row: -abs(row.off or 0)))


def alarm_text(rows: tuple[ShardMinutes, ...]) -> str:
    """``3 of 12 shards took over 25 % more or less than planned``; empty without such."""
    count, measured = len(alarms(rows)), sum(row.actual is not None for row in rows)
    return f"{count} of {measured} shards took over {ALARM:.0%} more or less than planned" if count else ""


def _row(shard: PlannedShard, entry: ShardEntry | None) -> ShardMinutes:
    ran = seconds(entry.provenance) if entry is not None else None
    actual = None if ran is None else round(ran / 60 + shard.setup_minutes, 1)
    off = None if actual is None or not shard.minutes else round(actual / shard.minutes - 1, 3)
    return ShardMinutes(
        suite=shard.suite,
        target=shard.target,
        shard=shard.shard,
        attempt=entry.attempt if entry is not None else None,
        planned=shard.minutes,
        setup=shard.setup_minutes,
        actual=actual,
        off=off,
        alarm=off is not None and abs(off) > ALARM,
    )
