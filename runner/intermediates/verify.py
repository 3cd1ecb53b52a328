"""A case that was compared becomes one whose values are checked too, in a process beside it that cannot hurt it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from runner.intermediates.check import Checker
from runner.intermediates.messages import MESSAGES, Checked, Message, Over, Planned, Refused
from runner.intermediates.subjects import subjects_of
from runner.ops.isolation import Ended, Isolation, Limits
from runner.process import signal_name
from runner.work import Work
from schemas.record import OutputComparison
from schemas.words import Stage

FOLDER = "intermediates"
#: The part of what is left of the case's time that the check may take; the rest is for the case to end well.
_SHARE = 0.8


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found of a model's values. ``cut`` says why not all were checked."""

    planned: int
    compared: int
    diverging: int
    demoted: int
    left_out: int
    told: tuple[OutputComparison, ...]
    refused: tuple[tuple[str, int], ...]  # signatures, with how many values
    cut: str


def verify(work: Work) -> None:
    """Check the values; what is found stays with the work as metrics, notes and comparisons. Never raises.

    The verdict of the case is made without it: a compiler that fails, crashes or hangs here is a note.
    """
    seconds = _seconds(work)
    try:
        found = _found(work, seconds)
    except Exception as error:  # noqa: BLE001 - the case's verdict stands, whatever becomes of this
        work.notes += (f"intermediates: not checked: {error}",)
        return
    work.metrics |= {"intermediates": float(found.compared), "intermediates_diverging": float(found.diverging)}
    work.intermediates = found.told
    work.notes += notes_of(found)


def _found(work: Work, seconds: float) -> Found:
    limits = Limits(seconds=seconds, memory=work.job.case.memory_limit)
    ended = Isolation(limits).run(lambda say: _check(work, say), work.log)
    return read(ended)


def _check(work: Work, say: Callable[[bytes], None]) -> None:
    """In the process of its own."""

    def tell(message: Message) -> None:
        say(msgspec.json.encode(message))

    case = work.job.case
    quiet = msgspec.structs.replace(case.tuning, save_ir=False)
    job = msgspec.structs.replace(work.job, case=msgspec.structs.replace(case, tuning=quiet))
    shadow = Work(job=job, frontend=work.frontend, folder=work.folder / FOLDER, log=work.log)
    shadow.inputs, shadow.imported = work.inputs, work.imported
    shadow.folder.mkdir(exist_ok=True)
    Checker(shadow, tell).check(subjects_of(shadow))


def _seconds(work: Work) -> float:
    """What of the deadlines that the scheduler keeps is left for the check."""
    now = time.monotonic()
    left = [(work.job.deadline or work.job.case.timeout) - (now - work.begun)]
    stages = work.job.stage_deadlines or work.job.case.stage_timeouts
    left += [each.seconds - (now - work.stage_begun) for each in stages if each.stage is Stage.COMPARISON]
    return max(0.0, min(left) * _SHARE)


def read(ended: Ended) -> Found:
    """What was said, and why it ended where there was no last word."""
    said: list[Message] = []
    for line in ended.lines:
        try:
            said.append(MESSAGES.decode(line))
        except (msgspec.MsgspecError, UnicodeError):  # it was cut off in the middle of a word
            break
    checked = [each for each in said if isinstance(each, Checked)]
    planned = [each for each in said if isinstance(each, Planned)]
    refused: Counter[str] = Counter()
    for each in said:
        if isinstance(each, Refused):
            refused[each.signature] += each.values
    over = next((each for each in said if isinstance(each, Over)), None)
    return Found(
        planned=sum(each.values for each in planned),
        compared=sum(each.compared for each in checked),
        diverging=sum(each.diverging for each in checked),
        demoted=sum(each.demoted for each in checked),
        left_out=sum(each.left_out for each in planned),
        told=tuple(comparison for each in checked for comparison in each.told),
        refused=tuple(refused.items()),
        cut=over.why if over is not None else _ending(ended),
    )


def _ending(ended: Ended) -> str:
    if ended.reason:
        return ended.detail
    if ended.signal is not None:
        return f"{signal_name(ended.signal)} while they were checked"
    return f"their process exited with {ended.exit_code}: see the stage's log"


def notes_of(found: Found) -> tuple[str, ...]:
    """What a reader of the record is told."""
    first = found.told[0] if found.told else None
    verdict = "none diverges" if first is None else f"{found.diverging} diverging; the first is {described(first)}"
    notes = [f"intermediates: {found.compared} of {found.planned} values compared, {verdict}"]
    if found.demoted:
        notes.append(f"intermediates: {_values(found.demoted)} of double precision compared in single, as compiled")
    if found.left_out:
        notes.append(f"intermediates: {_values(found.left_out)} left out: of random numbers or uninitialised memory")
    notes += [f"intermediates: {_values(count)} could not be had: {what}" for what, count in found.refused]
    missing = found.planned - found.compared - sum(count for _, count in found.refused)
    if found.cut or missing:
        notes.append(f"intermediates: {_values(missing)} not tried: {found.cut}")
    return tuple(notes)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def described(found: OutputComparison) -> str:
    """A diverging value with its figures: ``addmm_3 (aten.addmm.default): 3 of 60 elements differ, max abs 0.5``."""
    figures = [("max abs", found.max_abs), ("PCC", found.pcc)]
    shown: Sequence[str] = [f"{name} {value:.3g}" for name, value in figures if value is not None]
    return f"{found.output}: " + ", ".join([found.reason, *shown])
