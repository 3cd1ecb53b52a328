"""JSON text: the same values as the standard library's reader, with places; breaks are told where they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.findings import Findings
from suites.imported.jsontext import parse_json
from suites.nodes import MappingNode, Node, ScalarNode, SequenceNode, short_tag

_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def plain(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {key.value: plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    readers = {"str": str, "bool": lambda text: text == "true", "int": int, "float": float}
    return readers[short_tag(node)](node.value)


@given(_VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_the_same_values(value: Any, indent: int | None, ascii_only: bool) -> None:
    findings = Findings()
    root = parse_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(), "f.json", findings)
    assert not findings
    assert root is not None
    assert plain(root) == value


@given(st.text(alphabet='{}[]",:0tn \\/*\n', max_size=12))
def test_either_a_value_or_a_finding(text: str) -> None:
    findings = Findings()
    root = parse_json(text.encode(), "f.json", findings)
    assert (root is None) == (len(findings) == 1)
    try:
        json.loads(text)
    except ValueError:
        return
    assert root is not None


def test_places_and_comments() -> None:
    text = '{ // first\n  "a": [1,\n   /* second\n */ "x",],\n  "b": null }'
    root = parse_json(text.encode(), "f.json", Findings())
    assert isinstance(root, MappingNode)
    ((key, value),) = root.value
    assert (key.start_mark.line, key.start_mark.column) == (1, 2)
    assert [(item.start_mark.line, item.start_mark.column) for item in value.value] == [(1, 8), (3, 4)]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('{"a": 1', "1:8", "a comma or } is meant, the text ends"),
        ('{"a" 1}', "1:6", "a colon is meant after 'a'"),
        ("{a: 1}", "1:2", "a name in double quotes"),
        ('["a\nb"]', "1:2", "does not end well"),
        ("[1] 2", "1:5", "something follows the end"),
        ('{"a":\n nope}', "2:2", "'nope' is no value"),
        ("", "1:1", "the text ends"),
        ("[" * 200, "1:102", "too deep"),
    ],
)
def test_breaks(text: str, place: str, said: str) -> None:
    findings = Findings()
    assert parse_json(text.encode(), "f.json", findings) is None
    (finding,) = findings.all()
    assert str(finding).startswith(f"f.json:{place}: not valid JSON: ")
    assert said in finding.message


def test_bytes_that_are_no_text() -> None:
    findings = Findings()
    assert parse_json(b'{"a": "\xff"}', "f.json", findings) is None
    (finding,) = findings.all()
    assert str(finding).startswith("f.json:1:8: byte 0xff is not UTF-8")
