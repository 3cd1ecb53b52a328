"""What GitHub would refuse is found before anything is written, and says how to mend it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from generator import cli, limits, render
from schemas.errors import UsageError

INSTALL = Path(__file__).parent.parent / ".github/actions/setup-e2eshard/install.py"


def test_a_workflow_within_the_limits_has_no_finding() -> None:
    assert not list(limits.check_workflow("w.yml", "name: ${{ github.ref }}\n", ("select", "cpu-2", "_x")))


def test_a_workflow_file_too_large_is_found() -> None:
    (finding,) = limits.check_workflow("w.yml", "#" * 500_001, ())
    assert "500,001 bytes" in finding.message
    assert "split the suite" in finding.remedy


def test_an_expression_too_long_is_found_with_its_line() -> None:
    (finding,) = limits.check_workflow("w.yml", "name: x\nenv: ${{ " + "a" * 21_000 + " }}\n", ())
    assert str(finding.location) == "w.yml:2:1"


@pytest.mark.parametrize("name", ["3d", "-x", "a b", "a" * 101, "cpu\n"])
def test_a_name_that_no_job_can_have_is_found(name: str) -> None:
    (finding,) = limits.check_workflow("w.yml", "", (name,))
    assert "cannot name a job" in finding.message


def test_a_matrix_file_too_large_is_found() -> None:
    assert not list(limits.check_matrix_file("m.json", 50_000_000))
    assert len(list(limits.check_matrix_file("m.json", 50_000_001))) == 1


@pytest.mark.parametrize("value", ["a'b", "plain", "key: [value] # no comment", "ünï", '{"image": "x"}'])
def test_values_survive_quoting(value: str) -> None:
    assert yaml.safe_load(render.quoted(value)) == value


@pytest.mark.parametrize("value", ["${{ secrets.TOKEN }}", "two\nlines", "bell\a"])
def test_values_that_could_be_more_than_values_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"expression|control characters"):
        render.quoted(value)


@pytest.mark.parametrize("arguments", [["--check", "list"], ["--rebalance", "select", "x"]])
def test_an_option_without_effect_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "belong to" in capsys.readouterr().err


def test_a_missing_suites_folder_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(tmp_path)]) == 2
    assert "no such folder of suites" in capsys.readouterr().err


def test_a_bug_of_ours_is_exit_70_with_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr("suites.workspace.load", broken)
    assert cli.main(["--root", str(tmp_path)]) == 70
    assert "RuntimeError: injected" in capsys.readouterr().err


@pytest.mark.parametrize(
    "inputs",
    [
        {"COMPILER_VERSION": ">=3"},
        {"COMPILER_VERSION": "3.13.0 --index-url=x"},
        {"PACKAGES": "libnuma1 -o=x"},
        {"PACKAGES": "$(id)"},
    ],
)
def test_the_setup_action_installs_nothing_for_an_input_that_it_does_not_know(inputs: dict[str, str]) -> None:
    environment = {**os.environ, **inputs}
    done = subprocess.run([sys.executable, str(INSTALL)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "::error::" in done.stdout
    assert "+ " not in done.stdout
