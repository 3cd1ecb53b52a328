"""Text from tests and compilers, made harmless for the formats it ends up in."""

from __future__ import annotations

import re

#: What XML 1.0 cannot carry, not even escaped (https://www.w3.org/TR/xml/#charsets), and lone surrogates.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Characters that reorder or hide the text around them: C0, C1, bidirectional controls, zero width.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_COMMAND = re.compile(r"^(\s*)::")
_TICKS = re.compile("`+")
_PIPES = re.compile(r"(\\*)\|")


def xml_text(text: str) -> str:
    """``text`` with everything that XML 1.0 forbids shown as U+FFFD."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters; a cut is shown with how much is gone."""
    if len(text) <= limit:
        return text
    note = f" … [{len(text)} characters]"
    return text[: max(0, limit - len(note))] + note[:limit]


def one_line(text: str, limit: int = 400) -> str:
    """``text`` without line breaks, invisible and control characters, and bounded."""
    return shorten(" ".join(_INVISIBLE.sub(" ", text).split()), limit)


def log_line(text: str) -> str:
    """``text`` as one line of a log, without what GitHub would obey there.

    That is ``::command`` where a line begins, blanks left out, and ``##[command]`` anywhere in it (``ActionCommand`` of
    GitHub's runner).
    """
    line = _INVISIBLE.sub(" ", text).rstrip().replace("##[", "# #[")
    return _COMMAND.sub(r"\1: :", line)


def log_lines(text: str) -> str:
    """Several lines, each made harmless for a log."""
    return "\n".join(map(log_line, text.splitlines()))


def code(text: str, limit: int = 400) -> str:
    """A Markdown code span that shows ``text``: no HTML, link, mention or emphasis works inside one."""
    line = one_line(text, limit)
    if not line:
        return "(empty)"
    fence = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    pad = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str, limit: int = 200) -> str:
    """A code span for a Markdown table; a pipe in it, and the backslashes before it, cannot end the cell."""
    return _PIPES.sub(lambda match: f"{match[1]}{match[1]}\\|", code(text, limit))


def prose(text: str, limit: int = 600) -> str:
    """``text`` for Markdown outside code: whatever could mean something there becomes an entity."""
    line = "".join(_PROSE.get(char, char) for char in one_line(text, limit))
    line = _LINKS.sub(lambda match: f"{match[1]}&#{ord(match[2])};", line)
    return _BLOCKS.sub(lambda match: f"{match[1]}&#{ord(match[2])};", line)


#: Entities take no part in Markdown's syntax, nor in GitHub's references and mentions.
_PROSE = {char: f"&#{ord(char)};" for char in "*_`[]\\|~@#!$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: What GitHub turns into links by itself.
_LINKS = re.compile(r"((?:https?|ftp|mailto|xmpp)|www)([:.])", re.IGNORECASE)
#: What would begin a list.
_BLOCKS = re.compile(r"^(\d*)([-+=.)])")


def block(text: str, limit: int = 4000) -> list[str]:
    """A fenced code block that nothing in ``text`` can close."""
    lines = [_INVISIBLE.sub(" ", line.expandtabs(4)) for line in shorten(text, limit).splitlines()]
    ticks = max((len(run) for line in lines for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return [f"{fence}text", *lines, fence]
