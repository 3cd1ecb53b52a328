"""What the scheduler and its zygote say to each other: one JSON message per packet of a local socket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import msgspec

#: The largest message; all that grows with a job is in a file of its own.
PACKET = 64 * 1024


class Start(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="start"):
    """Fork a process for one case.

    The packet carries two file descriptors: the writing end of its event pipe, and a file in memory that holds its
    ``protocol.Job`` as JSON. A batch's job may be larger than what the kernel lets a packet hold (twice
    ``net.core.wmem_max``: 416 KiB where nobody has changed it).
    """

    number: int
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


class NotForked(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="not-forked"):
    """A case's process could not be begun; ``why`` as the system says it."""

    number: int
    why: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="ended"):
    """A case's process and all that it had started are gone. ``status``: of ``wait``; ``peak_rss``: bytes."""

    number: int
    status: int
    peak_rss: int


Request = Start | Kill | SayInto
Reply = Ready | Forked | NotForked | Ended

REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
REPLIES: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """The descriptor of a file without a name that holds ``content``, at its beginning; raises OSError."""
    with os.fdopen(os.memfd_create("job"), "r+b") as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()
