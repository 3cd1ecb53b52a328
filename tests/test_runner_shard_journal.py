"""The journal tells the truth however it was cut off, and loses nothing to a full disk."""

from __future__ import annotations

import errno
import logging
import os
import pathlib
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import journal as journal_module
from runner.journal import Journal, read_journal
from runner.resume import load_resumable
from schemas.codec import encode
from schemas.errors import InfraError, StaleError, UsageError
from schemas.record import ErrorInfo, Provenance, Record, ShardHeader
from schemas.words import Depth, Outcome, Path

HEADER = ShardHeader(suite="fakes", target="cpu", shard=0, matrix_digest="d" * 64, planned=3)


def record(name: str, said: str = "") -> Record:
    return Record(
        case=f"fakes/cpu/{name}@onnx",
        suite="fakes",
        target="cpu",
        model=name,
        path=Path.ONNX,
        depth=Depth.EXECUTE,
        outcome=Outcome.FAIL if said else Outcome.PASS,
        exit_status="compilation" if said else "PASS",
        error=ErrorInfo(signature=said) if said else None,
    )


def write(path: pathlib.Path, records: list[Record], *, footer: bool = True) -> bytes:
    journal = Journal(path, HEADER)
    for each in records:
        journal.started(each.case, "2026-01-01T00:00:00.000Z")
        journal.record(each)
    journal.close(Provenance() if footer else None)
    return path.read_bytes()


def check_cut(path: pathlib.Path, whole: bytes, size: int, records: list[Record]) -> None:
    """Cut the journal after ``size`` bytes and run what is then left to do: every record is there exactly once."""
    path.write_bytes(whole[:size])
    state = load_resumable(path, HEADER)
    assert state.size <= size
    kept = list(state.records.values())
    assert kept == records[: len(kept)]
    assert state.complete == (size == len(whole))
    assert all(case not in state.records for case in state.started)
    resumed = Journal(path, HEADER, keep=state.size)
    for each in records[len(kept) :]:
        resumed.started(each.case, "2026-01-01T00:00:01.000Z")
        resumed.record(each)
    resumed.close(Provenance())
    again = read_journal(path)
    assert list(again.records.values()) == records
    assert again.complete
    assert sum(b'"kind":"record"' in line for line in path.read_bytes().splitlines()) == len(records)


@settings(max_examples=100, deadline=None)
@given(said=st.lists(st.text(max_size=20), min_size=1, max_size=4), cut=st.floats(min_value=0, max_value=1))
def test_a_journal_cut_off_is_resumed_to_the_same_records(said: list[str], cut: float) -> None:
    records = [record(f"model{n}", text) for n, text in enumerate(said)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "records.jsonl"
        whole = write(path, records)
        check_cut(path, whole, round(cut * len(whole)), records)


def test_a_journal_is_resumed_from_every_single_byte(tmp_path: pathlib.Path) -> None:
    records = [record("a"), record("b", "error: \N{SNOWMAN} is not legal")]
    path = tmp_path / "records.jsonl"
    whole = write(path, records)
    for size in range(len(whole) + 1):
        check_cut(path, whole, size, records)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records.jsonl"
    lines = write(path, [record("a"), record("b")]).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{nonsense}\n", *lines[3:]]))
    with pytest.raises(UsageError, match=r"records.jsonl:3: not a line of a journal"):
        read_journal(path)


@pytest.mark.parametrize("other", [{"matrix_digest": "e" * 64}, {"suite": "x"}, {"target": "x"}, {"shard": 1}])
def test_a_journal_of_something_else_is_not_resumed(tmp_path: pathlib.Path, other: dict[str, object]) -> None:
    path = tmp_path / "records.jsonl"
    write(path, [record("a")])
    wanted = ShardHeader(
        **{"suite": "fakes", "target": "cpu", "shard": 0, "matrix_digest": "d" * 64, "planned": 1} | other
    )
    with pytest.raises(StaleError, match="cannot be resumed"):
        load_resumable(path, wanted)


class FullDisk:
    """Stands in for os.pwrite: writes half a line, then fails until there is room again."""

    def __init__(self) -> None:
        self.full = False
        self.real = os.pwrite
        self.half = False

    def __call__(self, file: int, data: bytes, offset: int) -> int:
        if not self.full:
            return self.real(file, data, offset)
        if not self.half:
            self.half = True
            return self.real(file, data[: len(data) // 2], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(name="disk")
def _disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk()
    monkeypatch.setattr(os, "pwrite", disk)
    monkeypatch.setattr(journal_module, "_CLOSING_PAUSE", 0.0)
    return disk


def test_a_disk_that_was_full_for_a_while_costs_nothing(
    tmp_path: pathlib.Path, disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "records.jsonl"
    journal = Journal(path, HEADER)
    journal.record(record("a"))
    disk.full = True
    with caplog.at_level(logging.WARNING):
        journal.record(record("b"))
        journal.record(record("c"))
        disk.full = False
        journal.record(record("d"))
    journal.close(Provenance())
    assert [each.model for each in read_journal(path).records.values()] == ["a", "b", "c", "d"]
    assert [each.message.split(" (")[0] for each in caplog.records] == [
        f"{path} cannot be written",
        f"{path} can be written again; nothing was lost",
    ]


def test_a_disk_that_stays_full_moves_the_journal_elsewhere(
    tmp_path: pathlib.Path, disk: FullDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    path = tmp_path / "records.jsonl"
    journal = Journal(path, HEADER)
    journal.record(record("a"))
    disk.full = True
    journal.record(record("b"))
    with pytest.raises(InfraError, match="the whole journal was saved as") as caught:
        journal.close(Provenance())
    (saved,) = elsewhere.iterdir()
    assert str(saved) in str(caught.value)
    state = read_journal(saved)
    assert list(state.records) == ["fakes/cpu/a@onnx", "fakes/cpu/b@onnx"]
    assert state.complete


def test_every_line_is_in_the_file_when_the_call_returns(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records.jsonl"
    journal = Journal(path, HEADER)
    journal.started("fakes/cpu/a@onnx", "t")
    assert path.read_bytes().count(b"\n") == 2
    journal.record(record("a"))
    assert encode(record("a")) in path.read_bytes()
    journal.close(None)
    assert not read_journal(path).complete
