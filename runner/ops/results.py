"""What an operation's process said, and how it ended, become its result."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import msgspec

from runner import signature
from runner.backends.iree import IR_FOLDER
from runner.ops import ladder
from runner.ops.isolation import Ended
from runner.ops.messages import COMPILE, IMPORT, MESSAGES, VERIFY, Begun, Done, Last, Made, Message, Turn
from runner.process import signal_name
from schemas.ops import OpKey, OpResult, OpStep, TensorType
from schemas.opwords import OpStatus
from schemas.record import ErrorInfo, Flags
from schemas.words import StageStatus

IN_FLIGHT = "in flight twice when the case's process died"


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All that was said; ``last`` is None where the process went without its last word."""

    done: tuple[Done, ...]
    running: str  # the step that was begun and did not end; empty where none was
    made: Made | None
    last: Last | None

    @property
    def flags(self) -> Flags:
        """The flags that were given to the tools, as far as is known."""
        return Flags() if self.last is None else self.last.flags


def read(lines: Sequence[bytes]) -> Story:
    """The story in these lines; one that is no message ends it."""
    done: list[Done] = []
    running, made, last = "", None, None
    for line in lines:
        try:
            message: Message = MESSAGES.decode(line)
        except (msgspec.MsgspecError, UnicodeError):
            break
        if isinstance(message, Begun):
            running = message.step
        elif isinstance(message, Made):
            made = message
        elif isinstance(message, Done):
            done.append(message)
            running = ""
        elif isinstance(message, Last):
            last = message
    return Story(done=tuple(done), running=running, made=made, last=last)


def by_turn(lines: Sequence[bytes]) -> dict[int, list[bytes]]:
    """What several operations' one process said, by their numbers; what is no message ends it."""
    found: dict[int, list[bytes]] = {}
    current: list[bytes] = []
    for line in lines:
        try:
            message: Message = MESSAGES.decode(line)
        except (msgspec.MsgspecError, UnicodeError):
            break
        if isinstance(message, Turn):
            current = found.setdefault(message.number, [])
        else:
            current.append(line)
    return found


def blank(key: OpKey, digest: str, results: tuple[TensorType, ...], target: str, compiler: str) -> OpResult:
    """An operation that was taken out of its model, and no more."""
    return OpResult(
        digest=digest,
        key=key,
        target=target,
        compiler=compiler,
        results=results,
        status=OpStatus.CREATED_GRAPH,
    )


def in_flight(start: OpResult) -> OpResult:
    """The result of an operation that took its case's process with it twice, as far as anybody can tell."""
    error = ErrorInfo(signature=IN_FLIGHT, excerpt="run it alone with --op to see what it does")
    return msgspec.structs.replace(start, outcome=StageStatus.CRASH, stopped=IMPORT, error=error)


def result_of(start: OpResult, story: Story, ended: Ended, folder: pathlib.Path) -> OpResult:
    """``start`` with what became of it. Without a last word it is a crash, whatever the exit code."""
    steps = [each.step for each in story.done]
    reached = max((each.reached for each in story.done), default=start.status)
    failed = next((each for each in story.done if each.step.status is not StageStatus.PASS), None)
    outcome = failed.step.status if failed is not None else StageStatus.PASS
    stopped = failed.step.name if failed is not None else ""
    error = failed.error if failed is not None else None
    if failed is None and story.last is None:
        stopped = story.running or (steps[-1].name if steps else IMPORT)
        outcome, error = _cut_off(stopped, ended)
        steps.append(OpStep(name=stopped, status=outcome, seconds=ended.seconds - sum(each.seconds for each in steps)))
        if stopped == COMPILE:
            reached = max(reached, ladder.rung_of(folder / IR_FOLDER, ""))
    compared = next((each for each in story.done if each.step.name == VERIFY), None)
    return msgspec.structs.replace(
        start,
        status=reached,
        outcome=outcome,
        stopped=stopped,
        verified=None if compared is None else compared.step.status is StageStatus.PASS,
        comparisons=() if compared is None else compared.comparisons,
        error=error,
        steps=tuple(steps),
        dispatches=next((each.dispatches for each in story.done if each.dispatches is not None), None),
        profile=next((each.profile for each in story.done if each.profile is not None), None),
        ir=next((each.ir for each in reversed(story.done) if each.ir), ()),
        seconds=ended.seconds,
    )


def _cut_off(step: str, ended: Ended) -> tuple[StageStatus, ErrorInfo]:
    """How a step that did not end by itself was ended, in words that are the same in every run."""
    if ended.reason == "deadline":
        return StageStatus.TIMEOUT, ErrorInfo(signature=f"timed out in {step}", excerpt=ended.detail)
    if ended.reason:
        return StageStatus.OOM, ErrorInfo(signature=f"{signature.OUT_OF_MEMORY} in {step}", excerpt=ended.detail)
    if ended.signal is not None:
        return StageStatus.CRASH, ErrorInfo(signature=f"{signal_name(ended.signal)} in {step}")
    return StageStatus.CRASH, ErrorInfo(signature=f"exited {ended.exit_code} without a result in {step}")
