"""One change of a YAML text changes nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from results.promote import yamltext as y

TEXT = """\
# head
suite: s   # its name
targets: [cpu, lab]  # both
models:
  # one family
  - name: a/*   # all
    exclude: [a/x, a/y]
  # alone
  - name: b
    only:
      - cpu   # first
      - lab
    # inside
  - {name: c, only: [cpu]}
  - only: [lab]
    name: d
# the end
"""
M = "models"


@pytest.mark.parametrize(
    ("change", "gone", "come"),
    [
        (lambda t: y.add_item(t, (M, 0, "exclude"), "a/z"), "[a/x, a/y]", "[a/x, a/y, a/z]"),
        (lambda t: y.drop_item(t, (M, 0, "exclude"), "a/x"), "[a/x, a/y]", "[a/y]"),
        (lambda t: y.drop_item(t, (M, 0, "exclude"), "a/y"), "[a/x, a/y]", "[a/x]"),
        (lambda t: y.drop_item(t, (M, 2, "only"), "cpu"), ", only: [cpu]", ""),
        (lambda t: y.add_item(t, (M, 2, "only"), "lab"), "[cpu]}", "[cpu, lab]}"),
        (lambda t: y.drop_item(t, (M, 1, "only"), "cpu"), "      - cpu   # first\n", ""),
        (lambda t: y.add_item(t, (M, 1, "only"), "far"), "      - lab\n", "      - lab\n      - far\n"),
        (lambda t: y.add_item(t, (M, 1, "exclude"), "b/1", after="name"), "name: b\n", "name: b\n    exclude: [b/1]\n"),
        (lambda t: y.put(t, (M, 2, "checks", "pcc"), "false"), "[cpu]}", "[cpu], checks: {pcc: false}}"),
        (lambda t: y.put(t, ("suite",), "z"), "suite: s ", "suite: z "),
        (lambda t: y.put(t, ("only",), "[cpu]", after="targets"), "# both\n", "# both\nonly: [cpu]\n"),
        (lambda t: y.drop(t, (M, 3, "only")), "- only: [lab]\n    name: d", "- name: d"),
        (lambda t: y.drop(t, (M, 1, "only")), "    only:\n      - cpu   # first\n      - lab\n", ""),
        (lambda t: y.drop_entry(t, (M, 2)), "  - {name: c, only: [cpu]}\n", ""),
        (lambda t: y.add_entry(t, (M,), ["name: e"]), "    name: d\n", "    name: d\n  - name: e\n"),
        (lambda t: y.add_entry(t, (M,), ["name: e", "only: [cpu]"], behind=1),
         "    # inside\n", "    # inside\n  - name: e\n    only: [cpu]\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_place_changes(change: Callable[[str], str], gone: str, come: str, ending: str) -> None:
    assert TEXT.count(gone) == 1
    expected = TEXT.replace(gone, come).replace("\n", ending)
    assert change(TEXT.replace("\n", ending)) == expected
    yaml.safe_load(expected)


HEADED = """\
models:
  # two of them
  - name: a
  - name: b
  # one
  - name: c
  # last
  - name: d
"""


@pytest.mark.parametrize(
    ("number", "gone"),
    [(0, "  - name: a\n"), (1, "  - name: b\n"), (2, "  # one\n  - name: c\n"), (3, "  # last\n  - name: d\n")],
)
def test_a_comment_goes_with_the_only_entry_that_it_heads(number: int, gone: str) -> None:
    assert y.drop_entry(HEADED, (M, number)) == HEADED.replace(gone, "")


def test_the_last_entry_leaves_an_empty_list_and_comes_back() -> None:
    text = "suite: s\nmodels:  # all\n  # alone\n  - name: a\n# end\n"
    empty = y.drop_entry(text, (M, 0))
    assert empty == "suite: s\nmodels: []  # all\n# end\n"
    assert y.add_entry(empty, (M,), ["name: b"]) == "suite: s\nmodels:   # all\n  - name: b\n# end\n"
    assert y.add_entry("models: []", (M,), ["name: b"]) == "models:\n  - name: b\n"
    assert y.drop_entry("models: [{name: a}]\n", (M, 0)) == "models: []\n"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20))
def test_every_text_comes_back_from_a_scalar(text: str) -> None:
    assert yaml.safe_load(f"a: {y.scalar(text)}") == {"a": text}
    assert yaml.safe_load(y.flow([text, text])) == [text, text]


_NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(_NAMES, _NAMES, st.booleans())
def test_lists_are_what_was_asked_for(before: list[str], after: list[str], block: bool) -> None:
    written = "".join(f"\n  - {each}  # {each}" for each in before) if block and before else f" {y.flow(before)}"
    text = f"# top\nz: 1\nkey:{written}\nlast: 2  # end\n"
    for name in after:
        if name not in before:
            text = y.add_item(text, ("key",), name, after="z")
    for name in before:
        if name not in after:
            text = y.drop_item(text, ("key",), name)
    read = yaml.safe_load(text)
    assert set(read.get("key", ())) == set(after)
    assert (read["z"], read["last"]) == (1, 2)
    assert text.startswith("# top\nz: 1\n")
    assert text.endswith("\nlast: 2  # end\n")
