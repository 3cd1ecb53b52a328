"""Lists and numbers of JSON files changed in place: what is wanted stands there, everything else is untouched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import E2EShardError
from suites.imported.jsonedit import listed, set_list, set_number

_NAMES = st.lists(st.sampled_from(["a/b", "c", "d/é", 'q"x', "z"]), unique=True)


@given(_NAMES, _NAMES, st.sampled_from([None, 2, 4]), st.booleans())
def test_the_list_is_what_is_wanted_and_the_rest_as_it_was(
    old: list[str], new: list[str], indent: int | None, last: bool
) -> None:
    config = {"config_name": "x", "failures": old} | ({} if last else {"golden": {"failures": ["c"]}, "n": 1.10})
    text = json.dumps(config, indent=indent)
    changed = set_list(text, "failures", new)
    read = json.loads(changed)
    assert sorted(read["failures"]) == sorted(new)
    assert {**read, "failures": None} == {**config, "failures": None}
    assert set_list(changed, "failures", new) == changed
    assert [each for each in read["failures"] if each in old] == [each for each in old if each in new]


@given(_NAMES.filter(bool))
def test_a_list_that_is_not_there_is_added(new: list[str]) -> None:
    for text in ('{"config_name": "x"}', '{\n  "config_name": "x"\n}\n', "{}"):
        assert sorted(json.loads(set_list(text, "failures", new))["failures"]) == sorted(new)
    assert set_list("{}", "failures", []) == "{}"


def test_layout_and_comments_stay() -> None:
    text = """{
  "config_name": "x", // what CI runs
  "expected": [
    // softmax: issue 7
    "a",
    "c", // flaky once
    "e"
  ],
  "golden": 1.50
}
"""
    assert set_list(text, "expected", ["a", "b", "e"]) == text.replace(
        '    "c", // flaky once\n', '    "b", // flaky once\n'
    )
    assert set_list(text, "expected", []) == text[: text.index("[")] + "[]" + text[text.index("]") + 1 :]
    assert set_number(text, ["golden"], 1.4) == text.replace("1.50", "1.4")


def test_a_new_item_takes_its_place_in_a_sorted_list() -> None:
    assert set_list('{"x": ["a", "c"]}', "x", ["a", "b", "c"]) == '{"x": ["a", "b", "c"]}'
    assert set_list('{"x": ["c", "a"]}', "x", ["c", "a", "b"]) == '{"x": ["c", "a", "b"]}'
    assert set_list('{\n    "x": []\n}', "x", ["a"]) == '{\n    "x": [\n        "a"\n    ]\n}'


def test_numbers_by_their_path() -> None:
    text = '{"t": {"A/b": 0.10, "n": [1]}, "u": 3}'
    assert set_number(text, ["t", "A/b"], 0.2) == text.replace("0.10", "0.2")
    for path in (["t"], ["t", "c"], ["u", "x"], ["t", "n"]):
        with pytest.raises(E2EShardError, match="there is no number"):
            set_number(text, path, 1)


def test_what_cannot_be_changed() -> None:
    with pytest.raises(E2EShardError, match="no JSON"):
        set_list('{"x": [', "x", ["a"])
    with pytest.raises(E2EShardError, match="is no list"):
        set_list('{"x": 1}', "x", ["a"])
    assert listed('{"y": 1}', "x") == ()
