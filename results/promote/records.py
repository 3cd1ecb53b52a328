"""One run's report becomes the records that promotion looks at, each only as far as it looks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from results.load import SlimReport, read
from schemas.case import Expectation, Setting, case_key
from schemas.opwords import OpTotals
from schemas.record import ErrorInfo, OutputComparison, Provenance, TokenComparison
from schemas.words import Depth, Lowering, Mode, Outcome
from schemas.words import Path as ModelPath


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a record that promotion needs; the decoder skips all others."""

    case: str
    suite: str
    target: str
    model: str
    path: ModelPath
    depth: Depth
    outcome: Outcome
    exit_status: str
    lowering: Lowering = Lowering.TORCH
    mode: Mode = Mode.EVAL
    reached_depth: Depth | None = None
    expectation: Expectation | None = None
    error: ErrorInfo | None = None
    flaky: bool = False
    settings: tuple[Setting, ...] = ()
    comparisons: tuple[OutputComparison, ...] = ()
    tokens: tuple[TokenComparison, ...] = ()
    ops: OpTotals | None = None
    reproduce: str = ""

    @property
    def key(self) -> str:
        """``model@path``, with lowering and mode where they are not the usual ones."""
        return case_key(self.model, self.path, self.lowering, self.mode)


class SeenRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``made_with`` says by suite and target which compiler, at which commit and when."""

    name: str
    records: tuple[Seen, ...]
    made_with: dict[tuple[str, str], str]


def read_run(path: Path) -> SeenRun:
    """Raises ``UsageError`` for what is no run."""
    report = read(path, SlimReport[Seen], Seen)
    made = {(shard.suite, shard.target): _told(shard.provenance) for shard in report.shards}
    if not made:
        here = _told(report.provenance)
        made = {(record.suite, record.target): here for record in report.records}
    return SeenRun(name=path.as_posix(), records=report.records, made_with=made)


def _told(made: Provenance) -> str:
    tools = [f"{tool.name} {tool.version}" for tool in made.tools if "compile" in tool.name]
    return _joined((*tools, made.commit and f"commit {made.commit[:12]}", made.started))


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)
