"""Of a folder of suites only the part is expanded that a run can mean, and that part is as it is in the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import main
from runner.options import parse
from runner.select import part_of
from schemas.errors import Exit, ManifestError, UsageError
from suites import workspace
from suites.assemble import EVERYTHING, Part
from tests.suites_support import folder, manifest

SUITES = Path(__file__).resolve().parents[1] / "suites"
WHOLE = workspace.load(SUITES)
PAIRS = [(suite.name, target) for suite in WHOLE.suites for target in suite.targets]


@pytest.mark.parametrize(("suite", "target"), PAIRS)
def test_a_shard_has_the_cases_and_expectations_that_the_whole_has(suite: str, target: str) -> None:
    part = workspace.load(SUITES, part=Part(suite=suite, target=target))
    assert [each.name for each in part.suites] == [suite]
    assert part.suite(suite).cases == WHOLE.suite(suite).cases_for(target) != ()
    assert part.suite(suite).targets == WHOLE.suite(suite).targets
    assert part.targets == WHOLE.targets


def test_a_target_has_all_suites_and_no_case_of_another_one() -> None:
    part = workspace.load(SUITES, part=Part(target="vmvx"))
    assert {each.name: each.cases for each in part.suites} == {
        each.name: each.cases_for("vmvx") for each in WHOLE.suites
    }


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--shard", "presubmit/cpu/1"], Part(suite="presubmit", target="cpu")),
        (["--shard", "presubmit/cpu"], Part(suite="presubmit", target="cpu")),
        (["onnx/node/test_abs", "--target", "cpu"], Part(target="cpu")),
        (["onnx/node/test_abs", "--target", "cpu", "--suite", "presubmit"], Part(suite="presubmit", target="cpu")),
        (["onnx/node/test_abs", "--target", "cpu", "--suite", "adhoc"], Part(target="cpu")),
        (["presubmit/cpu/onnx/node/test_abs@onnx"], EVERYTHING),
        (["nightly-execute/cpu/onnx/node/test_abs@onnx", "--suite", "presubmit"], EVERYTHING),
    ],
)
def test_what_a_command_line_means(argv: list[str], part: Part) -> None:
    assert part_of(parse(argv)) == part


@pytest.mark.parametrize("part", [Part(suite="presubmti"), Part(target="cpuu"), Part(suite="presubmti", target="cpu")])
def test_a_part_of_nothing_is_everything_so_that_close_names_can_be_offered(part: Part) -> None:
    found = workspace.load(SUITES, part=part)
    assert found.suites == WHOLE.suites
    with pytest.raises(UsageError, match="presubmit"):
        found.suite("presubmti")


def test_how_suites_fit_together_does_not_hinder_a_run_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = manifest("models: [{name: onnx/node/test_abs}]\ndisjoint-with: [theirs]\n", suite="mine")
    root = folder(tmp_path, mine=text, theirs=manifest("models: [{name: onnx/node/test_abs}]\n", suite="theirs"))
    with pytest.raises(Exception, match="also in suite"):
        workspace.load(root)
    (case,) = workspace.load(root, part=Part(suite="mine", target="cpu")).suite("mine").cases
    assert case.model == "onnx/node/test_abs"
    command = ["onnx/node/test_abs", "--target", "cpu", "--suites", str(root), "--collect-only"]
    assert main([*command, "--suite", "mine"]) == Exit.OK
    assert capsys.readouterr().out == f"{case.id}\n"
    assert main(command) == Exit.OK, "one target is not everything either"


EXPECTED = """\
suite: {suite}
target: {target}
failures:
  - {{stage: compilation, signature: "x", cause: c, models: [onnx/node/test_abs@onnx]}}
"""


@pytest.mark.parametrize(
    ("name", "suite", "target", "told"),
    [
        ("mine_cpuu", "mine", "cpu", "does not say suite mine and target cpu"),
        ("mien_cpu", "mien", "cpu", "unknown suite 'mien'"),
        ("mine_cpu", "theirs", "cpu", "does not say suite theirs"),
    ],
)
def test_a_file_of_expectations_that_would_be_overlooked_is_told(
    tmp_path: Path, name: str, suite: str, target: str, told: str
) -> None:
    models = manifest("models: [{name: onnx/node/test_abs}]\n")
    theirs = manifest("models: [{name: onnx/node/test_acos}]\n", suite="theirs")
    text = EXPECTED.format(suite=suite, target=target)
    root = folder(tmp_path, mine=models, theirs=theirs, **{f"expectations__{name}": text})
    with pytest.raises(ManifestError, match=told):
        workspace.load(root, part=Part(suite="mine", target="cpu"))
