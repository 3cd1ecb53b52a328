"""The types of results.json turned into the JSON Schema that readers check against: `python -m schemas.publish`."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Exit
from schemas.record import REPORT_SCHEMA, RESULTS_SCHEMA
from schemas.report import Report

COMMAND = "python -m schemas.publish"
FILE = Path(__file__).parent / "results.schema.json"


def schema() -> dict[str, Any]:
    """Of a shard's results and of a merged report alike: both have the fields of ``Report``."""
    _, parts = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    for part in parts.values():
        part["description"] = inspect.cleandoc(part.get("description", ""))
    report = parts.pop("Report")
    report["properties"]["schema"] = {"enum": [RESULTS_SCHEMA, REPORT_SCHEMA]}
    report["required"] = sorted({*report["required"], "schema", "records"})
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "results.json of a shard or of a merged run",
        "$comment": f"Generated from schemas/report.py and schemas/record.py by `{COMMAND}`",
    }
    return {**report, **head, "$defs": dict(sorted(parts.items()))}


def text() -> str:
    """As it is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write or check the committed schema; the return value is the exit code."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Write schemas/results.schema.json.", epilog=f"{COMMAND} --check"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 3 when the schema is stale")
    check = parser.parse_args(argv).check
    if FILE.is_file() and FILE.read_text("utf-8") == text():
        return Exit.OK
    if check:
        print(f"stale: {FILE.name}\n    mend: {COMMAND}", file=sys.stderr)
        return Exit.STALE
    FILE.write_text(text(), "utf-8")
    print(f"wrote schemas/{FILE.name}")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
