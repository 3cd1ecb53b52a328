"""A record's comparisons become its worst figures, and what its disabled checks let pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from schemas.record import CastInput, OutputComparison, Record, TokenComparison
from schemas.words import Outcome

_PASSED = (Outcome.PASS, Outcome.XPASS)


class Worst(msgspec.Struct, frozen=True, kw_only=True):
    """Over all outputs whose figures decide: the lowest correlation, the largest error; None where none has one."""

    pcc: float | None
    cosine: float | None
    max_abs: float | None
    max_rel: float | None
    relative_atol: float | None
    mismatched: int | None
    total: int | None


_NONE = Worst(pcc=None, cosine=None, max_abs=None, max_rel=None, relative_atol=None, mismatched=None, total=None)


def worst(record: Record) -> Worst:
    """The figures of the outputs that hold no tokens: those of token ids say nothing."""
    chosen = numeric(record)
    if not chosen:
        return _NONE
    return Worst(
        pcc=min(_known(each.pcc for each in chosen), default=None),
        cosine=min(_known(each.cosine for each in chosen), default=None),
        max_abs=max(_known(each.max_abs for each in chosen), default=None),
        max_rel=max(_known(each.max_rel for each in chosen), default=None),
        relative_atol=max(_known(each.relative_atol for each in chosen), default=None),
        mismatched=sum(each.mismatched for each in chosen),
        total=sum(each.total for each in chosen),
    )


def numeric(record: Record) -> tuple[OutputComparison, ...]:
    """The comparisons of outputs that hold no tokens."""
    if not record.tokens:
        return record.comparisons
    texts = {each.output for each in record.tokens}
    return tuple(each for each in record.comparisons if each.output not in texts)


def _known(values: Iterable[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)


def let_pass(record: Record) -> tuple[str, ...]:
    """What would have failed had its check not been disabled: ``y: PCC 0.5, required 0.99``."""
    found = [f"{each.output}: {each.unasserted}" for each in record.comparisons if each.unasserted]
    found += [f"{sequence_name(each)}: {each.unasserted}" for each in record.tokens if each.unasserted]
    return tuple(found)


def is_unchecked(record: Record) -> bool:
    """Whether it passed with a check of the comparison disabled."""
    return record.checks is not None and record.outcome in _PASSED and bool(record.comparisons)


def disabled(record: Record) -> tuple[str, ...]:
    """The names of its disabled checks."""
    checks = record.checks
    if checks is None:
        return ()
    every = {"PCC": checks.pcc, "ATOL": checks.atol, "tokens": checks.tokens}
    return tuple(name for name, asserted in every.items() if not asserted)


def token_differences(record: Record) -> tuple[str, ...]:
    """``ids[1]: token 3: 45 'a', expected 12 'b'`` of every sequence whose tokens differ."""
    return tuple(f"{sequence_name(each)}: {each.reason}" for each in record.tokens if each.reason)


def sequence_name(token: TokenComparison) -> str:
    """``ids``, or ``ids[3]`` where the output has several sequences."""
    return token.output if token.sequence is None else f"{token.output}[{token.sequence}]"


def cast_text(cast: CastInput) -> str:
    """``x: float64 as float32, golden too``."""
    return f"{cast.input}: {cast.given} as {cast.cast}, golden {'too' if cast.golden else 'as given'}"
