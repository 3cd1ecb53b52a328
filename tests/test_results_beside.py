"""The workbook is written by a process of its own: at the same time, the same, and where that fails by ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from results.shard import _MANY, shard_view
from results.write import write_all
from schemas.codec import encode
from tests.results_support.build import key, record, shard_results

ROOT = Path(__file__).parent.parent
TWO = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a second processor")
HEAD = """
import os, pathlib, signal, sys, threading, time
from results.beside import beside

ours, folder = os.getpid(), pathlib.Path(sys.argv[1])
def mine(): return os.getpid() == ours
def leave(): folder.joinpath("mine" if mine() else "other").write_text(str(os.getpid()))
"""


def left(folder: Path, code: str, *, ends: str = "") -> dict[str, str]:
    """What a program of one thread leaves in the folder; it must end well, or with an error that says ``ends``."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (not ends), done.stderr
    assert ends in done.stderr
    assert done.stderr.count("Traceback") <= 1, "the other process says nothing of its own"
    return {path.name: path.read_text() for path in folder.iterdir()}


@TWO
def test_both_go_on_at_the_same_time(tmp_path: Path) -> None:
    found = left(
        tmp_path,
        """
def work():
    leave()
    while not folder.joinpath("body").exists(): time.sleep(0.001)
with beside(work):
    while not folder.joinpath("other").exists(): time.sleep(0.001)
    folder.joinpath("body").write_text(str(ours))
assert not pathlib.Path(f"/proc/self/task/{ours}/children").read_text()
""",
    )
    assert set(found) == {"other", "body"}
    assert found["other"] != found["body"]


@TWO
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "raise OSError('full')", "sys.exit(3)"])
def test_what_the_other_could_not_do_is_done_here(tmp_path: Path, end: str) -> None:
    code = f"""
def work():
    leave()
    if not mine(): {end}
with beside(work): pass
"""
    assert set(left(tmp_path, code)) == {"other", "mine"}


@TWO
def test_what_cannot_be_done_at_all_is_our_error(tmp_path: Path) -> None:
    code = """
def work():
    leave()
    raise OSError("no room")
with beside(work): pass
"""
    assert set(left(tmp_path, code, ends="OSError: no room")) == {"other", "mine"}


@TWO
def test_an_error_of_ours_ends_the_other(tmp_path: Path) -> None:
    code = """
def work():
    leave()
    time.sleep(60)
try:
    with beside(work):
        while not folder.joinpath("other").exists(): time.sleep(0.001)
        raise ValueError("ours")
finally:
    assert not pathlib.Path(f"/proc/self/task/{ours}/children").read_text()
"""
    assert set(left(tmp_path, code, ends="ValueError: ours")) == {"other"}


@pytest.mark.parametrize(
    "before",
    [
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
        "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
        "def full(): raise BlockingIOError('no further process')\nos.fork = full",
    ],
    ids=["one processor", "another thread", "no further process"],
)
def test_where_there_can_be_no_other_it_is_done_here_afterwards(tmp_path: Path, before: str) -> None:
    code = f"""
{before}
with beside(leave):
    assert not list(folder.iterdir())
    folder.joinpath("body").write_text("")
"""
    assert set(left(tmp_path, code)) == {"body", "mine"}


@TWO
def test_a_report_is_the_same_by_one_process_and_by_two(tmp_path: Path) -> None:
    results = shard_results([record(key(number), seconds=float(number)) for number in range(_MANY)])
    (tmp_path / "results").write_bytes(encode(results))
    two, one = tmp_path / "two", tmp_path / "one"
    one.mkdir()
    left(
        one,
        """
from results.shard import write_shard
from schemas.codec import decode
from schemas.record import ShardResults
forks, fork = [], os.fork
os.fork = lambda: forks.append(1) or fork()
write_shard(folder.parent / "two", decode((folder.parent / "results").read_bytes(), ShardResults), None)
assert forks == [1]
""",
    )
    write_all(shard_view(results, None), one)
    names = {path.name for path in one.iterdir()}
    assert names == {path.name for path in two.iterdir()}
    for name in names - {"report.xlsx"}:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    books = [openpyxl.load_workbook(folder / "report.xlsx") for folder in (one, two)]
    sheets = [{sheet.title: list(sheet.values) for sheet in book.worksheets} for book in books]
    assert sheets[0] == sheets[1]
    assert len(sheets[0]["Cases"]) == 1 + _MANY
