"""An operation's program becomes what its own process says: imported, compiled, run and compared, up to a failure."""

from __future__ import annotations

import pathlib
import time
import traceback
from collections.abc import Callable, Sequence

import msgspec

from runner.backends import iree
from runner.compare import compare, reasons_of
from runner.failures import StageFailure, classify
from runner.lowerings import LOWERINGS
from runner.ops import ladder, profile
from runner.ops.isolation import Say, peak_bytes
from runner.ops.messages import COMPILE, IMPORT, PROFILE, RUN, VERIFY, Begun, Done, Last, Made
from runner.ops.program import OpProgram, Part
from runner.quarantine import LOST
from runner.work import Imported, Work, present
from schemas.case import Case
from schemas.ops import OpStep
from schemas.opwords import OpBackend, OpStatus
from schemas.record import ErrorInfo, Flags
from schemas.words import Lowering, StageStatus

LOG = "op.log"
#: So much of the IR of each rung is told: a report shows it, the bundle has all of it.
_IR = 1000
_LARGEST_TEXT = 1 << 20


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go with an operation."""

    executes: bool
    verifies: bool
    profiles: bool


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What a joined compilation left for one of its operations; ``seconds`` is the operation's share."""

    compiled: pathlib.Path
    entry: str  # what its function is called there
    flags: tuple[str, ...]
    seconds: float
    peak_rss_bytes: int | None
    dispatches: int | None
    ir: tuple[tuple[str, str], ...]


def case_of(case: Case, backend: OpBackend) -> Case:
    """The case as the backends read it for one operation: IR kept, and what is StableHLO already not lowered."""
    tuning = msgspec.structs.replace(case.tuning, save_ir=True, externalize=False, const_eval_parameters=None)
    lowering = Lowering.TORCH if backend is OpBackend.STABLEHLO else case.lowering
    return msgspec.structs.replace(case, tuning=tuning, lowering=lowering)


