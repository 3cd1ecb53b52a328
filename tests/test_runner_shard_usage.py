"""What cannot be obeyed is told with its remedy and its exit code, before anything is started."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from runner.cli import main
from runner.options import parse
from schemas.errors import UsageError
from schemas.words import Depth, Stage
from tests.runner_support.build import ROOT, FakeSuite


@pytest.fixture(name="suite")
def _suite(tmp_path: pathlib.Path) -> FakeSuite:
    return FakeSuite(tmp_path, [["passes-1", "exit3"], ["passes-2"]])


def call(suite: FakeSuite, *options: str) -> int:
    return main(suite.argv(*options)[3:])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shard", "fake/cpu/0"], "did you mean fakes?"),
        (["--shard", "fakes/gpu/0"], "did you mean cpu?"),
        (["--shard", "fakes/cpu/7"], "there is no shard fakes/cpu/7"),
        (["--shard", "fakes"], "write SUITE/TARGET/N"),
        (["onnx/passes", "--target", "cpu"], "did you mean onnx/passes-"),
        (["onnx/passes-1", "--target", "gpu"], "did you mean cpu?"),
        (["onnx/passes-1"], "--target is missing"),
        (["onnx/passes-1", "--target", "cpu", "--suite", "fake"], "did you mean fakes?"),
        (["--shard", "fakes/cpu", "--tests", "nothing"], "matches no case"),
        (["--shard", "fakes/cpu", "--tests", "("], "no regular expression"),
        (["--shard", "fakes/cpu", "--stages", "compile"], "did you mean compilation?"),
        (["--shard", "fakes/cpu", "--skip-stages", "import_model"], "cannot run without import_model"),
        (["--shard", "fakes/cpu", "--depth", "compiled"], "did you mean compile?"),
        (["--shard", "fakes/cpu", "onnx/passes-1"], "exclude each other"),
        (["--shard", "fakes/cpu", "--target", "cpu"], "--target belongs to CASE-OR-MODEL"),
        ([], "nothing to run"),
        (["--shard", "fakes/cpu", "--jobs", "0"], "at least one case"),
        (["--shard", "fakes/cpu", "--timeout", "soon"], "write 90s, 10m or 1.5h"),
        (["--shard", "fakes/cpu", "--timeout-scale", "0"], "not above zero"),
        (["--shard", "fakes/cpu", "--durations", "-1"], "below zero"),
        (["--shard", "fakes/cpu", "--force-recompile=maybe"], "neither true nor false"),
    ],
)
def test_a_wrong_command_line_is_2_with_a_remedy(
    suite: FakeSuite, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert call(suite, *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "mend:" in error
    assert not (suite.root / "out").exists()


def test_a_stale_matrix_is_3_with_the_command_that_mends_it(
    suite: FakeSuite, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = suite.suites / "fakes.yaml"
    manifest.write_text(manifest.read_text().replace("timeout: 30s", "timeout: 31s"))
    targets = suite.suites / "targets.yaml"
    targets.write_text(targets.read_text().replace("case-timeout: 30s", "case-timeout: 31s"))
    assert call(suite, "--shard", "fakes/cpu/0") == 3
    error = capsys.readouterr().err
    assert "stale for cpu" in error
    assert f"run python -m generator --suites {suite.suites} --root {suite.root}" in error
    suite.write_matrix()
    assert call(suite, "--shard", "fakes/cpu/0", "--collect-only") == 0


def test_a_missing_or_unreadable_matrix_is_3(suite: FakeSuite, capsys: pytest.CaptureFixture[str]) -> None:
    path = suite.root / ".github" / "matrices" / "fakes.json"
    path.write_text("{}")
    assert call(suite, "--shard", "fakes/cpu/0") == 3
    assert "not a matrix" in capsys.readouterr().err
    path.unlink()
    assert call(suite, "--shard", "fakes/cpu/0") == 3
    assert "has no matrix" in capsys.readouterr().err


def test_a_journal_of_other_cases_is_3(suite: FakeSuite) -> None:
    assert suite.run("--shard", "fakes/cpu/1").returncode == 0
    more = suite.suites / "models" / "passes-3.onnx"
    more.write_bytes(b"x")
    manifest = suite.suites / "fakes.yaml"
    manifest.write_text(manifest.read_text() + "  - onnx: ./models/passes-3.onnx\n")
    suite.shards = [*suite.shards, ["passes-3"]]
    suite.write_matrix()
    done = suite.run("--shard", "fakes/cpu/1", "--resume")
    assert done.returncode == 3
    assert "cannot be resumed: its cases' digest is" in done.stderr


def test_collect_only_prints_the_chosen_cases(suite: FakeSuite, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(suite, "--shard", "fakes/cpu", "--collect-only", "--tests", "passes") == 0
    assert capsys.readouterr().out.split() == ["fakes/cpu/onnx/passes-1@onnx", "fakes/cpu/onnx/passes-2@onnx"]
    assert not (suite.root / "out").exists()


def test_no_compiler_is_4(suite: FakeSuite, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(suite, "--shard", "fakes/cpu", "--compiler", str(suite.root / "nowhere")) == 4
    assert "mend:" in capsys.readouterr().err


def test_a_worker_that_cannot_be_loaded_is_4(suite: FakeSuite) -> None:
    done = suite.run("--shard", "fakes/cpu/0", E2ESHARD_TEST_WORKER="tests.runner_support.absent:run")
    assert done.returncode == 4
    assert "No module named 'tests.runner_support.absent'" in done.stderr


def test_the_options_that_a_workflow_always_gives_may_be_empty() -> None:
    options = parse(["--shard", "s/t/0", "--tests=", "--depth=", "--force-recompile=false"])
    assert (options.tests, options.depth, options.force_recompile) == (None, None, False)
    options = parse(["--shard", "s/t/0", "--tests=x", "--depth=compile", "--force-recompile=true", "--stages", "setup"])
    assert options.depth is Depth.COMPILE
    assert options.force_recompile
    assert options.stages == (Stage.SETUP,)
    assert parse(["--shard", "s/t/0", "--force-recompile"]).force_recompile


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("10m", 600.0), ("1.5h", 5400.0), ("250ms", 0.25), ("7", 7.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse(["--shard", "s/t", "--timeout", text]).timeout == seconds


def test_an_unknown_word_does_not_hide_behind_argparse() -> None:
    with pytest.raises(UsageError, match="there is no lowering"):
        parse(["m", "--lowering", "stable"])


HEAVY = ("torch", "onnx", "onnxruntime", "iree", "openpyxl", "numpy", "rich", "jinja2")


def loaded(code: str, *argv: str, cwd: pathlib.Path = ROOT) -> list[str]:
    """The heavy packages that a fresh interpreter has loaded after running ``code``."""
    script = f"import sys\n{code}\nprint('loaded:', *[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script, *argv], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("module", ["runner", "runner.cli", "runner.shard", "runner.select", "runner.closing"])
def test_importing_the_runner_loads_nothing_heavy(module: str) -> None:
    assert loaded(f"import {module}") == []


def test_a_running_shard_loads_nothing_heavy(suite: FakeSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in suite.environment().items():
        monkeypatch.setenv(name, value)
    code = """
import runner.shard, runner.cli
runner.shard.load_ahead = lambda: None  # what writes the reports: openpyxl, and NumPy because that has a use for it
runner.shard.ShardRun._write_reports = lambda *_: None
assert runner.cli.main(sys.argv[1:]) == 0
"""
    assert loaded(code, *suite.argv("--shard", "fakes/cpu/1")[3:]) == []


def test_what_writes_the_reports_loads_ahead() -> None:
    code = """
import threading, runner.reports
runner.reports.load_ahead()
[thread.join() for thread in threading.enumerate() if thread is not threading.current_thread()]
assert "results.writers.xlsx" in sys.modules
"""
    assert "openpyxl" in loaded(code)


def test_help_shows_examples_and_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "python -m runner --shard presubmit/cpu" in capsys.readouterr().out
    assert (
        loaded("import runner.options\ntry:\n    runner.options.parse(['--help'])\nexcept SystemExit:\n    pass") == []
    )
