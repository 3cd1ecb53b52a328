"""A batch becomes a stream of events: a member's pass or failure with its stages, or that it has to be run alone."""

from __future__ import annotations

import functools
import pathlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from runner.failures import StageFailure
from runner.fast.doubts import Doubts
from runner.fast.eligible import comparison_is_expected, is_joined, refusal_is_expected
from runner.fast.expected import Expected
from runner.fast.refused import failure_of
from runner.lastword import last_word, notes_of
from runner.protocol import Batch, Event, Failed, Finished, Job, Left, Member, Passed, StageStarted
from runner.stages.plan import stages_of
from runner.work import Blame, present
from schemas.record import ErrorInfo, StageResult
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Stage, StageStatus

if TYPE_CHECKING:
    from runner.fast.company import Company
    from runner.fast.joining import Renamed
    from runner.fast.run import Running
    from runner.work import Imported, Work

Emit = Callable[[Event], None]
_KEPT = (Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.COMPILATION)  # what an earlier run has done


@dataclass
class One:
    """A member on its way: its work, and the seconds of the stages that it has passed."""

    number: int
    member: Member
    work: Work
    stages: tuple[Stage, ...]
    seconds: dict[Stage, float] = field(default_factory=dict)
    imported: Imported | None = None  # before its functions were renamed
    functions: Renamed | None = None
    modules: int = 0
    together: bool = False  # whether its module has a function of its own no more
    shared: bool = False  # whether its module was compiled for another member
    refused: str = ""  # how the compiler ended that refused it among others
    blame: Blame = Blame.NONE  # and when


def run_batch(job: Job, batch: Batch, emit: Emit) -> None:
    """Run all members in this process, which belongs to the batch alone.

    Whatever goes wrong with one leaves it to be judged alone; what goes wrong with the process leaves all of which
    nothing has been said.
    """
    from runner.fast.run import Running  # noqa: PLC0415 - numpy, onnx, the importer: only here and in the zygote

    emit(StageStarted(stage=Stage.SETUP))
    running = Running(job, batch)
    ones = [_one(job, number, member) for number, member in enumerate(batch.members)]
    _expect(running, [each for each in ones if not is_joined(each.member.case)], emit)
    together = [each for each in ones if is_joined(each.member.case)]
    cold = _import_all(running, [each for each in together if not each.member.compiled], emit)
    companies = _compile(running, cold, emit)
    companies += running.known([each for each in together if each.together and each.member.compiled])
    doubts = Doubts(running, emit)
    apart = [one for some in companies for one in _run_together(running, some, emit, doubts)]
    _compile(running, apart, emit, apart=True)
    alone = [each for each in together if each.work.compiled is not None and not each.together]
    for one in sorted(alone, key=lambda each: str(each.work.compiled)):
        emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
        _go_on(running, one, emit, doubts)
    doubts.settle()
    for blame in (Blame.LOWERED, Blame.LATE):  # last: one that hangs costs no other what it has
        _refuse(running, [each for each in together if each.blame is blame], emit)
    emit(Finished())


def _one(job: Job, number: int, member: Member) -> One:
    from runner.frontends import frontend_for  # noqa: PLC0415 - loads onnx and the importer
    from runner.work import EntryPoint, Imported, Work  # noqa: PLC0415 - numpy

    folder = pathlib.Path(job.folder) / str(number)
    own = msgspec.structs.replace(job, case=member.case, source=member.source, folder=str(folder), batch=None)
    work = Work(job=own, frontend=frontend_for(own), folder=folder)
    work.log = pathlib.Path(job.logs) / "case.log"
    if member.compiled:
        work.compiled = pathlib.Path(member.compiled)
        work.imported = Imported(work.folder, EntryPoint(member.function, member.results))
    stages = stages_of(member.case.depth)
    together = bool(member.company) and Stage.COMPILED_INFERENCE in stages
    return One(number, member, work, stages, modules=member.modules, together=together)


def _import_all(running: Running, ones: list[One], emit: Emit) -> list[One]:
    """Those that can be imported; the others are left."""
    return [one for one in ones if _attempt(one, emit, functools.partial(_import, running, one))]


def _compile(running: Running, ones: list[One], emit: Emit, *, apart: bool = False) -> list[Company]:
    """Compile members together; the others are left, or refused. Those of a company can only be called together."""

    def left(number: int, why: str, blame: Blame) -> None:
        if blame is not Blame.NONE and ones[number].member.case.expectation is None:
            ones[number].refused, ones[number].blame = why, blame
        else:
            emit(Left(member=ones[number].number, why=why))

    began = functools.partial(emit, StageStarted(stage=Stage.COMPILATION))
    companies = running.compile(ones, left, began, apart=apart) if ones else []
    for one in (one for some in companies for one in some.ones.values()):
        one.together = True
    return companies


def _refuse(running: Running, ones: list[One], emit: Emit) -> None:
    """Judge members that the compiler has refused among others: by what it says of each by itself."""
    if not ones:
        return
    emit(StageStarted(stage=Stage.COMPILATION))
    try:
        running.tell(ones)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a full disk, or whatever it is: each is compiled by a process of its own
        traceback.print_exc()
    for one in ones:
        _attempt(one, emit, functools.partial(_judge, one, emit))


