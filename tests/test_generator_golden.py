"""Generated workflows of a small suites folder, word by word; UPDATE_GOLDEN=1 writes the expected files anew."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator import cli
from tests.generator_support import suites_folder
from tests.workflow_support.node import ACTIONS, node

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "workflows"
WORKFLOWS = Path(".github/workflows")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    suites_folder.make(root / "suites")
    assert cli.main(["--root", str(root)]) == 0
    return root


@pytest.mark.parametrize("name", ["shard.yml", "suite-nightly.yml", "suite-presubmit.yml"])
def test_workflows_are_the_expected_ones(name: str, repository: Path) -> None:
    made = (repository / WORKFLOWS / name).read_text()
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(made)
    expected = (GOLDEN / name).read_text()
    assert made == expected, (
        f"{name} changed: when it should, run UPDATE_GOLDEN=1 python -m pytest {Path(__file__).name}"
    )


def test_no_expected_workflow_is_left_over(repository: Path) -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {path.name for path in (repository / WORKFLOWS).iterdir()}


def test_another_working_directory_gives_the_same_bytes(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    suites_folder.make(tmp_path / "suites")
    assert cli.main([]) == 0
    made, again = (
        {path.relative_to(root): path.read_bytes() for path in (root / ".github").rglob("*.*")}
        for root in (repository, tmp_path)
    )
    assert made == again


@pytest.fixture
def complete(repository: Path, tmp_path: Path) -> Path:
    """The fixture's repository with the hand-written parts that its workflows call."""
    github = HERE.parent / ".github"
    shutil.copytree(repository / ".github", tmp_path / ".github")
    shutil.copytree(github / "actions", tmp_path / ".github/actions")
    shutil.copyfile(github / "zizmor.yml", tmp_path / ".github/zizmor.yml")
    return tmp_path


def test_the_workflow_linters_have_no_finding(complete: Path) -> None:
    done = subprocess.run(
        [node(), str(ACTIONS / "lint.mjs"), str(complete)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_security_linter_has_no_finding(complete: Path) -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    command = [str(zizmor), "--offline", "--quiet", "--persona", "auditor", str(complete / ".github")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
