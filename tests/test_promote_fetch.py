"""Reports of earlier runs come in the order of their times; gh itself is a stand-in that answers as gh does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import yaml

from results.cli import main
from schemas.errors import Exit

WORKFLOW = Path(__file__).parent.parent / ".github/workflows/promote.yml"
_GH = """\
#!{python}
import json, pathlib, sys
world = json.loads(pathlib.Path({world!r}).read_text())
arguments = sys.argv[1:]
option = dict(each[2:].split("=", 1) for each in arguments if each.startswith("--"))
if arguments[:2] == ["run", "list"]:
    if option["workflow"] not in world["runs"]:
        sys.exit("HTTP 404: workflow " + option["workflow"] + " not found on the default branch")
    print(json.dumps(world["runs"][option["workflow"]][: int(option["limit"])]))
else:
    artifacts = world["artifacts"].get(arguments[2])
    if artifacts is None:
        sys.exit("error connecting to api.github.example")
    if not artifacts:
        sys.exit("no valid artifacts found to download")
    for name in artifacts:
        folder = pathlib.Path(option["dir"]) / name
        folder.mkdir()
        (folder / "results.json").write_text(name)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    """What gh knows; written when the test is done with it."""
    told: dict[str, dict[str, object]] = {
        "runs": {
            "suite-a.yml": [
                {"databaseId": 12, "createdAt": "2026-11-21T02:17:05Z"},
                {"databaseId": 10, "createdAt": "2026-11-20T02:17:05Z"},
            ],
            "suite-b.yml": [{"databaseId": 11, "createdAt": "2026-11-20T09:00:00Z"}],
        },
        "artifacts": {"10": ["report.a.1", "report.a.10", "report.a.9"], "11": ["report.b.1"], "12": []},
    }
    _tell(tmp_path, told)
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text(_GH.format(python=sys.executable, world=str(tmp_path / "world.json")))
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}{os.pathsep}{os.environ['PATH']}")
    return told


def _tell(folder: Path, told: object) -> None:
    (folder / "world.json").write_text(json.dumps(told))


@pytest.mark.usefixtures("world")
def test_folders_sort_oldest_first_and_hold_the_last_attempt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports"
    assert main(["fetch", "a", "b", "none", "--out", str(out)]) == Exit.OK
    assert sorted(folder.name for folder in out.iterdir()) == ["20261120T021705Z.a.10", "20261120T090000Z.b.11"]
    assert (out / "20261120T021705Z.a.10/results.json").read_text() == "report.a.10"
    assert "no report of a 12" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
def test_only_as_many_runs_as_asked_for(tmp_path: Path) -> None:
    assert main(["fetch", "a", "b", "--runs", "1", "--out", str(tmp_path / "reports")]) == Exit.OK
    assert [folder.name for folder in (tmp_path / "reports").iterdir()] == ["20261120T090000Z.b.11"]


def test_a_run_that_cannot_be_had_is_no_run_without_report(
    tmp_path: Path, world: dict[str, dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    del world["artifacts"]["11"]
    _tell(tmp_path, world)
    assert main(["fetch", "b", "--out", str(tmp_path / "reports")]) == Exit.UNEXPECTED
    assert "cannot download run 11: error connecting" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("suite", ["none", "../a"])
def test_nothing_to_fetch_is_said(tmp_path: Path, suite: str) -> None:
    assert main(["fetch", suite, "--out", str(tmp_path / "reports")]) == Exit.USAGE


def test_without_gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["fetch", "a", "--out", str(tmp_path / "reports")]) == Exit.CANNOT_START


def test_the_workflow_may_only_read() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "actions": "read"}
    assert not any("${{" in step.get("run", "") for step in job["steps"])