def _judge(one: One, emit: Emit) -> None:
    """What the compiler says of a member alone that it has refused among others."""
    emit(StageStarted(stage=Stage.COMPILATION))
    failed = failure_of(one, present(one.imported, "imported module"))
    emit(failed or Left(member=one.number, why=one.refused))


def _run_together(running: Running, some: Company, emit: Emit, doubts: Doubts) -> list[One]:
    """Call a company at once, and go on with each; those to be compiled anew, apart, where that cannot be done."""
    emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
    ready = [one for one in some.ones.values() if _attempt(one, emit, functools.partial(_before_call, running, one))]
    try:
        running.call(some)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, one of them has it again when they are apart
        traceback.print_exc()
        if some.stored is None:
            for one in ready:
                one.together, one.work.compiled = False, None
            return ready
        for one in ready:
            emit(Left(member=one.number, why=f"together: {_why(error)}"[:200], passing=True))
        return []
    for one in ready:
        _go_on(running, one, emit, doubts, some)
    return []


def _go_on(running: Running, one: One, emit: Emit, doubts: Doubts, some: Company | None = None) -> None:
    _attempt(one, emit, functools.partial(_finish, running, one, emit, doubts, some))


def _attempt(one: One, emit: Emit, step: Callable[[], None]) -> bool:
    try:
        step()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the case's own process will say it in its own words
        traceback.print_exc()
        emit(Left(member=one.number, why=_why(error), passing=isinstance(error, OSError)))
        return False
    return True


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _expect(running: Running, ones: list[One], emit: Emit) -> None:
    """Run the members that are expected to fail: those whose models are refused together, then each of the others."""
    waiting: dict[int, Expected] = {}
    for one in ones:
        _attempt(one, emit, functools.partial(_before_compilation, running, one, emit, waiting))
    hopeful = [each.one for each in waiting.values() if refusal_is_expected(each.one.member.case)]
    for one, told in running.refused(hopeful, lambda: emit(StageStarted(stage=Stage.COMPILATION))):
        emit(waiting.pop(one.number).refused(told, running.flags))  # kept when the judge and the sample have agreed
    for each in waiting.values():
        _attempt(each.one, emit, functools.partial(_from_compilation, running, each, emit))


def _before_compilation(running: Running, one: One, emit: Emit, waiting: dict[int, Expected]) -> None:
    each = Expected(one, emit)
    failed = each.run(one.stages[: one.stages.index(Stage.COMPILATION)])
    if failed is not None:
        _say(running, each, failed, emit)
    else:
        waiting[one.number] = each


def _from_compilation(running: Running, each: Expected, emit: Emit) -> None:
    failed = each.run(each.one.stages[each.one.stages.index(Stage.COMPILATION) :])
    if failed is not None:
        _say(running, each, failed, emit)
    else:
        each.leave()


def _say(running: Running, each: Expected, failed: Failed, emit: Emit) -> None:
    emit(failed)
    running.keep_failure(each.one, failed)


def _import(running: Running, one: One) -> None:
    one.work.folder.mkdir()
    for stage in one.stages[: one.stages.index(Stage.COMPILATION)]:
        _timed(one, stage, running.step(stage))
    running.rename(one)


def _before_call(running: Running, one: One) -> None:
    _run_stages(running, one, one.stages[: one.stages.index(Stage.COMPILED_INFERENCE)])


def _finish(running: Running, one: One, emit: Emit, doubts: Doubts, some: Company | None) -> None:
    """The stages after the compilation: the member passes, or its outputs differ; that is settled later."""
    case = one.member.case
    try:
        _run_stages(running, one, one.stages)
    except StageFailure as failure:
        if Stage.COMPARISON not in one.seconds:
            raise
        if comparison_is_expected(case):
            doubts.add(one, some, _why(failure), functools.partial(_unequal, one, failure.error))
            return
        doubts.add(one, some, _why(failure))
        raise
    if case.expectation is not None:
        raise LookupError("it passes, and was not expected to")
    running.keep(one)
    emit(_passed(one))


def _run_stages(running: Running, one: One, stages: tuple[Stage, ...]) -> None:
    for stage in stages:
        if one.member.compiled and stage in _KEPT:
            one.seconds[stage] = 0.0
        elif stage not in one.seconds:
            _timed(one, stage, running.step(stage))


def _timed(one: One, stage: Stage, step: Callable[[Work], None]) -> None:
    begun = time.perf_counter()
    one.work.stage_begun = time.monotonic()
    try:
        step(one.work)
    finally:
        one.seconds[stage] = time.perf_counter() - begun


def _passed(one: One) -> Event:
    return Passed(member=one.number, modules=one.modules, stages=_stages(one), last_word=_last_word(one))


def _unequal(one: One, error: ErrorInfo) -> Failed:
    *before, last = _stages(one)
    stages = (*before, msgspec.structs.replace(last, status=StageStatus.FAIL))
    return Failed(member=one.number, modules=one.modules, stages=stages, error=error, last_word=_last_word(one))


def _stages(one: One) -> tuple[StageResult, ...]:
    return tuple(StageResult(stage=each, status=StageStatus.PASS, seconds=s) for each, s in one.seconds.items())


def _last_word(one: One) -> Finished:
    work = one.work
    known = bool(one.member.compiled) or one.shared
    work.metrics[MODULES_COMPILED] = 0.0 if known else 1.0
    work.metrics[MODULES_FROM_CACHE] = 1.0 if known else 0.0
    return last_word(work, notes_of(work))
