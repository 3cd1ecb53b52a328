"""The tables of keys turned into the JSON Schemas that editors read: `python -m suites.schema [--check]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import Exit
from suites import failurekeys, keys
from suites.fields import Field, Keys, Kind
from suites.units import DURATION_PATTERN, SIZE_PATTERN

COMMAND = "python -m suites.schema"
_FOLDER = Path(__file__).parent.parent / "schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"

#: File name, title and table of keys of every schema.
SCHEMAS: Mapping[str, tuple[str, Keys]] = {
    "manifest.schema.json": ("A suite's manifest: what is tested, how far, where, and when", keys.MANIFEST),
    "targets.schema.json": ("targets.yaml: every place to compile for and to run on", keys.TARGETS_FILE),
    "expectations.schema.json": ("The declared failures of a suite on a target", failurekeys.EXPECTATIONS_FILE),
    "excused.schema.json": ("excused.yaml: models that are in no list on purpose", keys.EXCUSED_FILE),
}

#: Tables that several keys share get a definition of their own.
_SHARED: tuple[tuple[str, Keys], ...] = (
    ("settings", keys.SETTINGS),
    ("target-settings", keys.PER_TARGET),
    ("tolerance", keys.TOLERANCE),
    ("checks", keys.CHECKS),
    ("tuning", keys.TUNING),
)
_PATTERNS = {Kind.DURATION: DURATION_PATTERN, Kind.SIZE: SIZE_PATTERN, Kind.DATE: r"^\d{4}-\d{2}-\d{2}$"}
_LITERAL = {Kind.FLAG: "boolean", Kind.NUMBER: "number", Kind.INTEGER: "integer"}


def schema(name: str) -> dict[str, Any]:
    """One schema by file name."""
    title, table = SCHEMAS[name]
    used: dict[str, Any] = {}
    body = _table(table, used)
    head = {"$schema": _DRAFT, "title": title, "$comment": f"Generated from suites/keys.py by `{COMMAND}`"}
    return {**head, **body, **({"$defs": dict(sorted(used.items()))} if used else {})}


def text(name: str) -> str:
    """One schema as it is committed."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _table(table: Keys, used: dict[str, Any]) -> dict[str, Any]:
    required = [name for name, field in table.items() if field.required]
    made: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _field(field, used) for name, field in table.items()},
    }
    if required:
        made["required"] = required
    if table is keys.MODEL:
        selectors = ("onnx", "python", "mlir", "name", "tag")
        made["oneOf"] = [{"required": [each], "not": _any_of(each, selectors)} for each in selectors]
    return made


def _any_of(selector: str, selectors: tuple[str, ...]) -> dict[str, Any]:
    """What may not stand beside a selector; a name may stand beside a file, as the name to give."""
    beside = ("name",) if selector in ("onnx", "python", "mlir") else ()
    return {"anyOf": [{"required": [each]} for each in selectors if each not in (selector, *beside)]}


def _shared(table: Keys, used: dict[str, Any]) -> dict[str, Any]:
    for name, shared in _SHARED:
        if table is shared:
            if name not in used:
                used[name] = {}
                used[name] = _table(table, used)
            return {"$ref": f"#/$defs/{name}"}
    return _table(table, used)


def _field(field: Field, used: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"description": field.doc}
    if field.example is not None:
        said["examples"] = [field.example]
    return {**said, **_shape(field, used)}


def _shape(field: Field, used: dict[str, Any]) -> dict[str, Any]:
    if field.kind is Kind.MAPPING:
        return _shared(field.keys or {}, used)
    if field.kind is Kind.NAMED:
        names = {"enum": list(field.choices)} if field.choices else {"pattern": field.pattern} if field.pattern else {}
        item = _field(field.item, used) if field.item else {}
        return {"type": "object", "additionalProperties": item, **({"propertyNames": names} if names else {})}
    if field.kind is Kind.ENTRIES:
        return {"type": "array", "items": _table(field.keys or {}, used), "minItems": 0 if field.empty else 1}
    if field.kind in (Kind.TEXTS, Kind.TEXT_OR_TEXTS):
        listed = {"type": "array", "items": _text(field), "minItems": 0 if field.empty else 1}
        return listed if field.kind is Kind.TEXTS else {"oneOf": [_text(field), listed]}
    if field.kind in _LITERAL:
        limits = {"minimum": field.minimum, "maximum": field.maximum}
        return {"type": _LITERAL[field.kind], **{name: limit for name, limit in limits.items() if limit is not None}}
    return _text(field)


def _text(field: Field) -> dict[str, Any]:
    if field.choices:
        return {"type": "string", "enum": list(field.choices)}
    pattern = _PATTERNS.get(field.kind) or field.pattern
    if pattern:
        return {"type": "string", "pattern": pattern}
    return {"type": "string"} if field.empty else {"type": "string", "minLength": 1}


def main(argv: list[str] | None = None) -> int:
    """Write or check the committed schemas; the return value is the exit code."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Write schemas/*.schema.json from suites/keys.py.", epilog=f"{COMMAND} --check"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 3 when a schema is stale")
    check = parser.parse_args(argv).check
    stale = [n for n in SCHEMAS if not (_FOLDER / n).is_file() or (_FOLDER / n).read_text("utf-8") != text(n)]
    if check and stale:
        print(f"stale: {', '.join(stale)}\n    mend: {COMMAND}", file=sys.stderr)
        return Exit.STALE
    for name in stale:
        (_FOLDER / name).write_text(text(name), "utf-8")
        print(f"wrote schemas/{name}")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
