"""A marker expression (`hip and not (slow or benchmark)`) turned into a question about a set of words; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<word>[^\s()]+))")
_KEYWORDS = ("and", "or", "not")

Fits = Callable[[frozenset[str]], bool]


class MarkerError(ValueError):
    """Why a text is no marker expression."""


def parse_markers(text: str) -> Fits:
    """As pytest's `-m` has it: `not` binds closest, then `and`, then `or`; raises MarkerError."""
    parser = _Parser([match["bracket"] or match["word"] for match in _TOKEN.finditer(text)])
    return parser.whole()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._index = 0

    def whole(self) -> Fits:
        if not self._tokens:
            raise MarkerError("the expression is empty")
        made = self._either()
        if self._index < len(self._tokens):
            raise MarkerError(f"{self._tokens[self._index]!r} is not meant there")
        return made

    def _either(self) -> Fits:
        terms = [self._both()]
        while self._takes("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda words: any(term(words) for term in terms)

    def _both(self) -> Fits:
        terms = [self._single()]
        while self._takes("and"):
            terms.append(self._single())
        return terms[0] if len(terms) == 1 else lambda words: all(term(words) for term in terms)

    def _single(self) -> Fits:
        if self._takes("not"):
            inner = self._single()
            return lambda words: not inner(words)
        if self._takes("("):
            inner = self._either()
            if not self._takes(")"):
                raise MarkerError("a bracket is not closed")
            return inner
        word = self._tokens[self._index] if self._index < len(self._tokens) else ""
        if word in ("", ")", *_KEYWORDS):
            raise MarkerError(f"a marker is meant {f'instead of {word!r}' if word else 'at the end'}")
        self._index += 1
        return lambda words: word in words

    def _takes(self, token: str) -> bool:
        taken = self._index < len(self._tokens) and self._tokens[self._index] == token
        self._index += taken
        return taken
