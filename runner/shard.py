"""One batch of cases becomes one record a case, in a folder with journal, logs and reports."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from runner import devices, judge, opcases, provenance, unrun
from runner.ahead import zygote_for
from runner.bundle.seal import Rules
from runner.cache import caching_of
from runner.cache.room import Room
from runner.disk import Disk, is_full
from runner.fast.lanes import Lane, lane_for, with_jobs
from runner.fast.observer import Batches
from runner.folder import ShardFolder
from runner.journal import Journal, JournalState, now
from runner.ofcase import expecting, stages_of_case, worker_for
from runner.options import Engine, Options
from runner.order import in_order, jobs_at_a_time, limits_of
from runner.outcome import Outcome, hindrance_of
from runner.progress import Progress, Tally, make_progress
from runner.protocol import Caching, Ending, Event, Job, OpByOp, Toolchain
from runner.quarantine import Quarantine
from runner.reports import load_ahead, results_of, write_reports
from runner.reproduce import command_of
from runner.resume import left_to_do, load_resumable
from runner.retry import Reruns, doubtful
from runner.running import Limits, RunningCase
from runner.schedule import Planned, Scheduler, Stop
from runner.select import Batch
from runner.stages.plan import machine_needs
from runner.store import default_store
from runner.supply import Sources, Supplier
from schemas.case import Case, Skip
from schemas.errors import CannotStartError, InfraError
from schemas.record import Provenance, Record, ShardHeader
from schemas.target import StageTimeout
from schemas.words import SkipReason, Stage

log = logging.getLogger("runner.shard")


class ShardRun:
    """The run of one batch: observes the scheduler, journals, judges, and keeps the folder tidy."""

    def __init__(self, batch: Batch, options: Options, toolchain: Toolchain, on_ci: bool) -> None:
        self._batch = batch
        self._options = options
        self._toolchain = toolchain
        self._on_ci = on_ci
        self._attempt = int(os.environ.get("GITHUB_RUN_ATTEMPT") or 1)
        self._folder = self._make_folder(Rules(level=options.cleanup, limit=options.bundle_limit))
        self._stages = {case.id: self._stages_of(case) for case in batch.cases}
        self._cases = {case.id: self._expecting(case) for case in batch.cases}
        self._needs = {case.id: machine_needs(case, self._stages[case.id]) for case in batch.cases}
        self._records: dict[str, Record] = {}
        self._sources = Sources(
            {each: bundle.source for each, bundle in batch.bundles.items()},
            frozenset(each for each, stages in self._stages.items() if Stage.SETUP in stages),
            Supplier(self._folder.prepare_log, options.suites, batch.target.environment, force=options.force_recompile),
        )
        self._readiness: devices.Readiness
        self._disk = Disk(self._folder.root)
        self._quarantine = Quarantine(batch.target.device, self._missing_device)
        self._caching: Caching | None = None
        self._lane: Lane | None = None
        self._journal: Journal
        self._progress: Progress

    def run(self, seconds: Callable[[Case], float], stopped: Callable[[], bool]) -> Outcome:
        """Run what is left to do; the records of all, earlier ones too. ``seconds``: how long a case should take."""
        deadline = time.monotonic() + self._batch.target.shard_timeout
        paths = frozenset(case.path for case in self._batch.cases)
        self._readiness = devices.probe(self._toolchain, self._batch.target, self._needed(), paths)
        collected = self._collect()
        self._folder.provenance = collected
        if self._toolchain.library:
            self._caching = caching_of(default_store(), self._toolchain, force=self._options.force_recompile)
        self._lane = lane_for(self._batch, self._options, self._toolchain, self._caching, seconds)
        header = self._header(collected)
        state = load_resumable(self._folder.journal, header) if self._options.resume else JournalState()
        self._records.update(state.records)
        todo = in_order(left_to_do(tuple(self._cases.values()), state), seconds)
        if state.complete and not todo:
            return self._outcome(Stop.DONE, self._write_reports(state.provenance))
        self._open(state, header)
        jobs = jobs_at_a_time(self._batch.target, self._options.jobs)
        log.info("%s: %d cases to run, %d at a time", self._batch.name, len(todo), jobs)
        tally = Tally(len(todo), {case.id: seconds(case) for case in todo}, jobs)
        self._progress = make_progress(tally, on_ci=self._on_ci)
        stop = Stop.INTERRUPTED
        try:
            stop = self._run_cases(todo, jobs, deadline, stopped)
        finally:
            self._progress.close()
            finished = msgspec.structs.replace(collected, finished=now())
            trouble = self._close_journal(finished if stop is Stop.DONE else None)
        self._folder.finish()
        return self._outcome(stop, trouble or self._write_reports(finished))

    def _make_folder(self, rules: Rules) -> ShardFolder:
        return ShardFolder(self._batch.folder, self._options.keep, rules)

    def _make_journal(self, header: ShardHeader, keep: int) -> Journal:
        return Journal(self._folder.journal, header, keep=keep)

    def _stages_of(self, case: Case) -> tuple[Stage, ...]:
        return stages_of_case(case, self._batch, self._options)

    def _expecting(self, case: Case) -> Case:
        return expecting(case, self._stages[case.id])

    def _collect(self) -> Provenance:
        return provenance.collect(self._toolchain, self._readiness.device)

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """Make a case's folders and journal its start; a case that finds no room for them has its record at once."""
        case = planned.case
        accident = self._accident(case)
        if accident is None:
            try:
                job = self._job(case, self._folder)
            except OSError as error:
                accident = "no working folder", str(error)
            else:
                started = now()
                self._journal.started(case.id, started)
                return job, started
        self.take(unrun.prevented(case, *accident, **self._common(case)))
        return None

    def starting_batch(self, planned: Planned) -> tuple[Job, str] | None:
        """Make a batch's folders and journal the starts of its cases; None where there is no room or no device."""
        if planned.batch is None or self._accident(planned.case) is not None:
            return None
        try:
            place, logs = self._folder.make_batch()
            job = self._job_in(planned.case, place, logs, planned.limits)
            batch = with_jobs(planned.batch, job, lambda each: self._job_in(each, place, logs, self.limits(each)))
        except OSError:
            return None
        started = now()
        self._journal.started(planned.case.id, started, *(each.case.id for each in planned.batch.members[1:]))
        return msgspec.structs.replace(job, batch=batch), started

    def ended_batch(self, job: Job, *, whole: bool) -> None:
        """Remove what a batch left, but for the log of one that did not come to its end."""
        self._folder.ended_batch(job, whole=whole)

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """Judge a case, journal its record, tidy up after it."""
        self._end(case.job, self.verdict(case, ending))

    def failed(self, case: Case, events: tuple[Event, ...], ending: Ending, started: str) -> None:
        """Likewise for a case whose story was told by a batch; its files are where its own process leaves them."""
        job = self._job_in(case, *self._folder.places(case), self.limits(case))
        self._end(job, self._read(self.judged(case, events, ending, started), job))

    def _end(self, job: Job, record: Record) -> None:
        record = self._lane.settled(record) if self._lane is not None else record
        if is_full(record):  # what it left tells nothing, and is where the room has gone
            self._folder.discard(job.case)
        record = self._folder.ended(job, record)
        self.take(msgspec.structs.replace(record, stages=self._folder.with_logs(record.stages)))

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Show what is running."""
        self._progress.tick([each.job.case.key for each in running])

    def starting_again(self, case: Case, folder: ShardFolder) -> tuple[Job, str] | None:
        """The job of a second run; None where it cannot be begun."""
        hindered = self._accident(case) or self._readiness.hinders(self._needs[case.id], case.path)
        if hindered or not self._sources.of(case).path:
            return None
        try:
            job = self._job(case, folder)
        except OSError:
            return None
        # What was kept a moment ago is what is doubted.
        caching = msgspec.structs.replace(job.caching, force=True) if job.caching is not None else None
        return msgspec.structs.replace(job, anew=True, aside=False, caching=caching), now()

    def ended_again(self, record: Record) -> None:
        """Journal the record with both runs."""
        self._records[record.case] = record
        self._journal.rerun(record)
        self._progress.again(record)

    def verdict(self, case: RunningCase, ending: Ending) -> Record:
        """The record of a case by its own story and by the state of the machine."""
        log.debug("%s ended: %s", case.job.case.id, ending)
        return self._read(self.judged(case.job.case, tuple(case.events), ending, case.started), case.job)

    def _read(self, record: Record, job: Job) -> Record:
        return self._quarantine.read(self._disk.read(opcases.with_totals(record, job)))

    def judged(self, case: Case, events: tuple[Event, ...], ending: Ending, started: str) -> Record:
        """The record of a case by its own story alone."""
        return judge.judge(
            case,
            events,
            ending,
            shard=self._batch.shard,
            attempt=self._attempt,
            started=started,
            reproduce=self._reproduce(case),
        )

    def _accident(self, case: Case) -> tuple[str, str] | None:
        """What has happened to this machine that keeps a case from being begun: its signature, and why."""
        return self._disk.hinders() or self._quarantine.hinders(self._needs[case.id])

    def _job(self, case: Case, folder: ShardFolder) -> Job:
        """A case's job with its folders made; raises OSError where there is no room for them."""
        return self._job_in(case, *folder.make(case), self.limits(case), folder)

    def _job_in(
        self, case: Case, place: pathlib.Path, logs: pathlib.Path, limits: Limits, folder: ShardFolder | None = None
    ) -> Job:
        resumed = self._batch.bundles.get(case.id)
        return Job(
            case=case,
            target=self._batch.target,
            toolchain=self._toolchain,
            source=self._sources.of(case).path,
            places=self._sources.places(case),
            folder=str(place),
            logs=str(logs),
            stages=self._stages[case.id],
            load_inputs=resumed.load_inputs if resumed else self._options.load_inputs,
            keep=self._folder.keeps_bundles,
            bundle=resumed.folder if resumed else "",
            reused=resumed.reused if resumed else (),
            ops=self._op_by_op(case, folder or self._folder),
            deadline=limits.case,
            stage_deadlines=tuple(StageTimeout(stage, seconds) for stage, seconds in limits.stages.items()),
            aside=self._options.engine is Engine.AUTO,
            anew=self._options.force_recompile,
            caching=self._caching,
        )

    def _op_by_op(self, case: Case, folder: ShardFolder) -> OpByOp | None:
        if Stage.OP_BY_OP not in self._stages[case.id]:
            return None
        return opcases.op_by_op(case, folder, self._options, self._reproduce(case))

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        for case in todo:
            if case.skip is not None:
                self.take(unrun.skipped(case, case.skip, **self._common(case)))
        real = [case for case in todo if case.skip is None and self._can_run(case)]
        if not real and not self._doubtful():
            return Stop.DONE
        with ExitStack() as stack:
            stack.enter_context(Room(default_store(), 0).in_use())
            worker = self._worker([*real, *self._doubtful()])  # loads what they need while the sources are made
            zygote = stack.enter_context(zygote_for(self._folder.zygote_log, worker))
            observer, planned = self._plan(self._supply(real, stopped))  # and while it loads
            zygote.wait_ready()
            load_ahead()
            scheduler = Scheduler(zygote, observer or self, jobs=jobs, deadline=deadline, stopped=stopped)
            stop = self._first_runs(scheduler, observer, planned)
            if stop is not Stop.DONE or not self._doubtful():
                return stop
            self._sources.find(self._doubtful(), stopped)
            reruns = Reruns(self._folder.again, self._records, self)
            scheduler = Scheduler(zygote, reruns, jobs=1, deadline=deadline, stopped=stopped)
            stop = scheduler.run(self._planned(self._doubtful()))
            return Stop.INTERRUPTED if stop is Stop.INTERRUPTED else Stop.DONE  # every case has its record by now

    def _plan(self, ready: Sequence[Case]) -> tuple[Batches | None, list[Planned]]:
        """What is to be run, in its order, and who observes batches where there are any."""
        if self._lane is None:
            return None, self._planned(ready)
        observer = Batches(self, self._lane, self._folder)
        plan = self._lane.plan(ready, lambda case: self._sources.of(case).path, self.limits)
        return observer, [*plan.batches, *self._planned((*plan.alone, *observer.refused(plan.refused)))]

    def _first_runs(self, scheduler: Scheduler, observer: Batches | None, planned: Sequence[Planned]) -> Stop:
        if observer is not None:
            observer.later = scheduler.add
        stop = scheduler.run(planned)
        if self._lane is not None:
            self._lane.close(self._records.values())
        return stop

    def _planned(self, cases: Sequence[Case]) -> list[Planned]:
        return [Planned(case=case, limits=self.limits(case)) for case in cases]

    def limits(self, case: Case) -> Limits:
        """The deadlines of a case in this run."""
        return limits_of(case, timeout=self._options.timeout, scale=self._options.timeout_scale)

    def _doubtful(self) -> list[Case]:
        """The cases that are to be run a second time, as far as is known now."""
        return [self._cases[each] for each in doubtful(self._records.values())] if self._options.rerun else []

    def _missing_device(self) -> devices.Hindrance | None:
        """Ask again for what was there when the shard began."""
        return devices.probe(self._toolchain, self._batch.target, (Stage.COMPILED_INFERENCE,)).hindrance

    def _reproduce(self, case: Case) -> str:
        return command_of(case, self._batch.bundles.get(case.id), self._options)

    def _worker(self, cases: Sequence[Case]) -> str:
        return worker_for(cases, self._stages)

    def _needed(self) -> frozenset[Stage]:
        """The stages that some case of the batch runs, or has the needs of."""
        return frozenset(stage for case in self._cases.values() if case.skip is None for stage in self._needs[case.id])

    def _can_run(self, case: Case) -> bool:
        """Whether this machine has what the case needs; if not, the case has its record at once."""
        missing = self._readiness.hinders(self._needs[case.id], case.path)
        if missing is None:
            return True
        if missing.skip:
            self.take(unrun.skipped(case, Skip(SkipReason.DRIVER, missing.signature), **self._common(case)))
        else:
            self.take(unrun.prevented(case, missing.signature, missing.why, **self._common(case)))
        return False

    def _supply(self, cases: Sequence[Case], stopped: Callable[[], bool]) -> list[Case]:
        """The cases whose sources are there; the others get their record."""
        self._sources.find(cases, stopped)
        for case in cases:
            if errors := self._sources.errors(case):
                self.take(unrun.prevented(case, "source not available", "\n".join(errors), **self._common(case)))
        return [case for case in cases if self._sources.are_there(case)]  # the run may have been stopped before

    def take(self, *records: Record) -> None:
        """Journal records and show them."""
        if not records:
            return
        self._records.update((record.case, record) for record in records)
        self._journal.record(*records)
        for record in records:
            self._progress.ended(record)

    def _common(self, case: Case) -> unrun.Common:
        return {
            "shard": self._batch.shard,
            "attempt": self._attempt,
            "started": now(),
            "reproduce": self._reproduce(case),
        }

    def _header(self, collected: Provenance) -> ShardHeader:
        return ShardHeader(
            suite=self._batch.suite,
            target=self._batch.target.name,
            shard=self._batch.shard,
            matrix_digest=self._batch.digest,
            planned=len(self._cases),
            attempt=self._attempt,
            provenance=collected,
        )

    def _close_journal(self, finished: Provenance | None) -> str:
        try:
            self._journal.close(finished)
        except InfraError as error:
            print(error, file=sys.stderr)
            return str(error)
        return ""

    def _open(self, state: JournalState, header: ShardHeader) -> None:
        """Make the folder and open the journal; CannotStartError where nothing can be written."""
        try:
            self._folder.begin(resumed=state.header is not None)
            self._journal = self._make_journal(header, state.size)
        except OSError as error:
            raise CannotStartError(
                f"{self._folder.root}: {error.strerror or error}",
                "make room there, or name another folder with --out DIR",
            ) from error

    def _write_reports(self, finished: Provenance) -> str:
        results = results_of(self._header(finished), self._records.values())
        return write_reports(self._folder.root, results, self._batch.matrix)

    def _outcome(self, stop: Stop, trouble: str = "") -> Outcome:
        return Outcome(
            batch=self._batch,
            records=tuple(self._records[each] for each in sorted(self._records)),
            missing=sum(case not in self._records for case in self._cases),
            stop=stop,
            trouble=trouble,
            hindrance=hindrance_of(self._cases.values(), self._needs, self._readiness),
            unrepeated=len(self._doubtful()),
        )