class Alone:
    """The steps of one operation, with what they hand to each other. ``folder`` is its own, and empty."""

    def __init__(self, work: Work, program: OpProgram, folder: pathlib.Path, wish: Wish) -> None:
        case = case_of(work.job.case, program.key.backend)
        job = msgspec.structs.replace(work.job, case=case, folder=str(folder), logs=str(folder))
        self._work = Work(job=job, frontend=work.frontend, folder=folder, log=folder / LOG)
        self._program = program
        self._wish = wish
        self._reached = OpStatus.CREATED_GRAPH

    def run(self, say: Say) -> None:
        """All steps up to the first that does not pass; what is wrong with one is said, never raised."""
        self._go(say, self._steps())
        self._end(say)

    def only_import(self, say: Say) -> None:
        """The first step, for a bundle of what is known to fail later."""
        self._go(say, self._steps()[:1])
        self._end(say)

    def part(self, say: Say) -> Part | None:
        """The first step, with no last word: the module, for a joined one. None where the step does not pass."""
        if not self._go(say, self._steps()[:1]):
            return None
        return Part(present(self._work.imported, "module"), present(self._work.lowered, "module"))

    def go_on(self, say: Say, shared: Shared) -> None:
        """The steps after the first, of which the compiler's was done for several operations at once."""
        work = self._work
        imported = present(work.imported, "module")
        entry = msgspec.structs.replace(imported.entry, name=shared.entry)
        work.imported = msgspec.structs.replace(imported, entry=entry)
        work.compiled, work.compiler_flags = shared.compiled, shared.flags
        self._reached = OpStatus.COMPILED
        step = OpStep(
            name=COMPILE, status=StageStatus.PASS, seconds=shared.seconds, peak_rss_bytes=shared.peak_rss_bytes
        )
        texts = (("module", _beginning(imported.module)),) if _is_text(imported.module) else ()
        ir = (*texts, *((name, _cut(text)) for name, text in shared.ir))
        done = self._done(step=step, reached=self._reached, dispatches=shared.dispatches, ir=ir)
        say(msgspec.json.encode(done))
        self._go(say, self._steps()[2:])
        self._end(say)

    def _go(self, say: Say, steps: Sequence[tuple[str, Callable[[], Done]]]) -> bool:
        def tell(message: Begun | Made | Done) -> None:
            say(msgspec.json.encode(message))

        for name, step in steps:
            tell(Begun(name))
            done = self._attempt(name, step)
            if name == IMPORT and self._work.imported is not None:
                tell(self._made(self._work.imported))
            tell(done)
            if done.step.status is not StageStatus.PASS:
                return False
        return True

    def _end(self, say: Say) -> None:
        flags = Flags(compiler=self._work.compiler_flags, runtime=self._work.runtime_flags)
        say(msgspec.json.encode(Last(flags=flags)))

    def _steps(self) -> tuple[tuple[str, Callable[[], Done]], ...]:
        steps: list[tuple[str, Callable[[], Done]]] = [(IMPORT, self._import), (COMPILE, self._compile)]
        if self._wish.executes and self._program.golden() is not None:
            steps.append((RUN, self._run))
            if self._wish.verifies:
                steps.append((VERIFY, self._verify))
            if self._wish.profiles:
                steps.append((PROFILE, self._profile))
        return tuple(steps)

    def _attempt(self, name: str, step: Callable[[], Done]) -> Done:
        """The step's own story with its time and memory, or its failure."""
        self._work.peak_rss_bytes = None
        begun = time.perf_counter()
        error: ErrorInfo | None = None
        status, done = StageStatus.PASS, None
        try:
            done = step()
            error = done.error
            status = StageStatus.PASS if error is None else StageStatus.FAIL
        except StageFailure as failure:
            status, error = failure.status, failure.error
        except Exception as failure:  # noqa: BLE001 - whatever an operation makes our tools raise is its own result
            traceback.print_exc()
            status, error = classify(failure)
        if done is None:
            done = self._failed(name)
            status = self._lost(name, status, error)
        seconds = time.perf_counter() - begun
        peak = self._work.peak_rss_bytes or peak_bytes()
        own = OpStep(name=name, status=status, seconds=seconds, peak_rss_bytes=peak)
        return msgspec.structs.replace(done, step=own, reached=self._reached, error=error)

    def _import(self) -> Done:
        imported = self._program.write_module(self._work.folder)
        self._work.imported = imported
        self._work.lowered = LOWERINGS[self._work.job.case.lowering](self._work, imported)
        self._reached = OpStatus.TORCH_IR
        return self._done(ir=self._ir())

    def _compile(self) -> Done:
        lowered = present(self._work.lowered, "module")
        imported = present(self._work.imported, "module")
        self._work.compiled = iree.compile_module(self._work, imported, lowered)
        self._reached = OpStatus.COMPILED
        count = self._work.metrics.get("dispatch_count")
        return self._done(ir=self._ir(), dispatches=None if count is None else int(count))

    def _run(self) -> Done:
        imported, compiled = present(self._work.imported, "module"), present(self._work.compiled, "compiled module")
        self._work.outputs = iree.run_module(self._work, imported, compiled, self._program.operands())
        self._reached = OpStatus.EXECUTED
        return self._done()

    def _verify(self) -> Done:
        case = self._work.job.case
        golden, outputs = present(self._program.golden(), "golden"), present(self._work.outputs, "outputs")
        verdict = compare(golden, outputs, case.accepted, case.checks)
        error = None
        if verdict.signature is not None:
            error = StageFailure(verdict.signature, "\n".join(reasons_of(verdict.comparisons))).error
        return self._done(comparisons=verdict.comparisons, error=error)

    def _profile(self) -> Done:
        return self._done(profile=profile.measure(self._work, self._program.operands()))

    def _failed(self, name: str) -> Done:
        """A failed step; of the compiler, how far it came by its own phases and words."""
        if name == COMPILE:
            said = self._work.log.read_text(errors="replace") if self._work.log.is_file() else ""
            self._reached = max(self._reached, ladder.rung_of(self._work.folder / iree.IR_FOLDER, said))
            return self._done(ir=self._ir())
        return self._done()

    def _lost(self, name: str, status: StageStatus, error: ErrorInfo | None) -> StageStatus:
        """INFRA where it was the device that went, not the operation that failed."""
        pattern = LOST.get(self._work.job.target.device.partition("://")[0])
        if name != RUN or error is None or pattern is None:
            return status
        return StageStatus.INFRA if pattern.search(f"{error.signature}\n{error.excerpt}") else status

    @staticmethod
    def _done(**measured: object) -> Done:
        own = OpStep(name="", status=StageStatus.PASS)
        return msgspec.structs.replace(Done(step=own, reached=OpStatus.NOT_STARTED), **measured)

    def _made(self, imported: Imported) -> Made:
        lowered = self._work.lowered
        return Made(
            module=imported.module.relative_to(self._work.folder).as_posix(),
            entry=imported.entry.name,
            results=imported.entry.results,
            lowered="" if lowered is None else lowered.relative_to(self._work.folder).as_posix(),
        )

    def _ir(self) -> tuple[tuple[str, str], ...]:
        """The IR of the rungs that were reached, cut short."""
        phases = ladder.phases_in(self._work.folder / iree.IR_FOLDER)
        files = {"module": self._work.imported.module if self._work.imported is not None else None}
        files |= {"linalg": phases.get("input"), "flow": phases.get("flow")}
        return tuple((name, _beginning(file)) for name, file in files.items() if file is not None and _is_text(file))


def _is_text(file: pathlib.Path) -> bool:
    return file.suffix == ".mlir" and file.stat().st_size <= _LARGEST_TEXT


def _beginning(file: pathlib.Path) -> str:
    return _cut(file.read_text(errors="replace"))


def _cut(text: str) -> str:
    return text if len(text) <= _IR else text[:_IR] + " …"
