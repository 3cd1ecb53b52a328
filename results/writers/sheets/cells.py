"""Values become the text of worksheet cells: no formula, no illegal character, nothing larger than a cell may be."""

from __future__ import annotations

import math
import re

import msgspec

from results.text import xml_text
from schemas.words import Outcome


class Style(msgspec.Struct, frozen=True):
    """How a cell looks. ``quoted``: it stays text when somebody edits it."""

    fill: str = ""  # RGB
    colour: str = ""  # of the text
    bold: bool = False
    size: int = 0  # 0: the usual
    wrap: bool = False
    vertical: str = ""
    format: str = ""  # of numbers
    quoted: bool = False


class Tinted(msgspec.Struct, frozen=True):
    """A number in the colour of the outcome it counts; 0 is shown as nothing."""

    number: float
    outcome: Outcome


class Styled(msgspec.Struct, frozen=True):
    """A value with a look of its own."""

    value: str | float | None
    style: Style


Value = str | int | float | Tinted | Styled | None
#: Excel's bounds (support.microsoft.com, "Excel specifications and limits"); text counts in UTF-16 units.
MAX_TEXT = 32_767
_NOTE = 40  # room for saying that a text was cut
#: What a spreadsheet takes for the start of a formula, now or after an edit; "#" starts its error values.
FORMULA = ("=", "+", "-", "@", "#", "\t", "\r")
#: The beginnings that `_is_plain` does not let pass; no text at all is one, and a blank must be said to count.
_CARE = frozenset((*FORMULA, " ", ""))
_SHORT = MAX_TEXT // 2  # characters; each may take two units
#: Excel reads _x0041_ as "A"; its own escape for the underscore keeps the text.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

COLOURS: dict[Outcome, str] = {
    Outcome.PASS: "C6EFCE",
    Outcome.XFAIL: "E2EFDA",
    Outcome.SKIP: "EDEDED",
    Outcome.FAIL: "FFC7CE",
    Outcome.CRASH: "F4A6A6",
    Outcome.TIMEOUT: "FFD9A0",
    Outcome.OOM: "FFCC99",
    Outcome.XPASS: "BDD7EE",
    Outcome.INFRA: "D9C3E6",
    Outcome.MISSING: "FFE699",
}


def text_xml(text: str) -> str:
    """A text's cell from behind its place: ``t="inlineStr"><is>…</c>``; empty for none."""
    if not _is_plain(text):
        text = clean(text)
        if not text:
            return ""
        if text.strip() != text or "\n" in text or "\t" in text:
            return f' t="inlineStr"><is><t xml:space="preserve">{_escape(text)}</t></is></c>'
    if "&" in text or "<" in text or ">" in text:
        text = _escape(text)
    return f' t="inlineStr"><is><t>{text}</t></is></c>'


def number_xml(number: float) -> str:
    """Likewise of a number; what is no finite one is text, and so is a truth value."""
    if isinstance(number, bool) or (isinstance(number, float) and not math.isfinite(number)):
        return text_xml(str(number))
    return f"><v>{number!r}</v></c>"


def _escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")  # XML reads a bare one as a line feed


def _is_plain(text: str) -> bool:
    """Whether it needs none of the care of `clean`: a quick look that lets no text pass that does."""
    return text.isprintable() and len(text) < _SHORT and text[:1] not in _CARE and text[-1] != " " and "_x" not in text


def clean(text: str) -> str:
    """``text`` as a cell can hold it: no character that XML forbids, no escape of Excel's, at most 32,767 units."""
    text = _ESCAPE.sub("_x005F_", xml_text(text))
    if len(text) * 2 <= MAX_TEXT:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= MAX_TEXT * 2:
        return text
    kept = units[: (MAX_TEXT - _NOTE) * 2].decode("utf-16-le", "ignore")
    return f"{kept} … [{len(text)} characters]"
