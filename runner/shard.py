"""One batch of cases becomes one record a case, in a folder with journal, logs and reports."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import msgspec

from runner import judge, provenance, unrun
from runner.folder import ShardFolder
from runner.journal import Journal, JournalState
from runner.options import Options
from runner.order import in_order, jobs_at_a_time, limits_of
from runner.pool import Zygote
from runner.progress import Progress, Tally, make_progress
from runner.protocol import Ending, Job, Prepared, Toolchain
from runner.reproduce import reproduce_command
from runner.resume import left_to_do, load_resumable
from runner.running import RunningCase
from runner.schedule import Planned, Scheduler, Stop
from runner.select import Batch
from runner.stages.plan import plan
from runner.supply import prepare_sources
from schemas.case import Case, Source
from schemas.errors import CannotStartError, InfraError
from schemas.record import Provenance, Record, ShardHeader, ShardResults
from schemas.words import Stage

log = logging.getLogger("runner.shard")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to."""

    batch: Batch
    records: tuple[Record, ...]
    missing: int  # planned cases without a record: the run was stopped
    stop: Stop
    trouble: str = ""  # the journal or the reports could not be written


class ShardRun:
    """The run of one batch: observes the scheduler, journals, judges, and keeps the folder tidy."""

    def __init__(self, batch: Batch, options: Options, toolchain: Toolchain, on_ci: bool) -> None:
        self._batch = batch
        self._options = options
        self._toolchain = toolchain
        self._on_ci = on_ci
        self._attempt = int(os.environ.get("GITHUB_RUN_ATTEMPT") or 1)
        self._folder = ShardFolder(batch.folder, options.keep)
        self._stages = {case.id: _stages(case, options) for case in batch.cases}
        self._cases = {case.id: _expecting(case, self._stages[case.id]) for case in batch.cases}
        self._records: dict[str, Record] = {}
        self._sources: dict[Source, Prepared] = {}
        self._journal: Journal
        self._progress: Progress

    def run(self, seconds: Callable[[Case], float], stopped: Callable[[], bool]) -> Outcome:
        """Run what is left to do; the records of all, earlier ones too. ``seconds``: how long a case should take."""
        deadline = time.monotonic() + self._batch.target.shard_timeout
        collected = provenance.collect(self._toolchain, self._batch.target)
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

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """Make a case's folders and journal its start; a case that finds no room for them has its record at once."""
        case = planned.case
        try:
            folder, logs = self._folder.make(case)
        except OSError as error:
            self._take(unrun.prevented(case, "no working folder", str(error), **self._common(case)))
            return None
        started = now()
        self._journal.started(case.id, started)
        job = Job(
            case=case,
            target=self._batch.target,
            toolchain=self._toolchain,
            source=self._sources[case.source].path,
            folder=str(folder),
            logs=str(logs),
            stages=self._stages[case.id],
            load_inputs=self._options.load_inputs,
        )
        return job, started

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """Judge a case, journal its record, tidy up after it."""
        which = case.job.case
        log.debug("%s ended: %s", which.id, ending)
        record = judge.judge(
            which,
            tuple(case.events),
            ending,
            shard=self._batch.shard,
            attempt=self._attempt,
            started=case.started,
            reproduce=reproduce_command(which, self._options),
        )
        self._take(msgspec.structs.replace(record, stages=self._folder.with_logs(record.stages)))
        self._folder.ended(which, record.outcome)

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Show what is running."""
        self._progress.tick([each.job.case.key for each in running])

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        for case in todo:
            if case.skip is not None:
                self._take(unrun.skipped(case, case.skip, **self._common(case)))
        real = [case for case in todo if case.skip is None]
        if not real:
            return Stop.DONE
        with ExitStack() as stack:
            zygote = stack.enter_context(Zygote(self._folder.zygote_log))  # loads while the sources are made
            ready = self._supply(real, stopped)
            zygote.wait_ready()
            scheduler = Scheduler(zygote, self, jobs=jobs, deadline=deadline, stopped=stopped)
            options = self._options
            planned = [
                Planned(case=case, limits=limits_of(case, timeout=options.timeout, scale=options.timeout_scale))
                for case in ready
            ]
            return scheduler.run(planned)

    def _supply(self, cases: Sequence[Case], stopped: Callable[[], bool]) -> list[Case]:
        """The cases whose sources are there; the others get their record."""
        wanted = (case.source for case in cases)
        log_file = self._folder.prepare_log
        self._sources = prepare_sources(
            wanted, log_file, base=self._options.suites, force=self._options.force_recompile, stopped=stopped
        )
        ready = []
        for case in cases:
            answer = self._sources.get(case.source)
            if answer is None:
                continue  # stopped before it was asked for
            if answer.path:
                ready.append(case)
            else:
                self._take(unrun.prevented(case, "source not available", answer.error, **self._common(case)))
        return ready

    def _take(self, record: Record) -> None:
        self._records[record.case] = record
        self._journal.record(record)
        self._progress.ended(record)

    def _common(self, case: Case) -> unrun.Common:
        return {
            "shard": self._batch.shard,
            "attempt": self._attempt,
            "started": now(),
            "reproduce": reproduce_command(case, self._options),
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
            self._journal = Journal(self._folder.journal, header, keep=state.size)
        except OSError as error:
            raise CannotStartError(
                f"{self._folder.root}: {error.strerror or error}",
                "make room there, or name another folder with --out DIR",
            ) from error

    def _write_reports(self, finished: Provenance) -> str:
        """Write the reports; what was wrong, if they could not be written: the journal has it all the same."""
        from results.shard import write_shard  # noqa: PLC0415 - brings openpyxl; no case is running any more

        results = ShardResults(
            suite=self._batch.suite,
            target=self._batch.target.name,
            shard=self._batch.shard,
            matrix_digest=self._batch.digest,
            attempt=self._attempt,
            provenance=finished,
            records=tuple(self._records[each] for each in sorted(self._records)),
        )
        try:
            write_shard(self._folder.root, results, self._batch.matrix)
        except OSError as error:
            said = f"{self._folder.root}: the reports could not be written: {error.strerror or error}"
            print(f"{said}\n    mend: make room there and run the same command with --resume", file=sys.stderr)
            return said
        return ""

    def _outcome(self, stop: Stop, trouble: str = "") -> Outcome:
        return Outcome(
            batch=self._batch,
            records=tuple(self._records[each] for each in sorted(self._records)),
            missing=sum(case not in self._records for case in self._cases),
            stop=stop,
            trouble=trouble,
        )


def now() -> str:
    """This moment as ISO 8601 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stages(case: Case, options: Options) -> tuple[Stage, ...]:
    return plan(case, options.stages, options.skip_stages)


def _expecting(case: Case, stages: tuple[Stage, ...]) -> Case:
    """Without its expectation where the failing stage is not run: passing is no surprise then."""
    if case.expectation is None or case.expectation.stage in stages:
        return case
    return msgspec.structs.replace(case, expectation=None)
