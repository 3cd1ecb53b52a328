"""The generator as a program: what it writes is up to date until a source changes, and --check says how to mend it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator import cli
from schemas import codec
from schemas.matrix import Matrix
from tests.generator_support import suites_folder

#: What takes long to load, and is nobody's help.
LARGE = {
    *("yaml", "ruamel", "jinja2", "openpyxl", "rich", "numpy", "onnx", "onnxruntime", "iree", "torch", "ml_dtypes"),
    *("requests", "urllib3", "psutil", "asyncio", "multiprocessing"),
}
TOO_LONG = "shard-budget: 5m\n    case-timeout: 1m\n    stage-timeouts: {compilation: 30s}\n    shard-timeout: 2m"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    suites_folder.make(tmp_path / "suites")
    assert generate(tmp_path) == 0
    return tmp_path


def generate(root: Path, *arguments: str) -> int:
    return cli.main(["--root", str(root), *arguments])


def generated(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in (root / ".github").rglob("*.*")}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_check_of_fresh_files_is_clean(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert generate(repository, "--check") == 0
    assert "up to date" in capsys.readouterr().out


def test_a_second_run_writes_nothing(repository: Path) -> None:
    paths = [repository / path for path in generated(repository)]
    for path in paths:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert generate(repository) == 0
    assert {path.stat().st_mtime for path in paths} == {1_000_000_000}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("presubmit.yaml", "suite: presubmit", "# only a comment\nsuite: presubmit"),
        ("presubmit.yaml", "test_a*", "test_ab*"),
        ("presubmit.yaml", "pull-request: true\n", ""),
        ("nightly.yaml", "17 2 * * *", "18 2 * * *"),
        ("targets.yaml", "capacity: 4", "capacity: 5"),
        ("targets.yaml", "STORE_KEY", "OTHER_KEY"),
        ("targets.yaml", "capacity: 20", "capacity: 20\n    compile-flags: [--iree-opt-level=O2]"),
    ],
)
def test_an_edit_of_a_source_is_exit_3_until_generated_again(
    file: str, old: str, new: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "suites" / file, old, new)
    before = generated(repository)
    capsys.readouterr()
    assert generate(repository, "--check") == 3
    said = capsys.readouterr().err
    assert "stale: .github/" in said
    assert "mend: run: python -m generator" in said
    assert generated(repository) == before
    assert generate(repository) == 0
    assert generate(repository, "--check") == 0


def test_the_files_of_a_removed_manifest_are_pruned_and_those_of_people_kept(repository: Path) -> None:
    mine = repository / ".github/workflows/suite-mine.yml"
    mine.write_text("name: mine\n")
    (repository / "suites/nightly.yaml").unlink()
    assert generate(repository, "--check") == 3
    assert generate(repository) == 0
    assert set(generated(repository)) == {
        ".github/matrices/presubmit.json",
        ".github/workflows/shard.yml",
        ".github/workflows/suite-mine.yml",
        ".github/workflows/suite-presubmit.yml",
    }
    assert mine.read_text() == "name: mine\n"


def test_a_folder_of_another_name_is_named_in_the_files_and_in_the_command(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "suites").rename(repository / "ours")
    arguments = ["--suites", str(repository / "ours")]
    assert generate(repository, *arguments) == 0
    files = {path: text.decode() for path, text in generated(repository).items()}
    assert all("run: python -m generator --suites ours" in text for text in files.values())
    assert "Generated from ours/presubmit.yaml" in files[".github/workflows/suite-presubmit.yml"]
    assert "SUITES: 'ours'" in files[".github/workflows/shard.yml"]
    edit(repository / "ours/presubmit.yaml", "test_a*", "test_ab*")
    capsys.readouterr()
    assert generate(repository, "--check", *arguments) == 3
    assert "mend: run: python -m generator --suites ours" in capsys.readouterr().err


def test_one_more_model_changes_one_shard(repository: Path) -> None:
    edit(repository / "suites/nightly.yaml", "onnx/node/*", "onnx/node/*\n  - name: onnx/simple/test_sign_model")
    before = matrix(repository)
    assert generate(repository) == 0
    for old, new in zip(before.targets, matrix(repository).targets, strict=True):
        pairs = zip(old.shards, new.shards, strict=True)
        changed = [(first.cases, second.cases) for first, second in pairs if first.cases != second.cases]
        assert [sorted(set(second) - set(first)) for first, second in changed] == [["onnx/simple/test_sign_model@onnx"]]


def matrix(root: Path) -> Matrix:
    return codec.decode((root / ".github/matrices/nightly.json").read_bytes(), Matrix)


def test_a_damaged_matrix_is_written_anew(repository: Path) -> None:
    before = generated(repository)
    (repository / ".github/matrices/nightly.json").write_text('{"generated": "Generated from suites/nightly.yaml", ')
    assert generate(repository, "--check") == 3
    assert generate(repository) == 0
    assert generated(repository) == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("shard-timeout: 100m\n    job-timeout: 2h", "shard-timeout: 100m\n    job-timeout: 101m", "at least 104m"),
        ("shard-budget: 66s", TOO_LONG, "smaller shard-budget"),
        ("options: --device=/dev/kfd", "options: ${{ secrets.HF_TOKEN }} --device=/dev/kfd", "holds an expression"),
        ("  wide:", "  merge:", "rename target merge"),
    ],
)
def test_what_github_would_refuse_or_cut_off_is_exit_2(
    old: str, new: str, said: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "suites/targets.yaml", old, new)
    manifest = repository / "suites/nightly.yaml"
    if new == "  merge:":
        edit(manifest, "wide", "merge")
    before = generated(repository)
    assert generate(repository) == 2
    assert said in capsys.readouterr().err
    assert generated(repository) == before


def test_list_shows_what_runs_where(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main(["list", "--root", str(repository)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "suite",
        "target",
        "depth",
        "schedule",
        "cases",
        "skipped",
        "shards",
        "minutes",
        "longest",
    ]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["nightly", "cpu"],
        ["nightly", "lab"],
        ["nightly", "wide"],
        ["presubmit", "cpu"],
    ]


def test_list_of_a_suite_shows_its_shards_and_cases(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main(["list", "presubmit", "--root", str(repository)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("presubmit/cpu/0  ")
    assert "  onnx/node/test_abs@onnx" in lines


def test_an_unknown_suite_is_exit_2_with_a_suggestion(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "presubmits", "--root", str(repository)]) == 2
    assert "did you mean presubmit?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["list"], ["explain"], ["select"]])
def test_help_explains_itself(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "generator", *arguments, "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "example: python -m generator" in text


@pytest.mark.parametrize("program", ["generator", "runner", "results", "e2eshard"])
def test_help_is_quick_because_it_loads_nothing_large(program: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", program, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded or program == "e2eshard"
    assert not loaded & LARGE


def test_a_check_loads_no_compiler_and_no_spreadsheet(repository: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "generator", "--root", str(repository), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "yaml" in loaded
    assert not loaded & (LARGE - {"yaml", "jinja2"})
