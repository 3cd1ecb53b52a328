"""A full disk, wherever it strikes a shard, is told as what it is and costs no result."""

from __future__ import annotations

import errno
import os
import pathlib

import pytest

from runner.cli import main
from runner.folder import ShardFolder
from schemas.words import Outcome
from tests.runner_support.build import FakeSuite


@pytest.fixture(name="suite")
def _suite(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> FakeSuite:
    suite = FakeSuite(tmp_path, [["passes-1", "passes-2"]])
    for name, value in suite.environment().items():
        monkeypatch.setenv(name, value)
    return suite


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def call(suite: FakeSuite, *options: str) -> int:
    return main(suite.argv("--shard", "fakes/cpu/0", *options)[3:])


def test_a_case_without_room_for_its_folder_is_infra(suite: FakeSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    make = ShardFolder.make
    monkeypatch.setattr(
        ShardFolder, "make", lambda self, case: full() if case.model.endswith("1") else make(self, case)
    )
    assert call(suite) == 1
    records = suite.records()
    assert (records["passes-1"].outcome, records["passes-2"].outcome) == (Outcome.INFRA, Outcome.PASS)
    assert records["passes-1"].error is not None
    assert "No space left on device" in records["passes-1"].error.excerpt


def test_reports_that_find_no_room_are_written_by_resume(
    suite: FakeSuite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("results.shard.write_all", full)
        assert call(suite) == 1
    assert "the reports could not be written: No space left on device" in capsys.readouterr().err
    journal = suite.folder() / "records.jsonl"
    before = journal.read_bytes()
    assert not (suite.folder() / "results.json").exists()
    assert call(suite, "--resume") == 0
    assert (suite.folder() / "results.json").exists()
    assert journal.read_bytes() == before


def test_no_room_for_anything_is_4(
    suite: FakeSuite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ShardFolder, "begin", full)
    assert call(suite) == 4
    assert "--out DIR" in capsys.readouterr().err
