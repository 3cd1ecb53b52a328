"""Generated files: written once, compared exactly, pruned only when ours, never written over what a person wrote."""

import os
from pathlib import Path

import pytest

from generator import write
from schemas.errors import StaleError, UsageError

HEAD = "# Generated from suites/nightly.yaml; do not edit.\n"
PLAN = {
    ".github/matrices/nightly.json": '{\n  "generated": "Generated from suites/nightly.yaml"\n}\n',
    ".github/workflows/suite-nightly.yml": f"{HEAD}name: nightly\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write.apply(tmp_path, write.compare(tmp_path, PLAN))
    return tmp_path


def test_a_second_run_writes_nothing(repository: Path) -> None:
    old = 1_000_000_000
    for path in PLAN:
        os.utime(repository / path, (old, old))
    changes = write.compare(repository, PLAN)
    write.apply(repository, changes)
    assert changes == ()
    assert all((repository / path).stat().st_mtime == old for path in PLAN)


def test_nothing_but_the_plan_is_left_behind(repository: Path) -> None:
    files = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert files == set(PLAN)


def test_a_generated_file_that_nothing_makes_any_more_is_pruned(repository: Path) -> None:
    (repository / ".github/workflows/suite-gone.yml").write_text(f"{HEAD}name: gone\n")
    changes = write.compare(repository, PLAN)
    assert [(change.kind, change.path) for change in changes] == [("orphaned", ".github/workflows/suite-gone.yml")]
    write.apply(repository, changes)
    assert not (repository / ".github/workflows/suite-gone.yml").exists()


def test_files_of_people_are_not_touched(repository: Path) -> None:
    foreign = {
        ".github/workflows/ci.yml": "name: ci\n",
        ".github/workflows/suite-mine.yml": "name: mine\n",
        ".github/matrices/notes.json": "{}\n",
    }
    for path, text in foreign.items():
        (repository / path).write_text(text)
    write.apply(repository, write.compare(repository, PLAN))
    assert {path: (repository / path).read_text() for path in foreign} == foreign


def test_a_file_of_a_person_in_the_way_is_an_error(repository: Path) -> None:
    mine = repository / ".github/workflows/suite-nightly.yml"
    mine.write_text("name: mine\n")
    with pytest.raises(UsageError, match=r"suite-nightly\.yml was not written by the generator"):
        write.compare(repository, PLAN)
    assert mine.read_text() == "name: mine\n"


def test_other_line_ends_are_stale(repository: Path) -> None:
    file = repository / ".github/workflows/suite-nightly.yml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert [change.kind for change in write.compare(repository, PLAN)] == ["stale"]


def test_a_check_names_every_file_the_difference_and_the_mending_command(repository: Path) -> None:
    (repository / ".github/matrices/nightly.json").unlink()
    (repository / ".github/workflows/suite-nightly.yml").write_text(f"{HEAD}name: nightly-old\n")
    (repository / ".github/workflows/suite-gone.yml").write_text(f"{HEAD}name: gone\n")
    with pytest.raises(StaleError) as caught:
        write.require_none(write.compare(repository, PLAN), "python -m generator")
    text = str(caught.value)
    for expected in (
        "missing: .github/matrices/nightly.json",
        "orphaned: .github/workflows/suite-gone.yml",
        "stale: .github/workflows/suite-nightly.yml",
        "-name: nightly-old",
        "+name: nightly",
        "mend: run: python -m generator",
    ):
        assert expected in text
    assert caught.value.exit_code == 3


def test_a_long_difference_is_cut_and_says_so(repository: Path) -> None:
    plan = PLAN | {".github/workflows/shard.yml": HEAD + "line\n" * 1000}
    with pytest.raises(StaleError, match="more lines of difference"):
        write.require_none(write.compare(repository, plan), "python -m generator")


def test_a_failed_write_leaves_the_old_file_and_no_rest(repository: Path) -> None:
    plan = PLAN | {".github/workflows/suite-nightly.yml": f"{HEAD}name: \udc80\n"}  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write.apply(repository, write.compare(repository, plan))
    assert (repository / ".github/workflows/suite-nightly.yml").read_text() == f"{HEAD}name: nightly\n"
    assert len(list((repository / ".github/workflows").iterdir())) == 1
