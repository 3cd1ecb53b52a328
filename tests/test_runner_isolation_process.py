"""A tool's run is measured and told truly: exit, signal, log, time, memory, and why memory ran out."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import time

import pytest

from runner.memory import available_bytes, children, descendants, high_water_bytes, oom_kills, tree_bytes
from runner.process import run_tool, signal_name, tail

MIB = 1 << 20


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_exit_code_output_and_time(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    result = run_tool(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), log=log)
    assert (result.exit_code, result.signal, result.ok, result.timed_out) == (3, None, False, False)
    assert log.read_text().startswith("before\n")
    assert sorted(log.read_text().split()) == ["before", "err", "out"]
    assert 0 < result.seconds < 10
    assert not result.out_of_memory


def test_stdout_may_go_to_a_file_of_its_own(tmp_path: pathlib.Path) -> None:
    argv = python("import sys; print('out'); print('err', file=sys.stderr)")
    assert run_tool(argv, log=tmp_path / "log", stdout=tmp_path / "out").ok
    assert (tmp_path / "out").read_text() == "out\n"
    assert (tmp_path / "log").read_text() == "err\n"


def test_the_tool_shares_the_callers_group_and_reads_nothing(tmp_path: pathlib.Path) -> None:
    argv = python("import os, sys; print(os.getpgid(0), repr(sys.stdin.read()), os.getcwd(), os.environ['A'])")
    run_tool(argv, log=tmp_path / "log", env={"A": "b"}, cwd=tmp_path)
    assert tail(tmp_path / "log").decode().split() == [str(os.getpgid(0)), "''", str(tmp_path), "b"]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGKILL])
def test_a_signal_is_no_exit_code(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    result = run_tool(python(f"import os; os.kill(os.getpid(), {int(number)})"), log=tmp_path / "log")
    assert (result.exit_code, result.signal, result.out_of_memory) == (None, number, False)


def test_a_timeout_ends_the_tool(tmp_path: pathlib.Path) -> None:
    result = run_tool(["sleep", "60"], log=tmp_path / "log", timeout=0.2)
    assert (result.timed_out, result.signal) == (True, signal.SIGKILL)
    assert 0.2 <= result.seconds < 5


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_peak_memory_is_the_tools_own(tmp_path: pathlib.Path, pause: float) -> None:
    code = f"import time; x = bytearray(300 << 20); x[::4096] = b'x' * len(x[::4096]); del x; time.sleep({pause})"
    result = run_tool(python(code), log=tmp_path / "log")
    assert result.peak_rss_bytes is not None
    assert 300 * MIB <= result.peak_rss_bytes < 400 * MIB


def test_a_small_tool_is_not_charged_with_its_parents_memory(tmp_path: pathlib.Path) -> None:
    ballast = bytearray(200 * MIB)
    ballast[::4096] = b"x" * len(ballast[::4096])
    result = run_tool(["sleep", "0.05"], log=tmp_path / "log")
    assert len(ballast) == 200 * MIB
    assert result.peak_rss_bytes is not None
    assert result.peak_rss_bytes < 50 * MIB


@pytest.mark.parametrize(
    "said", ["terminate called after throwing an instance of 'std::bad_alloc'", "LLVM ERROR: out of memory"]
)
def test_an_allocator_that_gave_up_is_out_of_memory(tmp_path: pathlib.Path, said: str) -> None:
    code = f"import os, sys; print({said!r}, file=sys.stderr, flush=True); os.abort()"
    assert run_tool(python(code), log=tmp_path / "log").out_of_memory


def test_a_tool_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_tool([str(tmp_path / "absent")], log=tmp_path / "log")


@pytest.mark.slow
def test_a_run_costs_few_milliseconds(tmp_path: pathlib.Path) -> None:
    seconds = []
    for _ in range(50):
        begun = time.perf_counter()
        run_tool(["true"], log=tmp_path / "log")
        seconds.append(time.perf_counter() - begun)
    assert sorted(seconds)[10] < 0.005


def test_memory_of_a_tree_is_the_sum_over_it() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.fork()
        os.write(writer, b"x")
        time.sleep(30)
        os._exit(0)
    try:
        os.read(reader, 1)
        os.read(reader, 1)
        found = descendants(pid)
        assert len(found) == 2
        assert set(found[1:]) == set(children(pid))
        assert tree_bytes(pid) >= tree_bytes(found[1]) > MIB
        assert pid in children(os.getpid())
    finally:
        for each in descendants(pid):
            os.kill(each, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
    assert tree_bytes(pid) == 0
    assert high_water_bytes(pid) is None


def test_what_the_kernel_says_of_memory() -> None:
    assert (available_bytes() or 0) > 10 * MIB
    assert oom_kills() is not None
    assert signal_name(signal.SIGSEGV) == "SIGSEGV"
    assert signal_name(200) == "signal 200"
