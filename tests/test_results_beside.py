"""The workbook is written by a process of its own: at the same time, the same, and where that fails by ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import openpyxl
import pytest

from results.shard import _MANY, shard_view
from results.write import write_all
from results.writers.registry import WRITERS
from schemas.codec import encode
from tests.results_support.build import key, record, shard_results

ROOT = Path(__file__).parent.parent
TWO = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a second processor")
HEAD = """
import os, pathlib, signal, sys, threading, time
from results.beside import at_once

ours, folder = os.getpid(), pathlib.Path(sys.argv[1])
def mine(): return os.getpid() == ours
def leave(name): folder.joinpath(name + (" here" if mine() else " there")).write_text(str(os.getpid()))
def wait(name):
    until = time.monotonic() + 30
    while not folder.joinpath(name).exists():
        assert time.monotonic() < until
        time.sleep(0.001)
def children(): return pathlib.Path(f"/proc/self/task/{ours}/children").read_text().split()
"""


def program(folder: Path, code: str) -> list[str]:
    return [sys.executable, "-c", HEAD + code, str(folder)]


def left(folder: Path, code: str, *, ends: str = "") -> set[str]:
    """What a program of one thread leaves in the folder; it must end well, or with an error that says ``ends``."""
    done = subprocess.run(program(folder, code), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode == 0) == (not ends), done.stderr
    assert ends in done.stderr
    return {path.name for path in folder.iterdir()}


@TWO
def test_both_go_on_at_the_same_time(tmp_path: Path) -> None:
    code = """
def first():
    wait("second there")
    leave("first")
def second():
    leave("second")
    wait("first here")
at_once(first, second)
assert not children()
"""
    assert left(tmp_path, code) == {"first here", "second there"}


@TWO
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "raise OSError('full')", "sys.exit(3)"])
def test_what_the_other_could_not_do_is_done_here(tmp_path: Path, end: str) -> None:
    code = f"""
def second():
    leave("second")
    if not mine(): {end}
at_once(lambda: leave("first"), second)
assert not children()
"""
    assert left(tmp_path, code) == {"first here", "second there", "second here"}


@TWO
def test_another_that_never_ends_is_ended(tmp_path: Path) -> None:
    code = """
import results.beside
results.beside._PATIENCE = 0.2
def second():
    leave("second")
    if not mine(): time.sleep(600)
at_once(lambda: wait("second there"), second)
assert not children()
"""
    assert left(tmp_path, code) == {"second there", "second here"}


@TWO
def test_what_cannot_be_done_at_all_is_our_error(tmp_path: Path) -> None:
    code = """
def second():
    leave("second")
    raise OSError("no room")
at_once(lambda: leave("first"), second)
"""
    assert left(tmp_path, code, ends="OSError: no room") == {"first here", "second there", "second here"}


@TWO
def test_room_that_the_other_took_is_there_again(tmp_path: Path) -> None:
    """The first piece finds the disk full while the other has scratch there; alone it does not."""
    code = """
import tempfile
def first():
    if not folder.joinpath("first tried").exists():
        folder.joinpath("first tried").write_text("")
        wait("second there")
    if pathlib.Path(folder.joinpath("second there").read_text()).exists(): raise OSError("full")
    leave("first")
def second():
    if mine(): return leave("second")
    folder.joinpath(".new").write_text(tempfile.mkdtemp())
    folder.joinpath(".new").rename(folder / "second there")
    time.sleep(600)
at_once(first, second)
assert not children()
"""
    assert left(tmp_path, code) == {"first tried", "first here", "second there", "second here"}
    assert not Path((tmp_path / "second there").read_text()).parent.exists()


@TWO
@pytest.mark.parametrize("error", ["ValueError", "KeyboardInterrupt"])
def test_another_error_of_ours_ends_the_other(tmp_path: Path, error: str) -> None:
    code = f"""
def first():
    leave("first")
    wait("second there")
    raise {error}("ours")
def second():
    leave("second")
    time.sleep(600)
try:
    at_once(first, second)
finally:
    assert not children()
"""
    assert left(tmp_path, code, ends=f"{error}: ours") == {"first here", "second there"}


@pytest.mark.parametrize("processors", [1, 2])
def test_what_fails_here_without_another_process_is_tried_once(tmp_path: Path, processors: int) -> None:
    code = f"""
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{processors}])
tried = []
def first():
    tried.append(1)
    raise OSError("full")
try:
    at_once(first, lambda: None)
