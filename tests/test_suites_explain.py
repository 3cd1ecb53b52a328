"""Explanations: every effective value with the line it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ManifestError, UsageError
from suites.explain import Explained, explain, explained
from suites.keys import TARGET
from tests.suites_support import folder, manifest

BODY = """\
defaults:
  timeout: 1m
  compile-flags: [--a]
groups:
  g: {tolerance: {pcc: 0.5}}
models:
  - name: onnx/node/test_ab*
    group: g
    compile-flags:
      - --b
  - name: onnx/node/test_abs
    targets:
      cpu: {timeout: 3m}
"""


def places(one: Explained, key: str) -> list[tuple[str, str]]:
    return [(v.value, v.where.rpartition("/")[2]) for v in one.values if v.key == key]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    expected = (
        "suite: mine\ntarget: cpu\nfailures:\n- {signature: s, stage: comparison, cases: [onnx/node/test_abs@onnx]}\n"
    )
    return folder(tmp_path, mine=manifest(BODY), expectations__mine_cpu=expected)


def test_every_value_of_a_case_names_its_line(root: Path) -> None:
    (one,) = explained(root, "onnx/node/test_abs")
    assert one.name == "mine/cpu/onnx/node/test_abs@onnx"
    assert places(one, "timeout") == [("3m", "mine.yaml:17:13")]
    assert places(one, "compile-flags") == [
        ("--iree-llvmcpu-target-cpu=host", "targets.yaml:6:21"),
        ("--a", "mine.yaml:7:19"),
        ("--b", "mine.yaml:14:9"),
    ]
    assert places(one, "tolerance.pcc") == [("0.5", "mine.yaml:9:19")]
    assert places(one, "group") == [("g", "mine.yaml:12:12")]
    assert places(one, "depth") == [("execute", "mine.yaml:3:1")]
    assert places(one, "seed") == [("0", "built-in default")]
    assert [value for value, _ in places(one, "chosen by")] == ["name: onnx/node/test_ab*", "name: onnx/node/test_abs"]
    assert places(one, "expectation") == [("FAIL at comparison: s", "mine.cpu.yaml:4")]
    assert [where.rpartition(":")[0] for _, where in places(one, "tags")] == ["onnx.json:2"] * 3


@pytest.mark.parametrize(
    "name",
    ["onnx/node/test_abs", "onnx/node/test_abs@onnx", "mine/cpu/onnx/node/test_abs@onnx", "mine/cpu/*", "*test_ab?"],
)
def test_a_case_may_be_named_in_many_ways(root: Path, name: str) -> None:
    assert [one.name for one in explained(root, name)] == ["mine/cpu/onnx/node/test_abs@onnx"]


def test_targets_and_suites(root: Path) -> None:
    (target,) = explained(root, "cpu")
    assert {v.key for v in target.values} == {"hosted", *TARGET}
    assert places(target, "case-timeout") == [("10m", "targets.yaml:7:5")]
    assert places(target, "shard-budget") == [("20m", "built-in default")]
    assert places(target, "memory-limit") == [("8GiB", "built-in default")]
    (suite,) = explained(root, "mine")
    assert places(suite, "description") == [("A test", "mine.yaml:2:1")]
    assert places(suite, "schedule") == [("-", "built-in default")]


def test_text_has_one_line_a_value(root: Path) -> None:
    text = explain(root, "onnx/node/test_abs")
    line = next(line for line in text.splitlines() if line.startswith("  timeout"))
    assert "3m" in line
    assert "mine.yaml:17:13" in line
    assert "model onnx/node/test_abs, target cpu" in line


def test_unknown_names_offer_close_ones(root: Path) -> None:
    for name, close in [("onnx/node/test_abz", "onnx/node/test_abs"), ("min", "mine"), ("cpuu", "cpu")]:
        with pytest.raises(UsageError, match=f"did you mean {close}"):
            explain(root, name)


def test_broken_suites_are_told_instead(root: Path) -> None:
    (root / "mine.yaml").write_text("suite: [", "utf-8")
    with pytest.raises(ManifestError):
        explain(root, "mine")
