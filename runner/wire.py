"""What the scheduler and its zygote say to each other: one JSON message per packet of a local socket."""

from __future__ import annotations

import msgspec

#: The largest message: a job with all its flags is about 2 KiB.
PACKET = 1024 * 1024


class Start(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="start"):
    """Fork a process for one case. The packet carries one file descriptor: the writing end of its event pipe."""

    number: int
    job: msgspec.Raw  # a protocol.Job, decoded in the case's own process only
    log: str  # file for the case process' own output


class Kill(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="kill"):
    """End a case with SIGKILL, with everything it started."""

    number: int


class SayInto(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="say-into"):
    """What the zygote has to say from now on goes into this file: it was started before that could be known."""

    log: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="ready"):
    """Everything heavy is loaded; cases can be started."""


class Forked(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="forked"):
    """A case's process exists."""

    number: int
    pid: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="ended"):
    """A case's process and all that it had started are gone. ``status``: of ``wait``; ``peak_rss``: bytes."""

    number: int
    status: int
    peak_rss: int


Request = Start | Kill | SayInto
Reply = Ready | Forked | Ended

REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
REPLIES: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
