"""The cases of a shard become partial records and bundles: all that can be done of them without their device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from results.text import log_lines
from runner.bundle.seal import Rules
from runner.halves.folder import BuildFolder, Handover, goes_on
from runner.halves.journal import PartialJournal
from runner.halves.place import build_folder, handover_folder
from runner.halves.split import Split, split
from runner.journal import Journal
from runner.options import Options
from runner.outcome import Outcome
from runner.protocol import Toolchain
from runner.schedule import Stop
from runner.select import Batch
from runner.shard import ShardRun
from schemas.case import Case
from schemas.partial import PARTIALS, BuildHeader, Partial
from schemas.record import Provenance, Record, ShardHeader, StageResult
from schemas.target import Target
from schemas.words import Stage, StageStatus


def building(target: Target, machine: Target) -> Target:
    """The target as the machine of another one builds for it: its code, the other's tools and limits."""
    return msgspec.structs.replace(
        target,
        toolchain=machine.toolchain,
        environment=machine.environment,
        exclusive_device=False,
        jobs=machine.jobs,
        shard_timeout=machine.shard_timeout,
    )


def build_batch(batch: Batch, machine: Target) -> Batch:
    """What is built of a shard, in a folder of its own below the shard's."""
    cases = tuple(case for case in batch.cases if not split(case).whole)
    return msgspec.structs.replace(
        batch, cases=cases, target=building(batch.target, machine), folder=build_folder(batch.folder)
    )


class BuildRun(ShardRun):
    """The build of a shard. Its outcome has the records of the cases that came to their end in it."""

    def __init__(self, shard: Batch, options: Options, toolchain: Toolchain, on_ci: bool, machine: Target) -> None:
        self._shard = shard
        self._machine = machine
        self._splits: dict[str, Split] = {case.id: split(case) for case in shard.cases}
        self._whole = {case: each.whole for case, each in self._splits.items() if each.whole}
        self._partials: dict[str, Partial] = {}
        self._place: BuildFolder
        super().__init__(build_batch(shard, machine), options, toolchain, on_ci)

    @property
    def partials(self) -> Mapping[str, Partial]:
        """What became of each case, those that are not built included; by case id."""
        return self._partials | {case: Partial(case=case, whole=why) for case, why in self._whole.items()}

    def loads(self, case: str) -> bool:
        """Whether the device has to load the case's model, by what became of it here."""
        found = self.partials.get(case, Partial(case=case))
        return bool(found.whole) or (bool(found.bundle) and found.model)

    def _make_folder(self, rules: Rules) -> BuildFolder:
        batch = self._batch
        number = batch.shard if batch.shard is not None else 0
        handover = Handover(
            folder=handover_folder(self._options.handover, batch.suite, batch.target.name, number),
            target=batch.target,
            with_model=lambda case: self._splits[case.id].model,
        )
        self._place = BuildFolder(batch.folder, self._options.keep, rules, handover)
        return self._place

    def _make_journal(self, header: ShardHeader, keep: int) -> Journal:
        del keep  # nothing is resumed
        build = BuildHeader(
            suite=header.suite,
            target=header.target,
            shard=header.shard or 0,
            build_on=self._machine.name,
            matrix_digest=header.matrix_digest,
            planned=len(self._shard.cases),
            attempt=header.attempt,
            provenance=header.provenance,
        )
        return PartialJournal(self._batch.folder / PARTIALS, build, self._whole, self._as_partial)

    def _stages_of(self, case: Case) -> tuple[Stage, ...]:
        return self._splits[case.id].built

    def _expecting(self, case: Case) -> Case:
        return case  # a build judges no pass, so that nothing can pass against what is expected

    def _write_reports(self, finished: Provenance) -> str:
        del finished  # the device's half reports all
        return ""

    def _as_partial(self, record: Record) -> Partial:
        record = msgspec.structs.replace(record, stages=self._told(record.stages))
        handed = self._place.handed.get(record.case)
        whole = self._place.whole.get(record.case, "")
        stages = tuple(each for each in record.stages if each.status is not StageStatus.SKIP)
        if not goes_on(record):
            bundle = f"{self._batch.folder.name}/{record.bundle}" if record.bundle else ""
            final = msgspec.structs.replace(record, bundle=bundle)
            made = Partial(case=record.case, stages=stages, seconds=record.seconds, final=final)
        elif handed is None:
            made = Partial(case=record.case, seconds=record.seconds, whole=whole or "no bundle of it was written")
        else:
            made = Partial(
                case=record.case,
                stages=stages,
                metrics=record.metrics,
                flags=record.flags,
                notes=record.notes,
                started=record.started,
                seconds=record.seconds,
                bundle=handed.bundle,
                digest=handed.digest,
                size=handed.size,
                model=self._splits[record.case].model and not handed.plain,
            )
        self._partials[record.case] = made
        return made

    def _told(self, stages: Sequence[StageResult]) -> tuple[StageResult, ...]:
        """The stages as run on this machine, with logs as they are named from the shard's folder."""
        return tuple(
            msgspec.structs.replace(
                each,
                log=f"{self._batch.folder.name}/{each.log}" if each.log else None,
                built_on="" if each.status is StageStatus.SKIP else self._machine.name,
            )
            for each in stages
        )


def told(run: BuildRun, outcome: Outcome) -> str:
    """What a person wants to know of a build at its end."""
    partials = run.partials.values()
    handed = [each for each in partials if each.bundle]
    ended = [each.final for each in partials if each.final is not None]
    whole = [each for each in partials if each.whole]
    size = sum(each.size for each in handed) / 1024**2
    counts = f"{len(handed)} handed over ({size:.1f} MiB), {len(ended)} ended here, {len(whole)} left whole"
    lines = [f"{outcome.batch.name}: {counts}" + (f", {outcome.missing} not built" if outcome.missing else "")]
    lines += [f"  {each.outcome} {each.case}: {each.error.signature if each.error else ''}" for each in ended[:50]]
    lines += [f"  whole {each.case}: {each.whole}" for each in whole[:50]]
    if outcome.stop is Stop.SHARD_DEADLINE:
        lines.append("  the deadline of the building machine ended it; what is not built counts as lost")
    return log_lines("\n".join(lines))
