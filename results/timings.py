"""Runs become recorded durations: the p75 of every case's good runs, merged into ``timings/<target>.json``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from results.load import Row, Run, load
from results.patch import NAME, Patch, read_text
from schemas.errors import UsageError
from schemas.words import Outcome
from suites import timings
from suites.estimate import p75

#: Runs that ended as they will end again: an expected failure costs its shard time like a pass.
_GOOD = frozenset({Outcome.PASS, Outcome.XPASS, Outcome.XFAIL})
#: A recorded value stays while the new one is this near: durations wobble, diffs should not.
_NEAR = 0.2
_SMALLEST = 0.01


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """All files' changes, and how many cases were measured."""

    patches: tuple[Patch, ...]
    measured: int


def refresh(runs: Sequence[Path], suites: Path) -> Refresh:
    """Reads the runs and the recorded durations; writes nothing. Raises ``UsageError`` and ``ManifestError``."""
    if not suites.is_dir():
        raise UsageError(f"{suites}: there is no such folder", "--suites names the folder with targets.yaml")
    recorded = timings.load(suites)
    patches: list[Patch] = []
    measured = 0
    loaded = [load(run) for run in runs]
    on_device = measure_devices(loaded)
    for target, seconds in sorted(measure(loaded).items()):
        if not NAME.fullmatch(target):
            raise UsageError(f"a run names a target {target!r}, which no targets.yaml allows")
        measured += len(seconds)
        file = timings.file_of(suites, target)
        old = read_text(file)
        device = settle(recorded.recorded_on_device(target), on_device.get(target, {}))
        new = timings.dump(target, settle(recorded.recorded(target), seconds), device).decode()
        if new != old:
            patches.append(Patch(file=file, old=old, new=new))
    return Refresh(patches=tuple(patches), measured=measured)


def measure(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """Seconds by target and case key: the p75 over all good runs as their manifests say, by nearest rank."""
    return _measure(runs, lambda row: row.seconds)


def measure_devices(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """As ``measure``, of the seconds on their target's own machine, of cases that were built on another one."""
    return _measure(runs, lambda row: row.device_seconds or 0.0)


def _measure(runs: Iterable[Run], seconds: Callable[[Row], float]) -> dict[str, dict[str, float]]:
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for row in run.rows.values():
            if row.outcome in _GOOD and row.as_declared and not row.flaky and seconds(row) > 0:
                samples[row.target][timings.key_of(row.key, row.depth)].append(seconds(row))
    return {target: {key: p75(values) for key, values in cases.items()} for target, cases in samples.items()}


def settle(recorded: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
    """What to record: cases that did not run keep their value, and so do those that moved by 20 % at most."""
    result = dict(recorded)
    for key, value in measured.items():
        new = max(value, _SMALLEST)
        old = recorded.get(key)
        if old is None or abs(new - old) > _NEAR * old:
            result[key] = new
    return result
