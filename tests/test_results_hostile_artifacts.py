"""What a broken or malicious artifact can do to a merge: nothing, and the summary says in a line what it tried."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from results.archive import unpack
from results.cli import main
from results.text import log_line, log_lines
from schemas.codec import decode, encode_pretty
from schemas.errors import Exit
from schemas.report import Report
from schemas.words import Outcome
from tests.results_support.build import journal, key, matrix, record

PLANNED = matrix([[key(0)], [key(1)]])


def good(top: Path, number: int, **fields: object) -> Path:
    return journal(top / f"shard-{number}", [record(key(number), shard=number)], shard=number, **fields)  # type: ignore[arg-type]


def packed(top: Path, name: str | zipfile.ZipInfo, text: str = "x", method: int = zipfile.ZIP_DEFLATED) -> None:
    """Both shards in one archive, and one member more."""
    with zipfile.ZipFile(top / "in.zip", "w", method) as made:
        for number in (0, 1):
            made.write(good(top / "source", number), f"{number}/records.jsonl", zipfile.ZIP_DEFLATED)
        made.writestr(name, text, method)


def lost(top: Path) -> None:
    good(top, 0)


def twice(top: Path) -> None:
    for number in (0, 1):
        good(top, number)
    journal(top / "again", [record(key(1), shard=1, seconds=7.0)], shard=1)


def two_attempts(top: Path) -> None:
    good(top, 0)
    journal(top / "first", [record(key(1), Outcome.FAIL, shard=1)], shard=1)
    journal(top / "second", [record(key(1), shard=1, attempt=2)], shard=1, attempt=2)


def corrupt_zip(top: Path) -> None:
    packed(top, "notes.txt")
    path = top / "in.zip"
    path.write_bytes(path.read_bytes()[:-30])


def damaged_line(top: Path) -> None:
    good(top, 0)
    path = good(top, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\x00\xff garbage\n", *lines[1:]]))


def escape(top: Path) -> None:
    packed(top, "../../escaped/records.jsonl")


def bomb(top: Path) -> None:
    packed(top, "bomb/records.jsonl", "0" * 2_000_000)


def link(top: Path) -> None:
    info = zipfile.ZipInfo("link/records.jsonl")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed(top, info, "/etc/passwd")


def odd_method(top: Path) -> None:
    packed(top, "odd/records.jsonl", "0" * 1_000_000, zipfile.ZIP_LZMA)


def stale(top: Path) -> None:
    good(top, 0)
    good(top, 1, digest="e" * 64)


def stranger(top: Path) -> None:
    for number in (0, 1):
        good(top, number)
    journal(top / "stranger", [record(key(77), shard=1)], shard=1)


def linked_folder(top: Path) -> None:
    for number in (0, 1):
        good(top, number)
    (top / "elsewhere").symlink_to(top / "shard-0")


@pytest.mark.parametrize(
    ("made", "line", "totals"),
    [
        (lost, "- 1: shard absent: no results of s/cpu/1 were found", {"PASS": 1, "MISSING": 1}),
        (twice, "- **duplicate** more than one result in attempt 1; the worst stands", {"PASS": 2}),
        (two_attempts, "1 results of earlier attempts were replaced", {"PASS": 2}),
        (corrupt_zip, "- **damaged** `in.zip`: not a readable zip archive", {"MISSING": 2}),
        (damaged_line, "- **damaged** `shard-1`: line 2 of records.jsonl is unreadable", {"PASS": 2}),
        (
            escape,
            "- **refused** `in.zip:../../escaped/records.jsonl`: its path leads out of the archive",
            {"PASS": 2},
        ),
        (bomb, "- **damaged** `in.zip:bomb/records.jsonl`: cannot be read: it unpacks to more than", {"PASS": 2}),
        (link, "- **refused** `in.zip:link/records.jsonl`: it is a symbolic link", {"PASS": 2}),
        (odd_method, "- **refused** `in.zip:odd/records.jsonl`: it is packed by method 14", {"PASS": 2}),
        (stale, "- **stale** `shard-1`: it was made with matrix digest eeeeeeeeeeee", {"PASS": 1, "MISSING": 1}),
        (stranger, "- **unplanned** `stranger`: results of cases that were not planned", {"PASS": 2}),
        (linked_folder, "- **refused** `elsewhere`: it is a symbolic link, and links are not followed", {"PASS": 2}),
    ],
)
def test_each_has_its_line_in_the_summary(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Path], None],
    line: str,
    totals: dict[str, int],
) -> None:
    monkeypatch.setattr("results.archive.MAX_MEMBER_BYTES", 1_000_000)
    top = tmp_path / "work" / "here"
    top.mkdir(parents=True)
    made(top)
    (tmp_path / "m.json").write_bytes(encode_pretty(PLANNED))
    inputs = [str(top)] if not (top / "in.zip").exists() else [str(top / "in.zip")]
    before = set(tmp_path.rglob("*"))
    code = main(["merge", *inputs, "--matrix", str(tmp_path / "m.json"), "--out", str(tmp_path / "report")])
    assert code == (Exit.OK if made is two_attempts else Exit.UNEXPECTED)
    new = set(tmp_path.rglob("*")) - before
    assert {path.parent for path in new} == {tmp_path, tmp_path / "report"}, "nothing was written elsewhere"
    summary = (tmp_path / "report" / "summary.md").read_text().replace(f"{top.as_posix()}/", "")
    assert line in summary.replace("&#95;", "_").replace("&#46;", ".").replace("&#45;", "-")
    report = decode((tmp_path / "report" / "results.json").read_bytes(), Report)
    assert {str(outcome): count for outcome, count in report.totals.items() if count} == totals


def test_members_that_overlap_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One compressed stream under a thousand names: the count is of what comes out, over all members."""
    monkeypatch.setattr("results.archive.MAX_TOTAL_BYTES", 3_000_000)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0/records.jsonl", "0" * 1_000_000)
        first = archive.infolist()[0]
        for number in range(1, 1000):
            info = zipfile.ZipInfo(f"{number}/records.jsonl")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(info, field, getattr(first, field))
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
    path = tmp_path / "in.zip"
    path.write_bytes(made.getvalue())
    assert path.stat().st_size < 100_000
    spool = tmp_path / "spool"
    spool.mkdir()
    unpacked = unpack(path, "in.zip", spool)
    assert sum(file.stat().st_size for file in spool.iterdir()) <= 3_000_000
    assert len(unpacked.problems) >= 997


