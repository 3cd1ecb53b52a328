"""What an operation's process says to the case's, as JSON lines: how far it came, and how each step went."""

from __future__ import annotations

import msgspec

from schemas.ops import OpProfile, OpStep
from schemas.opwords import OpStatus
from schemas.record import ErrorInfo, Flags, OutputComparison

IMPORT, COMPILE, RUN, VERIFY, PROFILE = "import", "compile", "run", "verify", "profile"


class Turn(msgspec.Struct, frozen=True, tag_field="event", tag="turn"):
    """What follows is said of the operation with this number, of several that share a process."""

    number: int


class Begun(msgspec.Struct, frozen=True, tag_field="event", tag="begun"):
    """A step begins."""

    step: str


class Made(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="made"):
    """The operation's module; file names are relative to its folder."""

    module: str
    entry: str
    results: tuple[str, ...]
    lowered: str


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="done"):
    """A step ended by itself; what it measured."""

    step: OpStep
    reached: OpStatus
    error: ErrorInfo | None = None
    dispatches: int | None = None
    comparisons: tuple[OutputComparison, ...] = ()
    profile: OpProfile | None = None
    ir: tuple[tuple[str, str], ...] = ()


class Last(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="last"):
    """All was said; without it, the process has crashed, whatever its exit code."""

    flags: Flags = Flags()


Message = Turn | Begun | Made | Done | Last

MESSAGES: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
