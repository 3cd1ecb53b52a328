"""Marker expressions: what pytest's own `-m` takes and leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.markers import MarkerError, parse_markers

_WORDS = st.sampled_from(["cpu", "hip", "gfx942", "local-task"])
_EXPRESSIONS = st.recursive(
    _WORDS.map(lambda word: (word, lambda words: word in words)),
    lambda inner: (
        inner.map(lambda each: (f"not ({each[0]})", lambda words: not each[1](words)))
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", lambda words: two[0][1](words) and two[1][1](words))
        )
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} or {two[1][0]})", lambda words: two[0][1](words) or two[1][1](words))
        )
    ),
    max_leaves=5,
)


@given(_EXPRESSIONS, st.frozensets(_WORDS))
def test_as_python_has_it(expression: tuple[str, object], words: frozenset[str]) -> None:
    text, meaning = expression
    assert callable(meaning)
    assert parse_markers(text)(words) == meaning(words)


def test_how_the_words_bind() -> None:
    fits = parse_markers("not a and b or c and not d")
    assert fits(frozenset({"b"}))
    assert fits(frozenset({"a", "c"}))
    assert not fits(frozenset({"a", "b"}))
    assert not fits(frozenset({"a", "c", "d"}))


@pytest.mark.parametrize("text", ["", "and", "a and", "(a", "a)", "a b", "not", "()"])
def test_no_expression(text: str) -> None:
    with pytest.raises(MarkerError):
        parse_markers(text)