EVIL = "::error title=owned::boo"
ATTACKS = (
    EVIL,
    f"   {EVIL}",
    f"first\n{EVIL}",
    f"first\r\n  {EVIL}",
    f"first\u2028{EVIL}",
    "##[error]boo",
    "in the middle ##[add-mask]e of it",
    "###[error]boo",
)


def obeyed(text: str) -> list[str]:
    """The lines of a log that GitHub's runner takes for commands (its two syntaxes, ActionCommand.cs)."""
    return [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_becomes_a_command_of_a_log(attack: str) -> None:
    assert obeyed(log_line(attack)) == []
    assert len(log_line(attack).splitlines()) == 1
    assert obeyed(log_lines(attack)) == []
    assert log_line("plain: a::b, std::bad_alloc  [1]") == "plain: a::b, std::bad_alloc  [1]"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_merge_on_ci_obeys_no_record_and_no_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    summary = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    evil = record(f"onnx/{attack}@onnx", Outcome.FAIL, signature=attack, shard=1)
    source = journal(tmp_path / "source", [record(key(0)), evil])
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as made:
        made.write(source, "0/records.jsonl")
        made.writestr(f"../{attack}/records.jsonl", "x")
        made.writestr(f"{attack.replace('/', '')}/records.jsonl", "{}")
    (tmp_path / "m.json").write_bytes(encode_pretty(PLANNED))
    words = ["merge", str(tmp_path / "in.zip"), "--out", str(tmp_path / "report")]
    for more in ([], ["--matrix", str(tmp_path / "m.json")]):
        assert main([*words, *more]) == Exit.UNEXPECTED
        printed = capsys.readouterr()
        assert obeyed(printed.out) == obeyed(printed.err) == []
    assert "boo" not in "".join(line for line in summary.read_text().splitlines() if line.startswith(("#", "<")))
    assert main(["compare", str(tmp_path / "report"), str(tmp_path / "report")]) in (Exit.OK, Exit.UNEXPECTED)
    assert obeyed(capsys.readouterr().out) == []


FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", '=HYPERLINK("http://x","y")')


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_record_of_an_artifact_becomes_a_formula(tmp_path: Path, formula: str) -> None:
    evil = record(f"onnx/{formula.replace('@', 'at')}@onnx", Outcome.FAIL, signature=formula)
    journal(tmp_path / "in", [evil])
    main(["merge", str(tmp_path / "in"), "--out", str(tmp_path / "report")])
    book = openpyxl.load_workbook(tmp_path / "report" / "report.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(isinstance(cell.value, str) and formula.strip() in cell.value for cell in cells)
    assert [cell for cell in cells if cell.data_type == "f"] == []
