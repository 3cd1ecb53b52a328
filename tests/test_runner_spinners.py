"""Threads that spin on a software device share a processor; no others do."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import msgspec
import pytest

from runner.frontends.absent import AbsentFrontend
from runner.process import run_tool
from runner.spinners import Spinners
from runner.work import EntryPoint, Imported, Work
from tests.stages_support.cases import a_case, a_job
from tests.targets_support import ROOT, VULKAN, needs_vulkan

ABSENT = AbsentFrontend(LookupError())
LOOK = """
import json, os, pathlib, time
from runner.spinners import Spinners

def look():
    spinners = Spinners()
    for _ in range(50):
        if spinners.look(os.getpid()):
            break
        time.sleep(0.005)
    threads = sorted(int(each) for each in os.listdir("/proc/self/task"))
    names = [pathlib.Path(f"/proc/self/task/{each}/comm").read_text().strip() for each in threads]
    found = [[name, sorted(os.sched_getaffinity(each))] for name, each in zip(names, threads)]
    print(json.dumps(found), flush=True)  # the program ends by os._exit
"""
#: Threads as a Vulkan runtime has them: the driver's, one that compiles, IREE's first, one that sleeps, one that spins.
THREADS = """
import ctypes, hashlib, sys, threading

def busy():
    data = bytes(1 << 22)
    while True:
        hashlib.sha256(data)

def named(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
    threading.Event().wait()

for arguments in (
    {"target": named, "args": (sys.argv[1],)},
    {"target": busy},
    {"target": named, "args": (sys.argv[2],)},
    {"target": threading.Event().wait},
    {"target": busy},
):
    threading.Thread(daemon=True, **arguments).start()
    time.sleep(0.05)
look()
os._exit(0)
"""
SESSION = """
from runner.fast.session import Session
session = Session("vulkan")
look()
"""


def processors() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def affinities(body: str, *arguments: str, allowed: int = 2, **environment: str) -> list[tuple[str, list[int]]]:
    """The name of each thread of a program, oldest first, and on what processors it may run after a look."""
    if len(processors()) < allowed:
        pytest.skip(f"{allowed} processors are needed")
    limit = f"import os\nos.sched_setaffinity(0, {set(processors()[:allowed])})\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + LOOK + body, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(name, on) for name, on in json.loads(done.stdout)]


def test_only_the_one_that_spins_is_confined() -> None:
    *others, (_, spins) = affinities(THREADS, "llvmpipe-0", "iree-proactor")
    assert len(spins) == 1
    assert [on for _, on in others] == [processors()[:2]] * 5


@pytest.mark.parametrize(
    ("driver", "first", "allowed"),
    [
        ("another", "iree-proactor", 2),  # a driver of hardware: its threads know how to wait
        ("llvmpipe-0", "another", 2),  # nobody knows which threads those are
        ("llvmpipe-0", "iree-proactor", 1),
    ],
)
def test_nobody_else_is(driver: str, first: str, allowed: int) -> None:
    assert [on for _, on in affinities(THREADS, driver, first, allowed=allowed)] == [processors()[:allowed]] * 6


def test_a_software_device_s_are_found() -> None:
    needs_vulkan()
    drivers = list(pathlib.Path("/usr/share/vulkan/icd.d").glob("lvp_icd*"))
    if not drivers:
        pytest.skip("Mesa's lavapipe is not installed")
    found = affinities(SESSION, VK_DRIVER_FILES=str(drivers[0]), VK_ICD_FILENAMES=str(drivers[0]))
    first = next(number for number, (name, _) in enumerate(found) if name.startswith("iree-pro"))
    confined = [number for number, (_, on) in enumerate(found) if len(on) == 1]
    assert confined
    assert min(confined) > first, "the caller, or a thread of the driver's own"
    assert len({tuple(found[number][1]) for number in confined}) == 1


class ToldError(Exception):
    """Ends what a test has seen enough of."""


@pytest.mark.parametrize("device", ["vulkan", "local-task"])
def test_the_native_tool_is_looked_at_on_vulkan(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    from runner.backends import iree  # noqa: PLC0415 - what is patched

    def invoke(*_arguments: object, looked: object, **_options: object) -> None:
        raise ToldError(looked is not None)

    monkeypatch.setattr(iree, "invoke", invoke)
    target = msgspec.structs.replace(VULKAN, device=device)
    work = Work(job=a_job(tmp_path, tmp_path / "m.onnx", a_case(), target=target), frontend=ABSENT, folder=tmp_path)
    with pytest.raises(ToldError) as told:
        iree.run_module(work, Imported(tmp_path / "m.mlir", EntryPoint("main", ())), tmp_path / "m.vmfb", ())
    assert told.value.args == (device == "vulkan",)


@pytest.mark.parametrize(("device", "looks"), [("vulkan", 3), ("local-task", 0)])
def test_a_device_s_process_is_looked_at_until_it_is_settled(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, device: str, looks: int
) -> None:
    from runner.fast import resumed, session  # noqa: PLC0415 - what is patched

    seen: list[int] = []

    class Settled:
        def look(self, pid: int) -> bool:
            seen.append(pid)
            return len(seen) == 3

    class Session:
        def __init__(self, device: str) -> None:
            del device

        def load(self, module: bytes) -> None:
            del module

        def call(self, *_arguments: object) -> tuple[()]:
            return ()

    monkeypatch.setattr(resumed, "Spinners", Settled)
    monkeypatch.setattr(session, "Session", Session)
    target = msgspec.structs.replace(VULKAN, device=device)
    work = Work(job=a_job(tmp_path, tmp_path / "m.onnx", a_case(), target=target), frontend=ABSENT, folder=tmp_path)
    work.imported, work.inputs = Imported(tmp_path / "m.mlir", EntryPoint("main", ())), ()
    work.compiled = tmp_path / "m.vmfb"
    work.compiled.write_bytes(b"")
    one = resumed._Device(tmp_path / "log")
    for _ in range(2):
        one._infer(work)
    assert seen == [os.getpid()] * looks


def test_a_process_that_is_gone_needs_no_further_look() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert Spinners().look(process.pid)


def test_a_tool_is_looked_at_while_it_runs(tmp_path: pathlib.Path) -> None:
    seen: list[bool] = []
    result = run_tool(
        ["sleep", "0.2"], log=tmp_path / "log", looked=lambda pid: seen.append(pathlib.Path(f"/proc/{pid}").exists())
    )
    assert result.ok
    assert len(seen) > 1
    assert all(seen)
