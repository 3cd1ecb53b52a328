"""The documentation of the formats: every key is in it, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from schemas.target import Target
from suites import failurekeys, keys, workspace
from suites.fields import Keys
from suites.units import show_duration, show_size
from tests.suites_support import findings, folder

DOCS = Path(__file__).parent.parent / "docs"
SUITES_MD = (DOCS / "suites.md").read_text("utf-8")
TARGETS_MD = (DOCS / "targets.md").read_text("utf-8")


def example(page: str, head: str) -> str:
    return next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if f"\n{head}" in block)


@pytest.mark.parametrize(
    ("page", "table"),
    [
        (SUITES_MD, keys.MANIFEST),
        (SUITES_MD, keys.MODEL),
        (SUITES_MD, keys.TOLERANCE),
        (SUITES_MD, failurekeys.EXPECTATIONS_FILE),
        (SUITES_MD, failurekeys.FAILURE),
        (TARGETS_MD, keys.TARGET),
        (TARGETS_MD, keys.CONTAINER),
    ],
)
def test_every_key_is_documented(page: str, table: Keys) -> None:
    missing = [key for key in table if f"`{key}`" not in page and f"\n{key}:" not in page]
    assert not missing


@pytest.mark.parametrize("words", [keys.DEPTHS, keys.FAILURES, keys.PER_TARGET["lowering"].choices])
def test_every_word_is_documented(words: tuple[str, ...]) -> None:
    assert [word for word in words if f"`{word}`" not in SUITES_MD] == []
    assert [word for word in keys.BACKENDS if f"`{word}`" not in TARGETS_MD] == []


def test_examples_load(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        targets=example(TARGETS_MD, "targets:"),
        example=example(SUITES_MD, "suite: example"),
    )
    assert findings(root) == ()
    suite = workspace.load(root).suite("example")
    by_model = {case.model: case for case in suite.cases}
    assert by_model["onnx/node/test_abs"].seed == 3
    assert by_model["mine/net"].skip is not None
    assert by_model["onnx/node/test_conv_with_autopad_same"].group == "large"
    assert not [model for model in by_model if "test_attention" in model]


def test_the_example_of_expectations_loads(tmp_path: Path) -> None:
    mine = "suite: nightly-execute\ndescription: x\ndepth: execute\ntargets: [cpu]\nmodels: [{tag: adam}]\n"
    root = folder(tmp_path, expectations__x=example(SUITES_MD, "suite: nightly-execute"))
    (root / "expectations" / "x.yaml").rename(root / "expectations" / "nightly-execute.cpu.yaml")
    (root / "nightly-execute.yaml").write_text(mine, "utf-8")
    assert findings(root) == ()


def test_documented_defaults_are_the_real_ones() -> None:
    defaults = {field.name: field.default for field in msgspec.structs.fields(Target)}
    for key, value in {
        "memory-limit": show_size(defaults["memory_limit"]),
        "case-timeout": show_duration(defaults["case_timeout"]),
        "shard-timeout": show_duration(defaults["shard_timeout"]),
        "job-timeout": show_duration(defaults["job_timeout"]),
        "setup-time": show_duration(defaults["setup_seconds"]),
        "shard-budget": show_duration(defaults["shard_minutes"] * 60),
        "capacity": str(defaults["capacity"]),
        "jobs": str(defaults["jobs"]),
    }.items():
        row = next(line for line in TARGETS_MD.splitlines() if line.startswith(f"| `{key}` "))
        assert row.endswith(f"| `{value}` |"), row
