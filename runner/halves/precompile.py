"""A built shard's kernels go through the device's driver while it is built, where that works without the device.

What the driver makes is handed over with the bundles: the device then compiles nothing. Each case is run as its device
would, in processes of its own and with the same deadlines; but whatever comes out is thrown away. It proves nothing
about a case, which goes on from its bundle in any event.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import msgspec

from results.text import log_lines
from runner import toolchain
from runner.cache.room import LIMIT_VARIABLE, limit_from
from runner.folder import Keep
from runner.halves.build import building
from runner.halves.device import DeviceRun
from runner.halves.drivercode import CODE_FILE, pack
from runner.halves.handed import Handed, handed_over
from runner.halves.place import handover_folder
from runner.options import Options
from runner.outcome import Outcome as Ended
from runner.progress import PlainProgress, Tally
from runner.schedule import Stop
from runner.select import Batch
from runner.store import default_store
from schemas.case import Case
from schemas.errors import CannotStartError, UsageError
from schemas.partial import Half
from schemas.record import Provenance, Record
from schemas.target import Target
from schemas.words import Outcome, SkipReason, Stage
from suites.units import show_size

_SHOWN = 50


class _Quiet(PlainProgress):
    """A sign of life now and then: that nothing is proved needs no line for each case."""

    def ended(self, record: Record) -> None:
        """Count it."""
        self._tally.add(record)


class _DriverRun(DeviceRun):
    """The device's half as far as the driver hears of it, without reports."""

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        self._progress = _Quiet(Tally(len(todo), {}, jobs), sys.stdout)
        return super()._run_cases(todo, jobs, deadline, stopped)

    def _write_reports(self, finished: Provenance) -> str:
        del finished
        return ""


def precompile(batch: Batch, machine: Target, options: Options, ends: float, stopped: Callable[[], bool]) -> list[str]:
    """Fill the handover of a built shard with its driver's code; what a person wants to know of that.

    ``ends``: until when, by the monotonic clock. Nothing that goes wrong here is more than a line of text.
    """
    handed = _going(handed_over(batch, options.handover))
    cases = tuple(case for case in batch.cases if case.id in handed.going)
    if not cases or options.force_recompile:
        return []
    if limit_from(os.environ) == 0:
        return [f"  driver: nothing of its code is handed over: {LIMIT_VARIABLE} is 0, so that none is kept"]
    begun = time.monotonic()
    target = msgspec.structs.replace(_with_driver(batch.target, machine), shard_timeout=ends - begun)
    try:
        with tempfile.TemporaryDirectory(prefix="e2eshard-driver-") as folder:
            outcome = _run(_driven(batch, target, cases, handed, pathlib.Path(folder)), options, handed, stopped)
        size = _hand_over(batch, target, cases, handed, options)
    except (OSError, CannotStartError, UsageError) as error:
        return [log_lines(f"  driver: nothing of its code is handed over: {error}")]
    took = f"{time.monotonic() - begun:.1f} s, {size / 1024**2:.1f} MiB handed over"
    return [log_lines(line) for line in _told(outcome, took)]


def _going(handed: Handed) -> Handed:
    """Those that the device runs from their bundle alone, and of them what the driver hears of."""
    going = {
        case: msgspec.structs.replace(each, run=(Stage.COMPILED_INFERENCE,))
        for case, each in handed.going.items()
        if Stage.SETUP not in each.run
    }
    return Handed(provenance=handed.provenance, build_on=handed.build_on, partials=handed.partials, going=going)


def _with_driver(target: Target, machine: Target) -> Target:
    """The device's target where only its driver is: what it says of code, and the other machine's tools and limits."""
    there = building(target, machine)
    return msgspec.structs.replace(
        there,
        name=f"{target.name}+driver",  # what goes alone here need not do so on the device
        environment=(*target.environment, *(target.build_driver or ())),
    )


def _driven(batch: Batch, target: Target, cases: tuple[Case, ...], handed: Handed, folder: pathlib.Path) -> Batch:
    return msgspec.structs.replace(
        batch,
        target=target,
        cases=cases,
        bundles=handed.going,
        needs_compiler=False,
        matrix=None,
        folder=folder / "driver",
    )


def _run(batch: Batch, options: Options, handed: Handed, stopped: Callable[[], bool]) -> Ended:
    options = msgspec.structs.replace(options, half=Half.DEVICE, keep=Keep.NONE, rerun=False, resume=False, emit=())
    tools = toolchain.find(options.compiler, batch.target, compiler=False)
    return _DriverRun(batch, options, tools, False, handed).run(lambda _: 1.0, stopped)


def _hand_over(batch: Batch, target: Target, cases: Sequence[Case], handed: Handed, options: Options) -> int:
    """Bytes of the code that is handed over; UsageError where that would be too many."""
    file = handover_folder(options.handover, batch.suite, batch.target.name, batch.shard or 0) / CODE_FILE
    size = pack(default_store(), target, cases, file)
    left = batch.target.handover_total - sum(each.size for each in handed.partials.values())
    if size > left:
        file.unlink()
        raise UsageError(
            f"it takes {show_size(size)}, and {show_size(max(left, 0))} are left of handover-total",
            f"give {batch.target.name} a larger handover-total, or leave build-driver out",
        )
    return size


def _told(outcome: Ended, took: str) -> list[str]:
    """How many cases went through the driver, and a line for each of the others."""
    failed = [each for each in outcome.records if not _went_through(each)]
    if outcome.hindrance is not None:
        return [f"  driver: {outcome.hindrance.why}"]
    done, planned = len(outcome.records) - len(failed), len(outcome.records) + outcome.missing
    lines = [f"  driver: the kernels of {done} of {planned} cases compiled in {took}"]
    lines += [f"  not {each.case}: {each.error.signature if each.error else ''}" for each in failed[:_SHOWN]]
    if outcome.stop is not Stop.DONE:
        lines.append(f"  the {outcome.stop} ended that; the device's driver compiles what is left")
    return lines


def _went_through(record: Record) -> bool:
    return record.outcome is Outcome.SKIP and record.skip_reason is SkipReason.NOT_COMPARED
