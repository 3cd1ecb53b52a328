from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from results.cli import main
from schemas.errors import Exit

COMMANDS = ("merge", "compare", "expectations", "timings")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert f"example:\n  python -m results {command} " in text


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, results.cli; results.cli.parser().format_help();"
        "sys.exit(bool({'openpyxl', 'yaml', 'numpy', 'onnx'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


def test_importing_what_the_runner_needs_loads_no_spreadsheet_library() -> None:
    code = "import sys, results.shard; sys.exit('openpyxl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_wrong_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["frobnicate"])
    assert "invalid choice" in capsys.readouterr().err


def test_our_own_bug_is_exit_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("results.load.load", broken)
    assert main(["compare", "a", "b"]) == Exit.BUG
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_input_says_how_to_mend_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == Exit.USAGE
    assert "mend: " in capsys.readouterr().err
