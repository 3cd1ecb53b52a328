"""A partial record: what a building machine knows of a case that another machine goes on with.

No record: whoever reads ``partial.jsonl`` knows how far cases came, and that none of them is judged before its device
has spoken; but for one that ended while it was built, which carries its record.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.record import Flags, Provenance, Record, StageResult

PARTIALS = "partial.jsonl"


class Half(StrEnum):
    """Which part of a shard a job does, where a target's cases are built on another one's machines."""

    BUILD = "build"
    DEVICE = "device"


class Partial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one case came; exactly one of ``bundle``, ``whole`` and ``final`` says how it goes on.

    ``bundle`` is its folder below the shard's in the handover, ``digest`` what that bundle's ``bundle.json`` must say.
    ``whole``: why the device's machine runs the case from the beginning. ``final``: its record, when it ended here.
    ``seconds`` are the wall time of what was done here.
    """

    case: str
    stages: tuple[StageResult, ...] = ()
    metrics: dict[str, float] = {}
    flags: Flags | None = None
    notes: tuple[str, ...] = ()
    started: str = ""
    seconds: float = 0.0
    bundle: str = ""
    digest: str = ""
    size: int = 0  # bytes of the bundle
    model: bool = False  # whether going on needs the model, and so all that loads it
    whole: str = ""
    final: Record | None = None


class BuildHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="build-header"):
    """First line of ``partial.jsonl``: the shard that is built, and on which target's machine."""

    suite: str
    target: str
    shard: int
    build_on: str
    matrix_digest: str
    planned: int
    attempt: int = 1
    provenance: Provenance = Provenance()


class BuildStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="build-started"):
    """A case was begun. Without a later partial record of it, its build was lost."""

    case: str
    started: str


class CaseBuilt(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="partial"):
    """A case came as far as it can come here; a later line of the same case takes its place."""

    partial: Partial


class BuildFooter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="build-footer"):
    """Last line of a build that came to its end."""

    provenance: Provenance = Provenance()


PartialLine = BuildHeader | BuildStarted | CaseBuilt | BuildFooter
