"""Threads that spin on a software device share a processor; no others do."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from runner.process import run_tool
from runner.spinners import Spinners
from tests.targets_support import ROOT, needs_vulkan

LOOK = """
import json, os, time
from runner.spinners import Spinners

def look():
    spinners = Spinners()
    for _ in range(50):
        if spinners.look(os.getpid()):
            break
        time.sleep(0.005)
    threads = sorted(int(each) for each in os.listdir("/proc/self/task"))
    print(json.dumps([[thread, sorted(os.sched_getaffinity(thread))] for thread in threads]))
"""
#: Threads as a Vulkan runtime has them: one that compiles, the first of IREE's, one that spins, one that sleeps.
THREADS = """
import ctypes, hashlib, mmap, pathlib, sys, threading

def busy():
    data = bytes(1 << 22)
    while True:
        hashlib.sha256(data)

def named(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
    threading.Event().wait()

for arguments in ({"target": busy}, {"target": named, "args": (sys.argv[2],)}, {"target": busy}):
    threading.Thread(daemon=True, **arguments).start()
    time.sleep(0.05)
threading.Thread(daemon=True, target=threading.Event().wait).start()
driver = pathlib.Path(sys.argv[1])
driver.write_bytes(bytes(4096))
with driver.open("rb") as file:
    mapped = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
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


def affinities(body: str, *arguments: str, allowed: int = 2) -> list[list[int]]:
    """What processors each thread of a program may run on, oldest thread first, after somebody has looked."""
    if len(processors()) < allowed:
        pytest.skip(f"{allowed} processors are needed")
    limit = f"import os\nos.sched_setaffinity(0, {set(processors()[:allowed])})\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + LOOK + body, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [allowed_of for _, allowed_of in json.loads(done.stdout)]


def test_only_the_one_that_spins_is_confined(tmp_path: pathlib.Path) -> None:
    main, compiles, first, spins, sleeps = affinities(THREADS, str(tmp_path / "libvulkan_lvp.so"), "iree-proactor")
    assert len(spins) == 1
    assert main == compiles == first == sleeps == processors()[:2]


@pytest.mark.parametrize(
    ("driver", "first", "allowed"),
    [
        ("libvulkan_radeon.so", "iree-proactor", 2),  # a driver of hardware: its threads know how to wait
        ("libvulkan_lvp.so", "another", 2),  # nobody knows which threads those are
        ("libvulkan_lvp.so", "iree-proactor", 1),
    ],
)
def test_nobody_else_is(tmp_path: pathlib.Path, driver: str, first: str, allowed: int) -> None:
    assert affinities(THREADS, str(tmp_path / driver), first, allowed=allowed) == [processors()[:allowed]] * 5


def test_a_software_device_s_are_found() -> None:
    needs_vulkan()
    if not list(pathlib.Path("/usr/share/vulkan/icd.d").glob("lvp_icd*")):
        pytest.skip("Mesa's lavapipe is not installed")
    found = affinities(SESSION)
    confined = [number for number, allowed in enumerate(found) if len(allowed) == 1]
    assert confined
    assert min(confined) > 1, "neither the caller nor the driver's own thread, which compiles"
    assert len({tuple(found[number]) for number in confined}) == 1


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
