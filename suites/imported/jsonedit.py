"""A JSON text, a list or a number in it, and what that is to be, turned into the new text; all else stays as it is.

Pure. Layout, comments and the order of what is kept are those of the text; a new item takes the place that a sorted
list has for it, else the end.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Sequence

from schemas.errors import E2EShardError
from suites.findings import Findings
from suites.imported.jsontext import SPACE, parse_json
from suites.nodes import MappingNode, Node, ScalarNode, SequenceNode

_LEADING = re.compile(r"\n?[ \t]*$")


def set_list(text: str, name: str, wanted: Sequence[str]) -> str:
    """The member ``name`` of the mapping at the top holds these texts; a list that is not there is added at its end.

    Raises E2EShardError for a text that cannot be changed so.
    """
    root = _parsed(text)
    key, node = _member(root, name)
    if node is None or key is None:
        new = _with_member(text, root, name, wanted) if wanted else text
    elif isinstance(node, SequenceNode):
        new = text[: node.start_mark.index] + _array(text, key, node, wanted) + text[node.end_mark.index :]
    else:
        raise E2EShardError(f"{name!r} is no list", "write a list of texts")
    if sorted(listed(new, name)) != sorted(wanted):
        raise E2EShardError(f"the list {name!r} cannot be changed in place", "write one test a line")
    return new


def set_number(text: str, path: Sequence[str], value: float) -> str:
    """The number at a path of member names is this one; raises E2EShardError where there is none."""
    node: Node | None = _parsed(text)
    for name in path:
        node = _member(node, name)[1] if isinstance(node, MappingNode) else None
    if not isinstance(node, ScalarNode):
        raise E2EShardError(f"there is no number {'/'.join(path)}", "the definition has changed since the run")
    return text[: node.start_mark.index] + json.dumps(value) + text[node.end_mark.index :]


def listed(text: str, name: str) -> tuple[str, ...]:
    """The texts of a list at the top; none where it is not there."""
    node = _member(_parsed(text), name)[1]
    return tuple(str(item.value) for item in node.value) if isinstance(node, SequenceNode) else ()


def _parsed(text: str) -> MappingNode:
    findings = Findings()
    root = parse_json(text.encode(), "", findings)
    if not isinstance(root, MappingNode):
        told = "; ".join(str(each) for each in findings.all()) or "no mapping at the top"
        raise E2EShardError(f"this is no JSON to change: {told}", "mend the file first")
    return root


def _member(root: Node | None, name: str) -> tuple[Node | None, Node | None]:
    pairs = root.value if isinstance(root, MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))


def _array(text: str, key: Node, node: SequenceNode, wanted: Sequence[str]) -> str:
    """Each item with the space and the comments before it is a piece; pieces go and come between brackets."""
    pieces, tail = _pieces(text, node)
    step = key.start_mark.column
    lead = _lead(text, node.value[-1]) if pieces else f"\n{' ' * 2 * step}"
    kept = [
        (str(item.value), piece) for item, piece in zip(node.value, pieces, strict=True) if str(item.value) in wanted
    ]
    names = [name for name, _ in kept]
    in_order = names == sorted(names)
    old = {str(item.value) for item in node.value}
    for name in (each for each in wanted if each not in old):
        place = bisect.bisect(names, name) if in_order else len(names)
        names.insert(place, name)
        kept.insert(place, (name, f"{lead}{json.dumps(name, ensure_ascii=False)}"))
    if not kept:
        return "[]"
    whole = text[node.start_mark.index : node.end_mark.index]
    if pieces and "\n" not in whole and "/*" not in whole:  # on one line
        return f"[{', '.join(piece.strip() for _, piece in kept)}]"
    end = tail if pieces else "\n" + " " * step
    return f"[{','.join(piece for _, piece in kept)}{end}]"


def _pieces(text: str, node: SequenceNode) -> tuple[list[str], str]:
    """The text of each item from the comma before it on, and what follows the last."""
    pieces, begin = [], node.start_mark.index + 1
    for number, item in enumerate(node.value):
        end = item.end_mark.index
        last = number == len(node.value) - 1
        if not last:
            space = SPACE.match(text, end)
            end = space.end() if space else end
        pieces.append(text[begin:end])
        begin = end if last else end + 1
    return pieces, text[begin : node.end_mark.index - 1]


def _lead(text: str, item: Node) -> str:
    """The white space before an item, from the end of the line above on; at least a space."""
    found = _LEADING.search(text[: item.start_mark.index])
    return (found[0] if found else "") or " "


def _with_member(text: str, root: MappingNode, name: str, wanted: Sequence[str]) -> str:
    if not root.value:
        return f'{{\n  "{name}": {json.dumps(list(wanted), indent=2)}\n}}\n'
    key, last = root.value[-1]
    step = key.start_mark.column
    items = ",".join(f"\n{' ' * 2 * step}{json.dumps(each, ensure_ascii=False)}" for each in wanted)
    at = last.end_mark.index
    return f'{text[:at]},\n{" " * step}"{name}": [{items}\n{" " * step}]{text[at:]}'
