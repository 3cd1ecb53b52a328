"""A built shard's kernels go through the device's driver while it is built, where that works without the device.

What the driver makes is handed over with the bundles, so that the device need not compile it. Each case is run as its
device would, with the same isolation and deadlines; but whatever comes out is thrown away: it proves nothing about the
case, which goes on from its bundle in any event.
"""

from __future__ import annotations

import logging
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from results.text import log_lines
from runner import toolchain
from runner.folder import Keep, ShardFolder
from runner.halves.build import building
from runner.halves.device import DeviceRun
from runner.halves.drivercode import CODE_FILE, pack
from runner.halves.handed import Handed, handed_over
from runner.halves.place import build_folder, handover_folder
from runner.journal import Journal
from runner.options import Options
from runner.outcome import Outcome
from runner.progress import PlainProgress, Tally
from runner.protocol import Job, Toolchain, Trial
from runner.running import Limits
from runner.schedule import Stop
from runner.select import Batch
from schemas.case import Case
from schemas.errors import E2EShardError, UsageError
from schemas.partial import Half
from schemas.record import Provenance, Record, ShardHeader
from schemas.target import Target
from schemas.words import Stage, StageStatus
from suites.units import show_size

log = logging.getLogger("runner.halves")

_SHOWN = 50
#: Seconds. The trial takes no longer than the build has, but for the least; and of the machine's shard-timeout it
#: leaves the reserve, for what no deadline ends: starting, killing, packing.
_LEAST, _RESERVE = 300.0, 90.0


class _Quiet(PlainProgress):
    """A sign of life now and then: an ending here is none of a case."""

    def ended(self, record: Record) -> None:
        """Count it."""
        self._tally.add(record)


class _DriverRun(DeviceRun):
    """The device's half where only its driver is, in a folder that goes with it."""

    def __init__(self, batch: Batch, options: Options, tools: Toolchain, handed: Handed, trial: Trial) -> None:
        self._trial = trial
        super().__init__(batch, options, tools, True, handed)

    @property
    def made_by(self) -> str:
        """The driver's name for the device that it stands in for, and what of this machine may be in its code."""
        return f"{self._readiness.device} on {len(os.sched_getaffinity(0))} processors"

    def _job_in(
        self, case: Case, place: pathlib.Path, logs: pathlib.Path, limits: Limits, folder: ShardFolder | None = None
    ) -> Job:
        return msgspec.structs.replace(super()._job_in(case, place, logs, limits, folder), trial=self._trial)

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        self._progress = _Quiet(Tally(len(todo), {}, jobs), sys.stdout)
        return super()._run_cases(todo, jobs, deadline, stopped)

    def _make_journal(self, header: ShardHeader, keep: int) -> Journal:
        return Journal(self._folder.root / "trial.jsonl", header, keep=keep)  # nobody may take it for a shard's records

    def _write_reports(self, finished: Provenance) -> str:
        del finished
        return ""


def precompile(batch: Batch, machine: Target, options: Options, begun: float, stopped: Callable[[], bool]) -> list[str]:
    """Fill the handover of a built shard with its driver's code; lines that say what came of it.

    ``begun``: when the build began, by the monotonic clock. Nothing that goes wrong here is more than such a line.
    """
    now = time.monotonic()
    ends = min(begun + machine.shard_timeout - _RESERVE, now + max(_LEAST, now - begun))
    try:
        lines = _precompile(batch, machine, options, ends, stopped)
    except (OSError, E2EShardError) as error:
        lines = [f"driver: none of its code is handed over: {error}"]
    except Exception as error:  # the shard is built, whatever this is
        log.warning("the trial of the driver ended with a bug of the runner", exc_info=True)
        lines = [f"driver: none of its code is handed over: {type(error).__name__}: {error}"]
    return [log_lines(f"  {line}") for line in lines]


