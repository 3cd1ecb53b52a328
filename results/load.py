"""A results.json, or a folder of a report or of shards, becomes one small row a case."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from results.journal import RESULTS
from results.merge import merged
from results.view import kind_of
from schemas.case import Expectation, Setting
from schemas.errors import UsageError
from schemas.record import REPORT_SCHEMA, RESULTS_SCHEMA, ErrorInfo, Provenance
from schemas.report import ShardEntry
from schemas.words import EXIT_NUMERICS, Depth, Outcome, Stage
from suites.manifest import ADHOC

_STAGES: dict[str, Stage] = {stage.value: stage for stage in Stage} | {EXIT_NUMERICS: Stage.COMPARISON}


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What compare, expectations and timings need of a record."""

    case: str
    suite: str
    target: str
    outcome: Outcome
    exit_status: str
    kind: Outcome | None  # FAIL, CRASH, TIMEOUT, OOM, INFRA; None where nothing failed
    signature: str
    seconds: float
    device_seconds: float | None = None  # of stages on its target's own machine, where others ran elsewhere
    flaky: bool = False
    depth: Depth = Depth.EXECUTE
    listed: str = ""  # of an imported suite: where its own list expects a failure, whatever its signature
    as_declared: bool = True  # run as a manifest says, and not otherwise from the command line or the environment

    @property
    def key(self) -> str:
        """The case id without suite and target."""
        return self.case.removeprefix(f"{self.suite}/{self.target}/")

    @property
    def stage(self) -> Stage | None:
        """The stage that failed; None where nothing failed or nobody knows."""
        return _STAGES.get(self.exit_status)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of a run by case id."""

    name: str
    partial: bool
    rows: dict[str, Row]


class _Stage(msgspec.Struct, frozen=True):
    seconds: float = 0.0
    built_on: str = ""


class _Slim(msgspec.Struct, frozen=True):
    """The fields of a record that a row is made of; the decoder skips all others."""

    case: str
    suite: str
    target: str
    outcome: Outcome
    exit_status: str
    expectation: Expectation | None = None
    error: ErrorInfo | None = None
    seconds: float = 0.0
    flaky: bool = False
    depth: Depth = Depth.EXECUTE
    settings: tuple[Setting, ...] = ()
    stages: tuple[_Stage, ...] = ()


Slim = TypeVar("Slim")


class SlimReport(msgspec.Struct, Generic[Slim], frozen=True):
    """A results.json whose records are read only as far as ``Slim`` goes; of a shard or merged."""

    schema: str
    records: tuple[Slim, ...]
    partial: bool = False
    provenance: Provenance = Provenance()
    shards: tuple[ShardEntry, ...] = ()


def load(path: Path) -> Run:
    """Reads ``path``: a results.json (of a shard or merged), a folder with one, or a folder with shards below.

    Raises ``UsageError`` when there is nothing to read, or it cannot be read, or holds a case twice.
    """
    report = read(path, SlimReport[_Slim], _Slim)
    return Run(name=str(path), partial=report.partial, rows=_rows(path, report.records))


def read(path: Path, report: type[SlimReport[Slim]], record: type[Slim]) -> SlimReport[Slim]:
    """A run's records as ``record``, whose fields have a full record's names; raises like ``load``."""
    file = path / RESULTS if path.is_dir() else path
    if file.is_file():
        return _from_file(file, report)
    if not path.is_dir():
        raise UsageError(f"{path}: there is no such results.json or folder", "give what `results merge --out` wrote")
    with merged([path], None) as view:
        red = [problem for problem in view.head.problems if problem.red]
        if red:
            told = "; ".join(f"{problem.file}: {problem.text}" for problem in red[:5])
            raise UsageError(
                f"{path} cannot be read as one run: {told}", "merge it with its --matrix, then use the report"
            )
        records = tuple(msgspec.convert(each, record, from_attributes=True) for each in view.records)
        return report(schema=REPORT_SCHEMA, records=records, shards=view.head.shards)


def _from_file(file: Path, kind: type[SlimReport[Slim]]) -> SlimReport[Slim]:
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            report = msgspec.json.decode(data, type=kind)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no results.json: {error}", "run `python -m results merge` again") from None
    if report.schema not in (RESULTS_SCHEMA, REPORT_SCHEMA):
        raise UsageError(f"{file} has schema {report.schema!r}; known are {RESULTS_SCHEMA} and {REPORT_SCHEMA}")
    return report


def _rows(path: Path, records: Iterable[_Slim]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for record in records:
        if record.case in rows:
            raise UsageError(
                f"{path} holds {record.case} twice", "merge the run again; the merge says where it came from"
            )
        rows[record.case] = Row(
            case=record.case,
            suite=record.suite,
            target=record.target,
            outcome=record.outcome,
            exit_status=record.exit_status,
            kind=kind_of(record.outcome, record.expectation),
            signature=record.error.signature if record.error is not None else "",
            seconds=record.seconds,
            device_seconds=_on_device(record),
            flaky=record.flaky,
            depth=record.depth,
            listed=_listed(record.expectation),
            as_declared=not record.settings and record.suite != ADHOC,
        )
    return rows


def _listed(expectation: Expectation | None) -> str:
    if expectation is None or not expectation.anyhow:
        return ""
    return expectation.where or "its definition"


def _on_device(record: _Slim) -> float | None:
    if not any(stage.built_on for stage in record.stages):
        return None
    return sum(stage.seconds for stage in record.stages if not stage.built_on)
