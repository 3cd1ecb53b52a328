"""A walk becomes results: every unique operation run once, in a process of its own, and journalled at once."""

from __future__ import annotations

import pathlib
import shutil
import sys
from collections.abc import Iterator

import msgspec

from runner.failures import StageFailure
from runner.ops import bundles, results
from runner.ops.ahead import Ahead, Seen
from runner.ops.alone import LOG, Alone, Wish
from runner.ops.chosen import Chosen
from runner.ops.isolation import Isolation, Limits
from runner.ops.journal import OpJournal
from runner.ops.keys import SHOWN, digest_of
from runner.ops.lane import Lane
from runner.ops.parts import EACH, compilers
from runner.ops.program import OpProgram, Place, Walker
from runner.ops.store import OpStore
from runner.ops.totals import Tally
from runner.protocol import OpByOp
from runner.work import Work, present
from schemas.ops import OpResult, OpUse
from schemas.words import StageStatus

#: After so many operations in a row that the machine failed, it is the machine that is broken.
_ENOUGH = 3
_FOLDER = "op"


class Engine:
    """One case's operations, from its walker to its journal."""

    def __init__(self, work: Work, settings: OpByOp, walker: Walker, wish: Wish, store: OpStore) -> None:
        case = work.job.case
        self._work = work
        self._settings = settings
        self._walker = walker
        self._wish = wish
        self._store = store
        self._chosen = Chosen(settings.only)
        self._journal = OpJournal(pathlib.Path(settings.journal))
        limits = Limits(seconds=settings.timeout, memory=case.memory_limit)
        self._isolation = Isolation(limits)
        self._compiler = next((each.sha256 for each in settings.made.tools if each.name == "iree-compile"), "")
        self.lane = Lane(
            work, wish, store=store, journal=self._journal, limits=limits, alone=self._run, blank=self._blank
        )
        self._joins = settings.joins and self._chosen.all and not settings.profile
        self._most = EACH * compilers(case.memory_limit)
        self._ahead = Ahead(self._most)
        self._passed: dict[str, OpResult] = {}  # by digest: found out together with others
        self._infra = 0  # failures of the machine in a row
        self.tally = Tally(walker.backend)

    def run(self) -> None:
        """Walk to the end. Raises what the walker raises; StageFailure where the machine fails, or nothing is meant."""
        try:
            for index, place in self._walked():
                self._see(Seen(index, place, "" if place.program is None else digest_of(place.program.key)))
            self._settle()
            self._chosen.check()
        finally:
            self._journal.close()

    def _walked(self) -> Iterator[tuple[int, Place]]:
        """The walker's places; where it gives up, what it had said before is gone through first."""
        try:
            yield from enumerate(self._walker.places())
        except Exception:
            self._settle()
            raise

    def _see(self, seen: Seen) -> None:
        known = seen.digest in self.tally.results or seen.digest in self._ahead.wanted
        self._ahead.add(seen, known=known, wanted=self._joins and not known and self._is_unknown(seen.digest))
        if self._ahead.full:
            self._settle()

    def _is_unknown(self, digest: str) -> bool:
        """Whether the operation is to be found out, and may be together with others."""
        if not digest or not self.lane.open or digest in self._journal.results or self._journal.suspect(digest):
            return False
        return self._store.find(digest) is None

    def _settle(self) -> None:
        """Go through what was seen, in its order; what is unknown and numerous enough is tried together before."""
        ahead, self._ahead = self._ahead, Ahead(self._most)
        if len(ahead.wanted) >= self.lane.fewest:
            for digest, result in self.lane.run(ahead.wanted).items():
                self._passed[digest] = self._said(result)
        for seen in ahead.places:
            self._take(*seen)

    def _take(self, index: int, place: Place, digest: str) -> None:
        if not self._chosen.takes(index, place.name, digest):
            return
        if not digest:
            self.tally.skip()
        else:
            result = self.tally.results.get(digest) or self._passed.pop(digest, None)
            result = result or self._obtain(present(place.program, "program"), digest)
            self.tally.use(result)
            _tell(index, place, result)
        case = self._work.job.case
        self._journal.use(
            OpUse(
                case=case.id,
                model=case.model,
                group=case.group,
                backend=self._walker.backend,
                index=index,
                name=place.name,
                digest=digest,
                node=place.node,
                graph=place.graph,
                skip=place.skip,
                why=place.why,
            )
        )

    def _obtain(self, program: OpProgram, digest: str) -> OpResult:
        """The operation's result: of this case before it was cut off, of the store, or of a run now."""
        known = self._journal.results.get(digest)
        if known is not None and self._chosen.all:
            return known
        start = self._blank(program, digest)
        if self._journal.begun(digest) > 1 and self._chosen.all:
            result = results.in_flight(start)
        else:
            with self._store.claimed(digest):
                found = self._store.find(digest) if self._chosen.all else None
                result = found or self._run(start, program)
                if found is None:
                    self._store.keep(result)
            if result.reused and self._keeps(result):
                result = self._bundle_again(result, program)
        result = self._said(result)
        self._check_machine(result)
        return result

    def _blank(self, program: OpProgram, digest: str) -> OpResult:
        return results.blank(program.key, digest, program.results, self._work.job.target.name, self._compiler)

    def _said(self, result: OpResult) -> OpResult:
        """The result as this case's journal has it from now on."""
        reproduce = f"{self._settings.reproduce} --op {result.digest[:SHOWN]}"
        result = msgspec.structs.replace(result, reproduce=reproduce, target=self._work.job.target.name)
        self._journal.result(result)
        return result

    def _run(self, start: OpResult, program: OpProgram) -> OpResult:
        self._journal.start(self._work.job.case.id, start.digest)
        folder = self._folder()
        ended = self._isolation.run(Alone(self._work, program, folder, self._wish).run, folder / LOG)
        story = results.read(ended.lines)
        self._work.compiler_flags = self._work.compiler_flags or story.flags.compiler  # the same for all
        self._work.runtime_flags = self._work.runtime_flags or story.flags.runtime
        result = results.result_of(start, story, ended, folder)
        if self._keeps(result):
            result = self._keep(result, program, folder, story)
        shutil.rmtree(folder, ignore_errors=True)
        return result

    def _bundle_again(self, result: OpResult, program: OpProgram) -> OpResult:
        """The bundle of a failure that another run came to: imported anew, and nothing else."""
        place = bundles.place_of(pathlib.Path(self._settings.bundles), result)
        if (place / bundles.OP_FILE).is_file():  # of this very run, before it was cut off
            return msgspec.structs.replace(result, bundle=self._named(place))
        folder = self._folder()
        alone = Alone(self._work, program, folder, self._wish)
        story = results.read(self._isolation.run(alone.only_import, folder / LOG).lines)
        kept = self._keep(result, program, folder, story)
        shutil.rmtree(folder, ignore_errors=True)
        return kept

    def _keep(self, result: OpResult, program: OpProgram, folder: pathlib.Path, story: results.Story) -> OpResult:
        place = bundles.place_of(pathlib.Path(self._settings.bundles), result)
        try:
            bundles.keep(bundles.Ran(self._work.job, result, program, story), folder, place)
        except OSError as error:  # no room: the result is worth more than its bundle
            print(f"{place}: the bundle could not be kept: {error}", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
            return result
        return msgspec.structs.replace(result, bundle=self._named(place))

    def _named(self, place: pathlib.Path) -> str:
        return place.relative_to(self._settings.root).as_posix()

    def _keeps(self, result: OpResult) -> bool:
        return bool(self._settings.bundles) and result.outcome is not StageStatus.PASS

    def _folder(self) -> pathlib.Path:
        folder = self._work.folder / _FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _check_machine(self, result: OpResult) -> None:
        self._infra = self._infra + 1 if result.outcome is StageStatus.INFRA else 0
        if self._infra >= _ENOUGH and result.error is not None:
            what = f"{_ENOUGH} operations in a row failed by the machine's fault; the last:\n{result.error.excerpt}"
            raise StageFailure(result.error.signature, what, StageStatus.INFRA)


def _tell(index: int, place: Place, result: OpResult) -> None:
    """One line of the stage's log."""
    judged = {True: " verified", False: " NOT verified", None: ""}[result.verified]
    how = " reused" if result.reused else f" {result.seconds:.2f} s"
    why = "" if result.error is None else f": {result.error.signature}"
    at = f" at {result.stopped} ({result.outcome})" if result.stopped else ""
    name = f"{index} {place.name} {result.digest[:SHOWN]}"
    print(f"{name} {result.status.name}{judged}{at}{how}{why}", flush=True)


def summary(engine_seconds: float, engine: Engine) -> dict[str, float]:
    """Metrics of the walk: seconds of its operations by step, of the walk itself, and how much was run here."""
    here = [each for each in engine.tally.results.values() if not each.reused]
    seconds: dict[str, float] = {}
    for result in here:
        for step in result.steps:
            name = f"ops_{step.name}_seconds"
            seconds[name] = seconds.get(name, 0.0) + step.seconds
    walk = max(0.0, engine_seconds - sum(each.seconds for each in here))
    counts = {"ops_run_here": len(here), "ops_joined": engine.lane.joined, "ops_rejudged": engine.lane.rejudged}
    return {**seconds, "ops_walk_seconds": walk, **{name: float(count) for name, count in counts.items()}}
