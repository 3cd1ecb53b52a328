"""Turns rows of figures into Markdown or JSON, with a line about the machine and the versions they came from."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

Cell = str | int | float | None


class Result:
    """One benchmark's tables and verdicts, printed together at its end."""

    def __init__(self, title: str, packages: Sequence[str] = ()) -> None:
        self._title = title
        self._where = f"{machine()}; {versions(packages)}"
        self._tables: list[tuple[str, list[str], list[list[Cell]]]] = []
        self._verdicts: list[tuple[bool, str]] = []

    def table(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Adds a table."""
        self._tables.append((name, list(heads), [list(row) for row in rows]))

    def verdict(self, met: bool, text: str) -> None:
        """Adds what must hold, and whether it does."""
        self._verdicts.append((met, text))

    def show(self, *, as_json: bool) -> int:
        """Prints everything; 1 where something does not hold."""
        if as_json:
            tables = [{"name": name, "heads": heads, "rows": rows} for name, heads, rows in self._tables]
            verdicts = [{"met": met, "text": text} for met, text in self._verdicts]
            command = " ".join(["python", *sys.argv])
            made = {"title": self._title, "where": self._where, "command": command}
            print(json.dumps(made | {"tables": tables, "verdicts": verdicts}, indent=1))
        else:
            print("\n".join(self._markdown()))
        return int(not all(met for met, _ in self._verdicts))

    def _markdown(self) -> Iterable[str]:
        yield f"{self._title}\n\n`python {' '.join(sys.argv)}` on {self._where}"
        for name, heads, rows in self._tables:
            yield f"\n{name}\n" if name else ""
            yield f"| {' | '.join(heads)} |"
            words = [all(isinstance(row[column], str) for row in rows) for column in range(len(heads))]
            yield f"|{''.join('---|' if each else '--:|' for each in words)}"
            yield from (f"| {' | '.join(map(shown, row))} |" for row in rows)
        yield ""
        yield from (f"{'met' if met else 'MISSED'}: {text}  " for met, text in self._verdicts)


def shown(cell: Cell) -> str:
    """A figure with three digits, or four where it begins with a one."""
    if not isinstance(cell, float):
        return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell
    return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}" if abs(cell) < 1000 else f"{cell:,.0f}"


def options(text: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks have: their own documentation, and ``--json``."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    return parser


def measured(script: str, *arguments: str) -> tuple[float, float, float]:
    """Runs a part of a benchmark in a process of its own; what ``told`` printed there."""
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall, cpu, peak = done.stdout.split()[-3:]
    return float(wall), float(cpu), float(peak)


def told(wall: float, cpu: float) -> None:
    """Prints for ``measured``: seconds of wall time and of CPU, and the peak memory of this process in MiB."""
    print(wall, cpu, peak_mib())


def peak_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Least and most."""
    return f"{shown(min(values))} .. {shown(max(values))}"


def machine() -> str:
    """Cores, processor and memory, and nothing that names the machine."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores ({_processor()}), {memory:.0f} GiB, {platform.system()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions(packages: Sequence[str]) -> str:
    """Python's version and those of packages, as installed."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in packages)])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"
