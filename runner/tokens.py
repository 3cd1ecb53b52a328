"""Integer outputs of a model with a tokenizer become decoded text, compared sequence by sequence. Pure but for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from results.measured import sequence_name
from results.text import shorten
from runner.compare.elements import is_whole
from runner.compare.outputs import Expected, with_sign_of
from runner.tensors import Array
from schemas.record import TokenComparison

SIGNATURE = "tokens differ"
UNDECODABLE = "tokens cannot be decoded"
_SHOWN = 2000  # characters of a text in a record; compared is all of it
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"  # what decoders put in place of bytes that are no text


class Tokenizer(Protocol):
    """What `load_tokenizer` of the authoring face returns."""

    def decode(self, ids: Any) -> Any:
        """The text of a list of token ids."""


@runtime_checkable
class Tokenizing(Protocol):
    """A frontend that may have a tokenizer; the others' integer outputs are numbers."""

    def tokenizer(self) -> Tokenizer | None:
        """The model's, where it gives one."""


class TokenVerdict(NamedTuple):
    """The comparisons, and why they are no pass: a signature, None for a pass."""

    comparisons: tuple[TokenComparison, ...]
    signature: str | None


class _Text(NamedTuple):
    text: str
    problem: str = ""


def positions(golden: Sequence[Expected], outputs: Sequence[Array]) -> tuple[int, ...]:
    """Which outputs hold token ids: integers of one or two dimensions, of the expected type and shape."""
    pairs = enumerate(zip(golden, outputs, strict=False))
    return tuple(number for number, (each, actual) in pairs if _holds_tokens(each.value, actual))


def _holds_tokens(expected: Array, actual: Array) -> bool:
    if expected.ndim not in (1, 2) or not is_whole(expected) or expected.dtype.kind == "b":
        return False
    return actual.shape == expected.shape and with_sign_of(expected, actual).dtype == expected.dtype


def compare_tokens(
    golden: Sequence[Expected],
    outputs: Sequence[Array],
    which: Sequence[int],
    tokenizer: Tokenizer,
    *,
    asserted: bool = True,
) -> TokenVerdict:
    """Compare the outputs at the positions ``which``; rows of two dimensions are sequences of their own.

    What differs while the check is disabled is told in ``unasserted`` and fails nothing.
    """
    found: list[TokenComparison] = []
    signature: str | None = None
    for number in which:
        expected = golden[number].value
        actual = with_sign_of(expected, outputs[number])
        for row, e, a in _sequences(expected, actual):
            one, failure = _one(golden[number].name, row, e, a, tokenizer, asserted=asserted)
            found.append(one)
            signature = signature or failure
    return TokenVerdict(tuple(found), signature)


def _sequences(expected: Array, actual: Array) -> Iterator[tuple[int | None, list[int], list[int]]]:
    """Each with its row, None where there is but one sequence."""
    if expected.ndim == 1:
        yield None, *_ids(expected, actual)
        return
    for row in range(len(expected)):
        yield row, *_ids(expected[row], actual[row])


def _ids(expected: Array, actual: Array) -> tuple[list[int], list[int]]:
    return [int(each) for each in expected], [int(each) for each in actual]


def _one(
    name: str, row: int | None, expected: list[int], actual: list[int], tokenizer: Tokenizer, *, asserted: bool
) -> tuple[TokenComparison, str | None]:
    wanted, got = _decoded(tokenizer, expected), _decoded(tokenizer, actual)
    first = next((n for n, (e, a) in enumerate(zip(expected, actual, strict=True)) if e != a), None)
    reason, failure = "", None
    if first is not None:
        reason = f"token {first}: {_token(tokenizer, actual[first])}, expected {_token(tokenizer, expected[first])}"
        if _proves(wanted) and wanted == got:
            reason += "; the text is the same"
        else:
            failure = SIGNATURE
    problem = wanted.problem or got.problem
    if problem:  # also of equal ids: a tokenizer that cannot read the golden is not this model's
        reason, failure = "; ".join(filter(None, (problem, reason))), UNDECODABLE
    dropped = failure is not None and not asserted
    comparison = TokenComparison(
        output=name,
        sequence=row,
        passed=failure is None or dropped,
        expected=shorten(wanted.text, _SHOWN),
        actual=shorten(got.text, _SHOWN),
        first_difference=first,
        reason="" if dropped else reason,
        unasserted=reason if dropped else "",
    )
    return comparison, None if dropped else failure


def token_reasons(comparisons: Sequence[TokenComparison]) -> list[str]:
    """What is wrong with each sequence that is no pass, one line each."""
    return [f"{sequence_name(each)}: {each.reason}" for each in comparisons if not each.passed]


def _proves(found: _Text) -> bool:
    """Whether equal texts say something: not where the decoder left all out, nor where bytes were no text."""
    return bool(found.text.strip()) and _NO_TEXT not in found.text


def _decoded(tokenizer: Tokenizer, ids: list[int]) -> _Text:
    try:
        text = tokenizer.decode(np.asarray(ids, dtype=np.int64).tolist())
    except Exception as error:  # noqa: BLE001 - whatever a model's own tokenizer raises is a finding about its ids
        return _Text("", f"decode raised {type(error).__name__}: {shorten(str(error), 200)}")
    if not isinstance(text, str):
        return _Text("", f"decode returned a {type(text).__name__}, not a text")
    return _Text(text)


def _token(tokenizer: Tokenizer, number: int) -> str:
    """``318 ' is'``."""
    found = _decoded(tokenizer, [number])
    return f"{number} {shorten(found.text, 80)!r}" if not found.problem else f"{number} (no token)"
