"""A shard's records become what GitHub shows of them: annotations on the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.record import Record

#: GitHub shows ten annotations of a kind for a step and drops the rest without a word.
_MOST = 10


def workflow_errors(records: Sequence[Record], name: str) -> tuple[str, ...]:
    """Workflow commands for the red records, ten at most: the last of them says how many are left out."""
    red = [record for record in records if record.outcome.is_red]
    shown = red if len(red) <= _MOST else red[: _MOST - 1]
    lines = [_command("error", f"{record.outcome} {record.case}", _text(record)) for record in shown]
    if len(shown) < len(red):
        rest = f"{len(red) - len(shown)} more cases of {name} ended red; all of them are in the job's summary"
        lines.append(_command("error", name, rest))
    return tuple(lines)


def one_error(name: str, text: str) -> str:
    """One ``::error`` command, where all cases ended red for one reason."""
    return _command("error", name, text)


def notice(name: str, text: str) -> str:
    """One ``::notice`` command."""
    return _command("notice", name, text)


def _text(record: Record) -> str:
    stage = f"at {record.exit_status}: " if record.exit_status != record.outcome else ""
    why = record.error.signature if record.error else "; ".join(record.notes)
    if record.flaky and record.error:
        why = f"{why}; {record.notes[-1]}"
    return "\n".join(filter(None, (f"{stage}{why}", f"reproduce: {record.reproduce}" if record.reproduce else "")))


def _command(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={_escape(title, ':,')}::{_escape(text)}"


def _escape(text: str, also: Iterable[str] = ()) -> str:
    """Percent-encode what would end a command or a property (the encoding of GitHub's own toolkit)."""
    for char in ("%", "\r", "\n", *also):
        text = text.replace(char, f"%{ord(char):02X}")
    return text
