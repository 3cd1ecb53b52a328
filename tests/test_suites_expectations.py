"""Expectation files: mistakes in them, and the line positions that edits rely on."""

# ruff: noqa: E501 - one mistake is one line of the table

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.words import Outcome, Stage
from suites import expectations, positions
from tests.suites_support import findings, folder, manifest, unmark

TWO = "failures:\n  - {signature: a, stage: compilation, cases: [onnx/node/test_abs@onnx]}\n  - "
HEAD = "suite: mine\ntarget: cpu\n"

MISTAKES = [
    ("failures: [{signature: a, stage: §setup, cases: [onnx/node/test_abs@onnx]}]", "not the compiler's", "add `cause:`"),
    ("failures: [{signature: a, stage: compilation, cases: [§onnx/node/test_abss@onnx]}]", "has no case", "test_abs@onnx"),
    ("failures: [{signature: a, stage: compilation, cases: [§onnx/node/test_abs]}]", "has no case", "test_abs@onnx"),
    ("failures: [{signature: a, stage: compilation, cases: [§onnx/node/test_bernoulli@onnx]}]", "is skipped", "delete"),
    ("failures: [{signature: a, stage: §compile, cases: [onnx/node/test_abs@onnx]}]", "unknown value", "compilation"),
    ("failures: [{signature: a, stage: compilation, outcome: §XFAIL, cases: [a@onnx]}]", "unknown value", "FAIL"),
    ("failures: [{signature: a, stage: compilation, review: §2027-02-30, cases: [x@onnx]}]", "no date", "2027-01-31"),
    ("failures: [{signature: a, stage: compilation, issue: §'12', cases: [x@onnx]}]", "not a URL", "address"),
    ("failures: [{signature: a, stage: compilation, cases: §[]}]", "empty", "at least one"),
    ("failures: [§{signature: a, stage: compilation}]", "'cases' is missing", "model@path"),
    ("failures: [{signature: §3.10, stage: compilation, cases: [x@onnx]}]", "number 3.1", "quotes"),
    (TWO + "{signature: b, stage: compilation, cases: [§onnx/node/test_abs@onnx]}", "already expected", "one expectation"),
    (TWO + "§{signature: a, stage: compilation, cases: [onnx/node/test_add@onnx]}", "already declared on line 4", "move"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said", "remedy"), MISTAKES)
def test_one_mistake_is_one_finding_at_its_place(tmp_path: Path, body: str, said: str, remedy: str) -> None:
    text, places = unmark(HEAD + body + "\n")
    mine = manifest("models: [{name: 'onnx/node/*'}]\n")
    found = findings(folder(tmp_path, mine=mine, expectations__mine_cpu=text))
    found = tuple(f for f in found if "has no case x@onnx" not in f.message and "has no case a@onnx" not in f.message)
    assert [(f.location.line, f.location.column) for f in found] == places, [str(f) for f in found]
    assert said in found[0].message
    assert remedy in found[0].remedy


def test_one_failure_may_have_several_groups_with_a_cause_each(tmp_path: Path) -> None:
    other = "{signature: a, stage: compilation, cause: b, cases: [onnx/node/test_add@onnx]}\n"
    mine = manifest("models: [{name: 'onnx/node/*'}]\n")
    assert findings(folder(tmp_path, mine=mine, expectations__mine_cpu=HEAD + TWO + other)) == ()


def test_files_of_unknown_suites_and_targets(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        mine=manifest("models: [{tag: abs}]\n"),
        expectations__mine_lab="suite: mine\ntarget: lab\nfailures: []\n",
        expectations__other_cpu="suite: other\ntarget: cpu\nfailures: []\n",
        expectations__wrong_cpu="suite: mine\ntarget: cpu\nfailures: []\n",
    )
    assert sorted(f.message for f in findings(root)) == [
        "suite mine does not run on target 'lab'",
        "the file's name does not say suite mine and target cpu",
        "unknown suite 'other'",
    ]


FILE = """\
# yaml-language-server: $schema=../../schemas/expectations.schema.json
suite: mine
target: cpu

failures:
  # the first gap
  - signature: "failed: x"   # as printed
    stage: compilation
    cases:
      # keep me
      - onnx/node/test_abs@onnx   # and me
      - onnx/node/test_add@onnx
    # about the group above

  - signature: |
      two
      lines
    stage: comparison
    outcome: TIMEOUT
    cases: [onnx/node/test_sub@onnx]
  - cases:
    - onnx/node/test_mul@onnx
    stage: setup
    cause: ours
    signature: last
"""


def test_positions_of_groups_and_cases() -> None:
    lines = positions.locate(FILE, "f.yaml")
    assert (lines.failures_key, lines.failures_empty, lines.groups_indent) == (5, False, 2)
    first, second, third = lines.groups
    assert (first.signature, first.stage, first.outcome) == ("failed: x", "compilation", "FAIL")
    assert (first.first, first.last, first.cases_key, first.cases_indent) == (7, 12, 9, 6)
    assert [(c.key, c.line, c.alone) for c in first.cases] == [
        ("onnx/node/test_abs@onnx", 11, True),
        ("onnx/node/test_add@onnx", 12, True),
    ]
    assert (second.first, second.last, second.outcome) == (15, 20, "TIMEOUT")
    assert [c.alone for c in second.cases] == [False]
    assert (third.first, third.last, third.cases_indent) == (21, 25, 4)


def test_positions_of_an_empty_file() -> None:
    lines = positions.locate("suite: a\ntarget: b\nfailures: []\n", "f.yaml")
    assert (lines.failures_key, lines.failures_empty, lines.groups) == (3, True, ())
    assert positions.locate("suite: a\n", "f.yaml").failures_key == 0


def test_a_file_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.cpu.yaml"
    path.write_text(FILE, "utf-8")
    read = expectations.load(path)
    assert [group.expectation.stage for group in read.groups] == [Stage.COMPILATION, Stage.COMPARISON, Stage.SETUP]
    by_key = read.by_key()
    assert by_key["onnx/node/test_sub@onnx"].outcome is Outcome.TIMEOUT
    assert by_key["onnx/node/test_sub@onnx"].signature == "two\nlines\n"
    assert by_key["onnx/node/test_mul@onnx"].where.endswith(":22")
