"""What a case asks of the process that has ONNX Runtime loaded with the plug-in, and its answers, as JSON lines."""

from __future__ import annotations

import msgspec

from schemas.bundle import StoredTensor
from schemas.record import ErrorInfo
from schemas.words import StageStatus


class Open(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="open"):
    """Register the library, create a session of the model, and say what each node was assigned to."""

    library: str
    model: str
    device: str  # IREE device URI
    options: dict[str, str]  # of the provider
    log: str  # where this process and the compiler it starts write while they do it


class Run(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="run"):
    """Run the session once. Files of inputs are relative to ``folder``, and so are those of the outputs."""

    inputs: tuple[StoredTensor, ...]
    folder: str
    log: str


Request = Open | Run


class Assigned(msgspec.Struct, frozen=True):
    """One subgraph that an execution provider took: the operators of its nodes, and the nodes' names."""

    provider: str
    operators: tuple[str, ...]
    nodes: tuple[str, ...]


class Doing(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="doing"):
    """What is begun now: if the process dies, it died of this."""

    what: str


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="opened"):
    """The session is there, and every node of the model belongs to the plug-in."""

    assigned: tuple[Assigned, ...]
    device: str  # as the plug-in calls it
    version: str  # of the plug-in
    peak_rss_bytes: int


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="ran"):
    """The outputs, in the model's order."""

    outputs: tuple[StoredTensor, ...]
    peak_rss_bytes: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="refused"):
    """What was asked for could not be done."""

    status: StageStatus
    error: ErrorInfo
    peak_rss_bytes: int


Answer = Doing | Opened | Ran | Refused

REQUESTS = msgspec.json.Decoder(Request)
ANSWERS = msgspec.json.Decoder(Answer)
