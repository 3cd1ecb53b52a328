"""What the process that checks a model's values says to the case's, as JSON lines, portion by portion."""

from __future__ import annotations

import msgspec

from schemas.record import OutputComparison


class Planned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="planned"):
    """A graph's values are known."""

    values: int
    left_out: int = 0


class Checked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="checked"):
    """A portion was compared. Of the diverging values only the first of all are told."""

    compared: int
    diverging: int = 0
    demoted: int = 0  # of the compared: double precision in the model, single in the compiled one
    told: tuple[OutputComparison, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="refused"):
    """Values that could not be had: the module that returns them does not compile, or does not run."""

    values: int
    signature: str


class Over(msgspec.Struct, frozen=True, tag_field="event", tag="over"):
    """The last word. ``why`` is the reason where not all was tried."""

    why: str = ""


Message = Planned | Checked | Refused | Over

MESSAGES: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
