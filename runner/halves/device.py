"""What was built of a shard becomes one record a case, on the machine that has the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from runner import unrun
from runner.bundle.seal import Rules
from runner.folder import ShardFolder
from runner.halves.handed import LOST, Handed, handed_over
from runner.halves.place import BUILD
from runner.infra import failed_stage
from runner.options import Options
from runner.pool import LIGHT_WORKER
from runner.protocol import Toolchain
from runner.reproduce import reproduce_command
from runner.schedule import Stop
from runner.select import Batch
from runner.shard import ShardRun
from schemas.case import Case
from schemas.record import Provenance, Record, StageResult
from schemas.words import Outcome, Stage, StageStatus


def device_batch(batch: Batch, options: Options) -> tuple[Batch, Handed]:
    """The shard with what was handed over of it; the compiler is needed only where a case is run whole."""
    handed = handed_over(batch, options.handover)
    return msgspec.structs.replace(batch, bundles=handed.going, needs_compiler=bool(handed.whole)), handed


class DeviceRun(ShardRun):
    """The device's half of a shard: first what has ended or is lost, then what was built, then what is run whole."""

    def __init__(self, batch: Batch, options: Options, toolchain: Toolchain, on_ci: bool, handed: Handed) -> None:
        self._handed = handed
        self._ours: frozenset[str] = frozenset(handed.going.keys() | handed.whole.keys())
        super().__init__(batch, options, toolchain, on_ci)

    def _make_folder(self, rules: Rules) -> ShardFolder:
        folder = super()._make_folder(rules)
        folder.keeps_also = (BUILD,)
        return folder

    def _stages_of(self, case: Case) -> tuple[Stage, ...]:
        return super()._stages_of(case) if case.id in self._ours else ()

    def _expecting(self, case: Case) -> Case:
        return case  # both halves together run all its stages

    def _collect(self) -> Provenance:
        return msgspec.structs.replace(super()._collect(), build=self._handed.provenance)

    def _reproduce(self, case: Case) -> str:
        return reproduce_command(case, self._options)  # where the handover lay is of no use to anybody

    def _worker(self, cases: Sequence[Case]) -> str:
        del cases
        return self._loaded

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        for case in todo:
            self._settle(case)
        everything, stop = self._ours, Stop.DONE
        light = [case for case in todo if case.id in everything and Stage.SETUP not in self._stages[case.id]]
        heavy = [case for case in todo if case.id in everything and Stage.SETUP in self._stages[case.id]]
        for group, worker in ((light, LIGHT_WORKER), (heavy, super()._worker(heavy))):
            self._ours, self._loaded = frozenset(case.id for case in group), worker
            stop = super()._run_cases(group, jobs, deadline, stopped) if group else stop
            if stop is not Stop.DONE:
                break
        self._ours = everything
        return stop

    def _settle(self, case: Case) -> None:
        """Take what needs no device: a case that ended while it was built, or that nobody built."""
        partial = self._handed.partials.get(case.id)
        if case.id in self._handed.lost:
            self.take(unrun.prevented(case, LOST, self._handed.lost[case.id], **self._common(case)))
        elif partial is not None and partial.final is not None:
            note = f"ended while it was built on {self._handed.build_on}; its logs are in the artifact of that build"
            final = partial.final
            if final.outcome is not Outcome.SKIP:
                final = msgspec.structs.replace(final, notes=(*final.notes, note))
            self.take(msgspec.structs.replace(final, attempt=self._attempt))

    def _doubtful(self) -> list[Case]:
        """Not the cases that failed while they were built: that was done a second time there."""
        return [case for case in super()._doubtful() if case.id in self._ours]

    def take(self, *records: Record) -> None:
        """As of any shard; each with what its build knew."""
        super().take(*map(self._joined, records))

    def _joined(self, record: Record) -> Record:
        """The record of a case with what its build took, and with its stages where it could not be begun here."""
        partial = self._handed.partials.get(record.case)
        if partial is None or not partial.bundle or record.case not in self._handed.going:
            return self._noted(record)
        record = msgspec.structs.replace(record, seconds=record.seconds + partial.seconds)
        failed = failed_stage(record)
        if record.outcome is not Outcome.INFRA or failed is None or failed.stage is not Stage.SETUP:
            return record
        if any(each.built_on for each in record.stages):
            return record
        cut = StageResult(stage=Stage.COMPILED_INFERENCE, status=StageStatus.INFRA)
        return msgspec.structs.replace(record, stages=(*partial.stages, cut), exit_status=str(cut.stage))

    def _noted(self, record: Record) -> Record:
        why = self._handed.whole.get(record.case)
        return msgspec.structs.replace(record, notes=(*record.notes, f"run whole, because {why}")) if why else record
