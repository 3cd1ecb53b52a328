from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from results.archive import unpack
from results.cli import main
from results.merge import merge
from schemas.codec import decode, encode_pretty
from schemas.errors import Exit
from schemas.report import ProblemKind, Report
from schemas.words import Outcome
from tests.results_support.build import journal, key, matrix, record

PLANNED = matrix([[key(0)], [key(1)]])


def artifact(tmp_path: Path, name: str, number: int, prefix: str = "") -> Path:
    source = journal(tmp_path / f"source-{name}", [record(key(number), shard=number)], shard=number)
    path = tmp_path / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.write(source, f"{prefix}records.jsonl")
        made.writestr(f"{prefix}logs/case/compilation.log", "hello")
    return path


def add(path: Path, name: str | zipfile.ZipInfo, text: str = "x") -> None:
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(name, text)


def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def test_artifacts_merge_like_folders(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(encode_pretty(PLANNED))
    one, two = artifact(tmp_path, "one", 0), artifact(tmp_path, "two", 1, "s/cpu/1/")
    out = tmp_path / "report"
    head = merge([one, two], [tmp_path / "m.json"], None, out)
    assert not head.red
    assert [entry.file for entry in head.shards] == [one.as_posix(), f"{two.as_posix()}:s/cpu/1"]
    assert [r.outcome for r in decode((out / "results.json").read_bytes(), Report).records] == [Outcome.PASS] * 2


def test_zips_in_a_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(encode_pretty(PLANNED))
    (tmp_path / "down").mkdir()
    for number, name in enumerate(("one", "two")):
        artifact(tmp_path, name, number).rename(tmp_path / f"down/{name}.zip")
    words = ["merge", str(tmp_path / "down"), "--matrix", str(tmp_path / "m.json"), "--out", str(tmp_path / "report")]
    assert main(words) == Exit.OK


@pytest.mark.parametrize(
    "name",
    [
        "../records.jsonl",
        "a/../../records.jsonl",
        "/etc/records.jsonl",
        "\\\\host\\share\\records.jsonl",
        "C:/records.jsonl",
        "..\\records.jsonl",
    ],
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = artifact(tmp_path, "one", 0)
    add(path, name)
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert [problem.kind for problem in unpacked.problems] == [ProblemKind.REFUSED]
    assert len(unpacked.sources) == 1
    assert {file.name for file in (tmp_path / "spool").iterdir()} == {"0"}


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = artifact(tmp_path, "one", 0)
    link = zipfile.ZipInfo("b/records.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    add(path, link, "/etc/passwd")
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert [problem.text for problem in unpacked.problems] == ["it is a symbolic link"]
    assert len(unpacked.sources) == 1


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.archive.MAX_MEMBER_BYTES", 100_000)
    path = artifact(tmp_path, "one", 0)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb/results.json", "0" * 5_000_000)
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert [problem.kind for problem in unpacked.problems] == [ProblemKind.DAMAGED]
    assert "more than 100000 bytes" in unpacked.problems[0].text
    assert [source.label for source in unpacked.sources] == [path.as_posix()]
    assert sum(file.stat().st_size for file in (tmp_path / "spool").iterdir()) < 100_000


def test_all_members_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.archive.MAX_TOTAL_BYTES", 5000)
    path = artifact(tmp_path, "one", 0)
    for number in range(5):
        add(path, f"{number}/records.jsonl", "x" * 2000)
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert sum(file.stat().st_size for file in (tmp_path / "spool").iterdir()) <= 5000
    assert len(unpacked.problems) + len(unpacked.sources) == 6


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.archive.MAX_MEMBERS", 1)
    unpacked = unpack(artifact(tmp_path, "one", 0), "one.zip", spool(tmp_path))
    assert unpacked.sources == ()
    assert unpacked.problems[0].kind is ProblemKind.REFUSED


def test_the_same_name_twice_is_refused_once(tmp_path: Path) -> None:
    path = artifact(tmp_path, "one", 0)
    with pytest.warns(UserWarning, match="Duplicate name"):
        add(path, "records.jsonl", "evil")
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert [problem.text for problem in unpacked.problems] == ["the archive holds this name twice"]


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_corrupt_archive_is_named_and_the_others_kept(tmp_path: Path, cut: int) -> None:
    (tmp_path / "m.json").write_bytes(encode_pretty(PLANNED))
    good, bad = artifact(tmp_path, "good", 0), artifact(tmp_path, "bad", 1)
    bad.write_bytes(bad.read_bytes()[:cut])
    head = merge([good, bad], [tmp_path / "m.json"], None, tmp_path / "report")
    assert [(p.kind, p.file) for p in head.problems] == [(ProblemKind.DAMAGED, bad.as_posix())]
    assert head.totals[Outcome.PASS] == 1
    assert head.totals[Outcome.MISSING] == 1


def test_a_member_with_a_wrong_checksum_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("records.jsonl", "A" * 100)
    path.write_bytes(path.read_bytes().replace(b"A" * 50, b"B" * 50, 1))
    unpacked = unpack(path, path.as_posix(), spool(tmp_path))
    assert unpacked.sources == ()
    assert "CRC" in unpacked.problems[0].text
