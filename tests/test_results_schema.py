"""The committed JSON Schema of results.json: made from the types, and true of what the programs write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from results.merge import merge
from results.shard import write_shard
from schemas import publish
from schemas.words import Outcome
from tests.results_support.build import journal, key, record, shard_results
from tests.results_support.verified import verified

ROOT = Path(__file__).parent.parent
EVERYTHING = [*(record(key(n), outcome) for n, outcome in enumerate(Outcome)), verified(key(99))]


def errors(value: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(publish.FILE.read_text("utf-8")))
    return [each.message for each in validator.iter_errors(value)]


def test_the_committed_schema_is_that_of_the_types() -> None:
    assert publish.FILE.read_text("utf-8") == publish.text(), f"stale: run `{publish.COMMAND}`"
    jsonschema.Draft202012Validator.check_schema(publish.schema())


def test_a_stale_schema_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "FILE", tmp_path / "results.schema.json")
    assert publish.main(["--check"]) == 3
    assert not publish.FILE.exists()
    assert publish.main([]) == 0
    assert publish.main(["--check"]) == 0


def test_the_command_line_checks() -> None:
    done = subprocess.run([sys.executable, "-m", "schemas.publish", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_results_of_a_shard_and_of_a_merged_run_are_valid(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard", shard_results(EVERYTHING), None)
    journal(tmp_path / "journals" / "0", EVERYTHING)
    merge([tmp_path / "journals"], [], None, tmp_path / "report")
    for folder in ("shard", "report"):
        loaded = json.loads((tmp_path / folder / "results.json").read_bytes())
        assert errors(loaded) == []
        assert len(loaded["records"]) == len(EVERYTHING)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "e2eshard.results/2"}, "is not one of"),
        ({"records": [{"case": "c"}]}, "is a required property"),
        ({"red": "yes"}, "is not of type 'boolean'"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    write_shard(tmp_path, shard_results(EVERYTHING), None)
    loaded = json.loads((tmp_path / "results.json").read_bytes())
    found = errors(loaded | change)
    assert found
    assert said in found[0]