finally:
    assert len(tried) == {processors}, tried
"""
    if processors <= len(os.sched_getaffinity(0)):
        assert left(tmp_path, code, ends="OSError: full") == set()


@TWO
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("late", [False, True], ids=["while both work", "while ours waits"])
def test_the_other_ends_with_us(tmp_path: Path, how: signal.Signals, late: bool) -> None:
    code = f"""
def first():
    wait("second there")
    leave("first")
    if not {late}: time.sleep(600)
def second():
    leave("second")
    time.sleep(600)
at_once(first, second)
"""
    with subprocess.Popen(program(tmp_path, code), cwd=ROOT, stdout=subprocess.PIPE) as ours:
        until = time.monotonic() + 30
        while not (tmp_path / "first here").exists():
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(0.05 if late else 0)
        ours.send_signal(how)
        assert ours.communicate(timeout=30) == (b"", None), "the other holds our output until it ends"


@TWO
def test_handlers_of_ours_are_none_of_the_other(tmp_path: Path) -> None:
    """As the runner has them: a first SIGTERM or SIGINT only says that no further case is to be begun."""
    code = """
for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, lambda *_: leave("told"))
def first():
    wait("second there")
    other = int(folder.joinpath("second there").read_text())
    os.kill(other, signal.SIGINT)
    time.sleep(0.05)
    assert children() == [str(other)]
    os.kill(other, signal.SIGTERM)
def second():
    leave("second")
    if not mine(): time.sleep(600)
at_once(first, second)
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
os.kill(ours, signal.SIGTERM)
"""
    assert left(tmp_path, code) == {"second there", "second here", "told here"}


@pytest.mark.parametrize(
    "before",
    [
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
        "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
        "def full(): raise BlockingIOError('no further process')\nos.fork = full",
        "def full(pid): raise OSError('no further descriptor')\nos.pidfd_open = full",
        "import tempfile\ntempfile.tempdir = str(folder / 'nowhere')",
    ],
    ids=["one processor", "another thread", "no further process", "no further descriptor", "no folder"],
)
def test_where_there_can_be_no_other_it_is_done_here_afterwards(tmp_path: Path, before: str) -> None:
    code = f"""
{before}
def second():
    wait("first here")
    leave("second")
at_once(lambda: leave("first"), second)
assert not children()
"""
    assert left(tmp_path, code) - {"second there"} == {"first here", "second here"}


@TWO
def test_a_workbook_whose_process_is_killed_leaves_nothing_but_the_reports(tmp_path: Path) -> None:
    scratch, reports = tmp_path / "scratch", tmp_path / "reports"
    scratch.mkdir()
    (tmp_path / "results").write_bytes(encode(shard_results([record(key(number)) for number in range(_MANY)])))
    code = """
import tempfile
from results.shard import write_shard
from results.writers.sheets.book import Book
from schemas.codec import decode
from schemas.record import ShardResults
save = Book.save
def killed(self, path):
    if mine(): return save(self, path)
    path.write_bytes(b"half")
    assert list(folder.joinpath("scratch").rglob("e2eshard-book-*"))
    leave("killed")
    os.kill(os.getpid(), signal.SIGKILL)
Book.save = killed
tempfile.tempdir = str(folder / "scratch")
write_shard(folder / "reports", decode(folder.joinpath("results").read_bytes(), ShardResults), None)
"""
    assert left(tmp_path, code) == {"scratch", "reports", "results", "killed there"}
    assert not list(scratch.iterdir())
    assert {path.name for path in reports.iterdir()} == set(WRITERS)
    assert openpyxl.load_workbook(reports / "report.xlsx")["Cases"].max_row == 1 + _MANY


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
folder.parent.joinpath("two").mkdir()
folder.parent.joinpath("two", ".report.xlsx.part").write_text("of one that was killed")
write_shard(folder.parent / "two", decode((folder.parent / "results").read_bytes(), ShardResults), None)
assert forks == [1]
""",
    )
    write_all(shard_view(results, None), one)
    names = {path.name for path in one.iterdir()}
    assert names == set(WRITERS)
    assert names == {path.name for path in two.iterdir()}
    for name in names - {"report.xlsx"}:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    books = [openpyxl.load_workbook(folder / "report.xlsx") for folder in (one, two)]
    sheets = [{sheet.title: list(sheet.values) for sheet in book.worksheets} for book in books]
    assert sheets[0] == sheets[1]
    assert len(sheets[0]["Cases"]) == 1 + _MANY