def _precompile(batch: Batch, machine: Target, options: Options, ends: float, stopped: Callable[[], bool]) -> list[str]:
    begun = time.monotonic()
    if begun >= ends:
        return ["driver: no time is left for it; the device's driver compiles all"]
    handed = _going(batch, handed_over(batch, options.handover))
    if not handed.going or options.force_recompile:
        return ["driver: no case has use for its code"]
    folder = build_folder(batch.folder).absolute() / "work"  # the build's no more; the next one removes what is left
    trial = Trial(batch.target.precompile_driver or (), str(folder / "code"))
    tried = _tried(batch, machine, handed, folder / "run", ends)
    asked = msgspec.structs.replace(options, half=Half.DEVICE, keep=Keep.NONE, rerun=False, resume=False, emit=())
    try:
        tools = toolchain.find(options.compiler, tried.target, compiler=False)
        run = _DriverRun(tried, asked, tools, handed, trial)
        outcome = run.run(lambda _: 1.0, stopped)
        if outcome.hindrance is not None:
            return [f"driver: {outcome.hindrance.why}"]
        size = 0 if stopped() else _hand_over(batch, handed, options, folder / "code", run.made_by)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    what = f"{size / 1024**2:.1f} MiB handed over" if size else "nothing handed over"
    return [f"driver: {run.made_by}", *_told(outcome, f"{time.monotonic() - begun:.1f} s, {what}")]


def _going(batch: Batch, handed: Handed) -> Handed:
    """Those that the device runs from their bundles alone, and not to see them fail in that."""
    doomed = {
        each.id for each in batch.cases if each.expectation and Stage.COMPILED_INFERENCE in each.expectation.stages
    }
    going = {case: each for case, each in handed.going.items() if Stage.SETUP not in each.run and case not in doomed}
    return Handed(provenance=handed.provenance, build_on=handed.build_on, partials=handed.partials, going=going)


def _tried(batch: Batch, machine: Target, handed: Handed, folder: pathlib.Path, ends: float) -> Batch:
    """The device's cases where only its driver is, with the other machine's tools and limits."""
    there = building(batch.target, machine)
    target = msgspec.structs.replace(
        there,
        name=f"{batch.target.name}+driver",  # what goes alone here need not do so on the device
        # With these devices are looked for; a case has the trial's own on top.
        environment=(*there.environment, *batch.target.environment, *(batch.target.precompile_driver or ())),
        shard_timeout=ends - time.monotonic(),
    )
    return msgspec.structs.replace(
        batch,
        target=target,
        cases=tuple(case for case in batch.cases if case.id in handed.going),
        bundles=handed.going,
        needs_compiler=False,
        matrix=None,
        folder=folder,
    )


def _hand_over(batch: Batch, handed: Handed, options: Options, code: pathlib.Path, made_by: str) -> int:
    """Bytes of the code that is handed over; UsageError where that would be too many."""
    file = handover_folder(options.handover, batch.suite, batch.target.name, batch.shard or 0) / CODE_FILE
    size = pack(code, file, made_by)
    left = batch.target.handover_total - sum(each.size for each in handed.partials.values())
    if size > left:
        file.unlink()
        raise UsageError(
            f"it takes {show_size(size)}, and {show_size(max(left, 0))} are left of handover-total",
            f"give {batch.target.name} a larger handover-total, or leave precompile-driver out",
        )
    return size


def _told(outcome: Outcome, took: str) -> list[str]:
    """How many cases went through the driver, and a line for each of the others."""
    failed = [each for each in outcome.records if not _went_through(each)]
    done, planned = len(outcome.records) - len(failed), len(outcome.records) + outcome.missing
    lines = [f"the kernels of {done} of {planned} cases compiled in {took}"]
    lines += [f"not {each.case}: {each.error.signature if each.error else ''}" for each in failed[:_SHOWN]]
    if outcome.stop is not Stop.DONE:
        lines.append(f"ended early ({outcome.stop}): the device's driver compiles what is left")
    return lines


def _went_through(record: Record) -> bool:
    return any(each.stage is Stage.COMPILED_INFERENCE and each.status is StageStatus.PASS for each in record.stages)
