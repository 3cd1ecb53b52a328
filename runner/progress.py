"""Starts and endings become what a person sees meanwhile: a live line on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from results.text import log_line
from schemas.record import Record

if TYPE_CHECKING:
    from rich.console import RenderableType

_QUIET = 30.0  # seconds without an ending after which a plain log says that it is alive
_REFRESH = 0.2
_SHOWN = 3  # running cases named at a time


class Progress(Protocol):
    """What the runner tells while it runs."""

    def ended(self, record: Record) -> None:
        """A case has its record."""

    def again(self, record: Record) -> None:
        """A case was run a second time; its last note says what came of it."""

    def tick(self, running: Sequence[str]) -> None:
        """Time has passed; the keys of the running cases."""

    def close(self) -> None:
        """Nothing more comes."""


class Tally:
    """How far a run is: endings by outcome, and how long the rest should take (seconds)."""

    def __init__(self, total: int, expected: dict[str, float], jobs: int) -> None:
        self.total = total
        self.outcomes: Counter[str] = Counter()
        self.red = 0
        self._expected = expected  # by case id; of the cases that are really run
        self._left = sum(expected.values())
        self._jobs = jobs
        self._begun = time.monotonic()
        self._planned = self._left

    def add(self, record: Record) -> None:
        """Count an ending."""
        self.outcomes[record.outcome] += 1
        self.red += record.outcome.is_red
        self._left -= self._expected.get(record.case, 0.0)

    @property
    def done(self) -> int:
        """How many cases have a record."""
        return self.outcomes.total()

    def eta(self) -> float:
        """Expected seconds to the end: the recorded durations, corrected by how this machine has done so far."""
        passed, done = time.monotonic() - self._begun, self._planned - self._left
        pace = passed / done if done > 0.05 * self._planned and passed > 1 else 1 / self._jobs
        return max(0.0, self._left) * pace

    def __str__(self) -> str:
        parts = [f"{self.done}/{self.total}", *(f"{count} {name}" for name, count in sorted(self.outcomes.items()))]
        return " · ".join(parts)


class PlainProgress:
    """One line an ending, and a sign of life when nothing ends for a while."""

    def __init__(self, tally: Tally, stream: TextIO) -> None:
        self._tally = tally
        self._stream = stream
        self._last = time.monotonic()

    def ended(self, record: Record) -> None:
        """Print the ending."""
        self._tally.add(record)
        width = len(str(self._tally.total))
        self._print(f"[{self._tally.done:{width}}/{self._tally.total}] {ending_line(record)}")

    def again(self, record: Record) -> None:
        """Print what came of it."""
        self._print(again_line(record))

    def tick(self, running: Sequence[str]) -> None:
        """Print what runs when nothing was printed for 30 seconds."""
        if time.monotonic() - self._last >= _QUIET:
            self._print(f"... {self._tally}; running: {', '.join(running) or 'nothing'}")

    def close(self) -> None:
        """Nothing to undo."""

    def _print(self, line: str) -> None:
        self._last = time.monotonic()
        print(line, file=self._stream, flush=True)


class LiveProgress:
    """A bar that is redrawn in place; only red endings leave a line."""

    def __init__(self, tally: Tally, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.live import Live  # noqa: PLC0415

        self._tally = tally
        self._console = Console(file=stream)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self._drawn = 0.0

    def ended(self, record: Record) -> None:
        """Count it; print it when it is red."""
        self._tally.add(record)
        if record.outcome.is_red:
            from rich.text import Text  # noqa: PLC0415

            self._console.print(Text(ending_line(record), style="red"))

    def again(self, record: Record) -> None:
        """Print it when it is no confirmation."""
        if record.flaky:
            from rich.text import Text  # noqa: PLC0415

            self._console.print(Text(again_line(record), style="yellow"))

    def tick(self, running: Sequence[str]) -> None:
        """Redraw, five times a second at most."""
        now = time.monotonic()
        if now - self._drawn >= _REFRESH:
            self._drawn = now
            self._live.update(self._render(running), refresh=True)

    def close(self) -> None:
        """Give the line back to the terminal."""
        self._live.stop()

    def _render(self, running: Sequence[str]) -> RenderableType:
        from rich.progress_bar import ProgressBar  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        names = ", ".join(running[:_SHOWN]) + (f" and {len(running) - _SHOWN} more" if len(running) > _SHOWN else "")
        left = f"about {clock(self._tally.eta())} left"
        status = Text(f"{self._tally} · {left}", style="red" if self._tally.red else "green")
        bar = ProgressBar(total=max(1, self._tally.total), completed=self._tally.done)
        lines = Table.grid(expand=True)
        for line in (bar, status, Text(names, style="dim", no_wrap=True, overflow="ellipsis")):
            lines.add_row(line)
        return lines


def make_progress(tally: Tally, *, stream: TextIO | None = None, on_ci: bool) -> Progress:
    """Live on a terminal, plain elsewhere and on CI."""
    stream = stream or sys.stdout
    return LiveProgress(tally, stream) if stream.isatty() and not on_ci else PlainProgress(tally, stream)


def ending_line(record: Record) -> str:
    """One record in one line: outcome, stage of a failure, key, seconds, and why."""
    key = record.case.split("/", 2)[-1]
    failed = f" at {record.exit_status}" if record.outcome.is_red and record.exit_status != record.outcome else ""
    why = f": {record.error.signature}" if record.outcome.is_red and record.error else ""
    skip = f": {record.skip_detail or record.skip_reason}" if record.skip_reason else ""
    return log_line(f"{record.outcome:<7} {key} {record.seconds:.2f}s{failed}{why}{skip}")


def again_line(record: Record) -> str:
    """One record of a case that was run twice in one line."""
    return log_line(f"again   {record.case.split('/', 2)[-1]}: {record.notes[-1] if record.notes else ''}")


def clock(seconds: float) -> str:
    """``75`` becomes ``1:15``, ``3675`` becomes ``1:01:15``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
