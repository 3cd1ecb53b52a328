"""`generator init`: a repository without suites becomes one whose workflows stand, and nothing of it is overwritten."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generator import cli, init, pins
from schemas.errors import UsageError
from schemas.words import Extra
from tests.generator_support import suites_folder
from tests.workflow_support.node import ACTIONS, node

ROOT = Path(__file__).parent.parent
ACTION = ".github/actions/setup-e2eshard"
WRITTEN = {
    f"{ACTION}/action.yml",
    f"{ACTION}/install.py",
    f"{ACTION}/requirements.txt",
    f"{ACTION}/s3.txt",
    f"{ACTION}/stablehlo.txt",
    f"{ACTION}/torch-mlir.txt",
    f"{ACTION}/torch-version.txt",
    f"{ACTION}/torch.txt",
    ".github/matrices/smoke.json",
    ".github/workflows/shard.yml",
    ".github/workflows/suite-smoke.yml",
    "suites/smoke.yaml",
    "suites/targets.yaml",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


def files(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_it_writes_what_it_says_and_says_what_to_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(root)]) == 0
    said = capsys.readouterr().out
    assert files(root).keys() == WRITTEN
    assert all(f"written {path}\n" in said for path in WRITTEN)
    assert "python -m e2eshard runner --shard smoke/cpu\n" in said
    assert "results merge out/smoke --matrix .github/matrices/smoke.json --out out/report" in said
    assert "not the top of a git repository" in said
    assert cli.main(["--root", str(root), "--check"]) == 0


def test_the_repository_is_this_folder_unless_another_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["init", str(root)]) == 0
    assert cli.main(["--root", str(tmp_path / "second"), "init"]) == 0
    (tmp_path / "third").mkdir()
    monkeypatch.chdir(tmp_path / "third")
    assert cli.main(["init"]) == 0
    assert files(root) == files(tmp_path / "second") == files(tmp_path / "third")


def test_nothing_is_overwritten_and_every_file_in_the_way_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {".github/workflows/shard.yml": "name: theirs\n", "suites/other.yaml": "not: ours\n"}
    for name, text in theirs.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    assert cli.main(["init", str(root)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("2 files are in the way; nothing was written:\n")
    assert all(f"  {name}\n" in said for name in theirs)
    assert files(root) == theirs


def test_force_replaces_what_it_writes_and_keeps_the_rest(root: Path) -> None:
    assert cli.main(["init", str(root)]) == 0
    fresh = files(root)
    suites = suites_folder.make(root.parent / "more")
    (root / "suites/presubmit.yaml").write_text((suites / "presubmit.yaml").read_text())
    (root / "suites/smoke.yaml").write_text("suite: smoke\n")
    (root / ".github/workflows/shard.yml").write_text("name: by hand\n")
    (root / "mine.txt").write_text("mine")
    assert cli.main(["init", str(root), "--force"]) == 0
    after = files(root)
    assert {name: after[name] for name in WRITTEN} == fresh
    assert after.keys() - WRITTEN == {
        "mine.txt",
        "suites/presubmit.yaml",
        ".github/matrices/presubmit.json",
        ".github/workflows/suite-presubmit.yml",
    }


def test_the_suites_may_have_another_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "suites").mkdir(parents=True)
    (root / "suites/theirs.yaml").write_text("not: ours\n")
    assert cli.main(["init", str(root), "--suites", str(root / "test/e2e")]) == 0
    said = capsys.readouterr().out
    assert "runner --suites test/e2e --shard" in said or "runner --shard smoke/cpu --suites test/e2e" in said
    assert "SUITES: 'test/e2e'" in files(root)[".github/workflows/shard.yml"]
    assert cli.main(["--root", str(root), "--suites", str(root / "test/e2e"), "--check"]) == 0


@pytest.mark.parametrize("folder", ["..", ".", "../elsewhere"])
def test_suites_outside_the_repository_are_refused(folder: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(root), "--suites", str(root / folder)]) == 2
    assert "is no folder in" in capsys.readouterr().err
    assert not root.exists()


def test_packages_in_the_way_of_the_short_commands_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "runner").mkdir(parents=True)
    (root / "runner/__init__.py").write_text("")
    assert cli.main(["init", str(root)]) == 0
    said = capsys.readouterr().out
    assert f"`python -m runner` finds {root / 'runner/__init__.py'} here; write `python -m e2eshard runner`" in said
    assert "`python -m results` finds" not in said


@pytest.mark.parametrize(
    "requirement",
    [
        "e2eshard==0.1.0",
        "e2eshard[torch] == 1.2.0rc1+local",
        "e2eshard @ git+https://host.example/o/e2eshard@" + "0a" * 20,
        "e2eshard @ https://host.example/e2eshard-0.1.0-py3-none-any.whl",
        "./third_party/e2eshard-0.1.0-py3-none-any.whl",
    ],
)
def test_a_pinned_requirement_is_taken_as_it_is(requirement: str, root: Path) -> None:
    assert cli.main(["init", str(root), "--requirement", requirement]) == 0
    assert requirement in (root / ACTION / "requirements.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "requirement",
    ["e2eshard", "e2eshard>=0.1", "e2eshard==0.*", "e2eshard @ git+https://host.example/o/r@main", "other==1", "x\ny"],
)
def test_a_requirement_that_may_mean_something_else_tomorrow_is_refused(
    requirement: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(root), "--requirement", requirement]) == 2
    assert "once and for all" in capsys.readouterr().err
    assert not root.exists()


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "e2eshard==0.1.0"),
        ({"url": "file:///somewhere", "dir_info": {"editable": True}}, "e2eshard==0.1.0"),
        (
            {"url": "https://host.example/r", "vcs_info": {"vcs": "git", "commit_id": "c" * 40}},
            "e2eshard @ git+https://host.example/r@" + "c" * 40,
        ),
        ({"url": "https://host.example/x.whl", "archive_info": {}}, "e2eshard @ https://host.example/x.whl"),
    ],
)
def test_the_requirement_is_what_runs(
    origin: dict[str, Any] | None, requirement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "e2eshard-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: e2eshard\nVersion: 0.1.0\n")
    if origin:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pins.own_requirement() == pins.require_pinned(requirement) == requirement


def test_everything_beneath_is_pinned_as_installed() -> None:
    text = init.scaffold("suites", "e2eshard==0.1.0")[f"{ACTION}/requirements.txt"]
    names = {line.partition("==")[0] for line in text.splitlines() if "==" in line}
    assert {"e2eshard", "iree-base-compiler", "iree-base-runtime", "onnx", "numpy"} <= names
    assert len(pins.installed()) == len(names) - 1


def test_what_only_some_shards_need_is_in_files_of_its_own() -> None:
    files = init.scaffold("suites", "e2eshard==0.1.0")
    texts = {extra: files[f"{ACTION}/{extra}.txt"] for extra in (*Extra, "torch-version")}
    brought = {
        name: {re.split(r"[=~<>!]", line)[0] for line in text.splitlines() if not line.startswith("#")}
        for name, text in texts.items()
    }
    assert {"transformers", "onnxscript", "torch-mlir"} <= brought["torch"]
    assert "torch" not in brought["torch"]
    assert brought["torch-version"] == {"torch"}
    assert (brought["torch-mlir"], brought["s3"]) == ({"torch-mlir"}, {"s3fs"})


@pytest.mark.parametrize(
    ("version", "pin"), [("2.13.0+cpu", "torch==2.13.0"), ("2.13.1", "torch==2.13.1"), (None, "torch~=2.13.0")]
)
def test_torch_is_pinned_without_its_build(
    version: str | None, pin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_metadata(
        tmp_path, "e2eshard", "0.1.0", 'Provides-Extra: torch\nRequires-Dist: torch~=2.13.0; extra == "torch"\n'
    )
    if version:
        write_metadata(tmp_path, "torch", version)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert pins.of_extras() == {"torch": (pin,)}


def write_metadata(folder: Path, name: str, version: str, more: str = "") -> None:
    """What an installed package leaves."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}")


def test_both_repositories_are_set_up_by_the_same_program() -> None:
    assert init.scaffold("s", "e2eshard==1")[f"{ACTION}/install.py"] == (ROOT / ACTION / "install.py").read_text(), (
        f"generator/scaffold/install.py and {ACTION}/install.py must be the same file: copy one over the other"
    )


def test_the_linters_have_no_finding(root: Path) -> None:
    assert cli.main(["init", str(root)]) == 0
    zizmor = Path(sys.executable).parent / "zizmor"
    for command in (
        [node(), str(ACTIONS / "lint.mjs"), str(root)],
        [str(zizmor), "--offline", "--quiet", "--persona", "auditor", str(root)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_suite_folder_must_not_be_the_root(root: Path) -> None:
    with pytest.raises(UsageError, match="is no folder in"):
        init.init(root, root, None, force=True)
