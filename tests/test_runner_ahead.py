"""The zygote that is started before it is known what it will run: taken, ended, or replaced."""

from __future__ import annotations

import os
import pathlib
import signal
import tempfile
import time

import pytest

from runner.ahead import started_ahead, zygote_for
from runner.options import parse
from runner.pool import DEFAULT_WORKER, LIGHT_WORKER, WORKER_VARIABLE
from schemas.errors import CannotStartError

SHARD = parse(["--shard", "presubmit/cpu"])
WORKER = "tests.pool_support.ahead:run"
_INHERITED: set[int] = set()


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A worker that loads nothing, and a folder of its own for what it says."""
    monkeypatch.setenv(WORKER_VARIABLE, WORKER)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _INHERITED.clear()
    _INHERITED.update(_children())


def children() -> set[int]:
    """Of this process, those that this test has: other tests may have left zombies, orphans that it has inherited."""
    return _children() - _INHERITED


def _children() -> set[int]:
    me = os.getpid()
    return set(map(int, pathlib.Path(f"/proc/{me}/task/{me}/children").read_text().split()))


def test_the_first_shard_takes_it_and_its_words_end_in_the_shards_log(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "shard.log"
    with started_ahead(SHARD):
        (waiting,) = children()
        with zygote_for(log, DEFAULT_WORKER) as zygote, zygote_for(tmp_path / "other.log", DEFAULT_WORKER) as another:
            assert zygote.pid == waiting != another.pid
            zygote.wait_ready()
            another.wait_ready()
            assert log.read_text() == "loaded\n"
            said_into = pathlib.Path(f"/proc/{zygote.pid}/fd/2")
            deadline = time.monotonic() + 10
            while said_into.readlink() != log and time.monotonic() < deadline:
                time.sleep(0.01)  # it obeys right after it has said that it is ready
            assert said_into.readlink() == log
    assert children() == set()
    assert list(tmp_path.glob("e2eshard-zygote-*")) == []


def test_nobody_takes_it(tmp_path: pathlib.Path) -> None:
    begun = time.monotonic()
    with started_ahead(SHARD):
        assert len(children()) == 1
        with zygote_for(tmp_path / "light.log", LIGHT_WORKER):
            assert len(children()) == 1, "one of another kind has taken its place"
    assert children() == set()
    assert list(tmp_path.glob("e2eshard-zygote-*")) == []
    assert time.monotonic() - begun < 5


def test_one_that_is_dead_is_replaced(tmp_path: pathlib.Path) -> None:
    with started_ahead(SHARD):
        (waiting,) = children()
        os.kill(waiting, signal.SIGKILL)
        os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
        with zygote_for(tmp_path / "log", DEFAULT_WORKER) as zygote:
            assert zygote.pid != waiting
            zygote.wait_ready()


def test_one_that_cannot_load_says_so_in_the_error_and_in_the_log(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKER_VARIABLE, "no.such.module:run")
    log = tmp_path / "log"
    with started_ahead(SHARD):
        zygote = zygote_for(log, DEFAULT_WORKER)
        with pytest.raises(CannotStartError, match="No module named 'no'"):
            zygote.wait_ready()
    assert "No module named 'no'" in log.read_text()


def test_a_machine_without_room_for_its_words_has_none_ahead(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with started_ahead(SHARD):
        assert children() == set()
        with zygote_for(tmp_path / "log", DEFAULT_WORKER) as zygote:
            zygote.wait_ready()


@pytest.mark.parametrize("argv", [["--shard", "presubmit/cpu", "--collect-only"], ["torch/bert/tiny"]])
def test_none_is_started_where_none_of_the_kind_is_wanted(argv: list[str]) -> None:
    with started_ahead(parse(argv)):
        assert children() == set()
