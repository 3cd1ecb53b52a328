"""A process id becomes bytes: what a case and all its descendants hold, and who ran out of memory, read from /proc."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import signal

_PAGE = os.sysconf("SC_PAGE_SIZE")
_GIB = 1024**3
_VMSTAT = pathlib.Path("/proc/vmstat")

#: A case that is killed for memory is meant to be killed by the sampled sum (which can name it), so the hard limit of a
#: single process lies above it: it only stops one allocation that would be too large at once.
_HARD_LIMIT_FACTOR = 1.25
_HARD_LIMIT_EXTRA = _GIB // 2

#: The name of a process whose work its case can do without: over the limit it goes first.
SPARE = "golden-aside"

#: A further case is started only while the machine has this much memory left (or the case's limit, where smaller).
ADMISSION_RESERVE = _GIB


def children(pid: int) -> tuple[int, ...]:
    """Ids of the direct children of ``pid``, of all its threads; empty when it is gone."""
    found: list[int] = []
    try:
        threads = [entry.name for entry in os.scandir(f"/proc/{pid}/task")]
    except OSError:
        return ()
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - hot path, up to 100 times a second
                found.extend(int(word) for word in file.read().split())
        except OSError:
            continue
    return tuple(found)


def descendants(pid: int) -> tuple[int, ...]:
    """Ids of ``pid`` and everything below it."""
    found = [pid]
    for parent in found:  # grows while it is walked
        found.extend(child for child in children(parent) if child not in found)
    return tuple(found)


def resident_bytes(pid: int) -> int:
    """Resident memory of one process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - hot path
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def tree_bytes(pid: int) -> int:
    """Resident memory of ``pid`` and all its descendants; pages that they share are counted once for each."""
    return sum(resident_bytes(each) for each in descendants(pid))


def proportional_bytes(pid: int) -> int:
    """The same with shared pages counted once, each process its part of them; takes milliseconds."""
    return sum(_kib(f"/proc/{each}/smaps_rollup", b"Pss:") or 0 for each in descendants(pid))


def high_water_bytes(pid: int) -> int | None:
    """The largest resident size that ``pid`` has had since it was executed; None when it is gone."""
    return _kib(f"/proc/{pid}/status", b"VmHWM:")


def available_bytes() -> int | None:
    """What this machine (or this container's cgroup) can still hand out; None where the kernel does not say."""
    host = _kib("/proc/meminfo", b"MemAvailable:")
    limit = _number("/sys/fs/cgroup/memory.max")
    used = _number("/sys/fs/cgroup/memory.current")
    if limit is None or used is None:
        return host
    inside = max(0, limit - used + _reclaimable())
    return inside if host is None else min(host, inside)


def oom_kills() -> int | None:
    """How often the kernel has killed a process for memory since boot; None where it does not say."""
    try:
        text = _VMSTAT.read_bytes()
    except OSError:
        return None
    start = text.find(b"\noom_kill ")
    return None if start < 0 else int(text[start + 10 :].split(b"\n", 1)[0])


def name_this_process(name: str) -> None:
    """As others see it in ``/proc/<pid>/comm``, 15 characters at most; raises OSError."""
    pathlib.Path("/proc/self/comm").write_text(name)


def end_spare(pid: int) -> bool:
    """End the children of ``pid`` that are named SPARE; whether there was one."""
    ended = False
    for child in children(pid):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{child}/comm").read_text().rstrip() == SPARE and resident_bytes(child):
                os.kill(child, signal.SIGKILL)
                ended = True
    return ended


def limit_this_process(limit: int) -> None:
    """Bound this process and its children: no core files, and no data segment far beyond ``limit`` bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = int(limit * _HARD_LIMIT_FACTOR) + _HARD_LIMIT_EXTRA
    _, ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _kib(path: str, key: bytes) -> int | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - hot path
            text = file.read()
    except OSError:
        return None
    start = text.find(key)
    return None if start < 0 else int(text[start + len(key) :].split(None, 1)[0]) * 1024


def _number(path: str) -> int | None:
    try:
        return int(pathlib.Path(path).read_bytes())
    except (OSError, ValueError):  # no cgroup v2 here, or "max"
        return None


def _reclaimable() -> int:
    """Page cache of the cgroup that the kernel gives back under pressure."""
    try:
        text = pathlib.Path("/sys/fs/cgroup/memory.stat").read_bytes()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(b"inactive_file "):
            return int(line.split()[1])
    return 0
