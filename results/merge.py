"""The matrix joined with the records of all shards: the steps of ``python -m results merge``."""

from __future__ import annotations

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from results.builds import admit_builds, with_builds
from results.gather import Gathered, gather
from results.join import Joined, join
from results.journal import scan
from results.ops.gather import Noted, OpSource, gathered_ops
from results.pace import pace
from results.plan import Plan, make_plan
from results.scan import Entry, Scan
from results.spool import SpooledRecords, decode_record
from results.tally import Tally, tally
from results.view import View
from results.write import write_all
from schemas.codec import decode
from schemas.errors import UsageError
from schemas.matrix import MATRIX_SCHEMA, SELECTION_SCHEMA, Matrix, Selection
from schemas.record import Provenance
from schemas.report import Problem, ProblemKind, ReportHead, ShardEntry, Superseded

T = TypeVar("T", Matrix, Selection)


def merge(inputs: Sequence[Path], matrices: Sequence[Path], selection: Path | None, out: Path) -> ReportHead:
    """Writes the merged report into ``out``; returns its head. Raises ``UsageError`` for files that are no matrix."""
    plan = load_plan(matrices, selection)
    with merged(inputs, plan) as view:
        write_all(view, out)
        return view.head


def load_plan(matrices: Sequence[Path], selection: Path | None) -> Plan | None:
    """What the run owes; None without a matrix."""
    if not matrices:
        if selection is not None:
            raise UsageError(
                "--selection needs the matrix it was taken from", "add --matrix .github/matrices/<suite>.json"
            )
        return None
    loaded = [_load(path, Matrix, MATRIX_SCHEMA) for path in matrices]
    return make_plan(loaded, _load(selection, Selection, SELECTION_SCHEMA) if selection is not None else None)


@contextlib.contextmanager
def merged(inputs: Sequence[Path], plan: Plan | None) -> Iterator[View]:
    """The merged report; its records can be read until the block ends."""
    with tempfile.TemporaryDirectory(prefix="e2eshard-merge-") as name:
        spool = Path(name)
        gathered = gather(inputs, spool)
        scans, ignored = _scan_all(gathered, spool)
        if (
            plan is None
            and not scans
            and not gathered.builds
            and not any(p.kind is not ProblemKind.ABSENT for p in gathered.problems)
        ):
            where = ", ".join(str(path) for path in inputs)
            raise UsageError(f"no shard's results found in {where}", "give the folder that holds records.jsonl files")
        builds = admit_builds(gathered.builds, plan)
        built = {case for each in builds.scans for case in (*each.spans, *each.started)}
        joined = with_builds(join(plan, scans, built), builds, spool)
        noted = Noted()
        with SpooledRecords(joined.decisions) as records:
            counts = tally(noted.passing(records))
            standing = {decision.case: decision.label for decision in joined.decisions}
            sources = list(_op_sources(gathered, scans, joined))
            with gathered_ops(sources, noted, standing, spool, planned=joined.planned) as found:
                problems = (
                    *joined.problems,
                    *builds.problems,
                    *gathered.problems,
                    *ignored,
                    *_mixed_tools(scans, joined),
                )
                head = _head(joined, scans, counts, (*problems, *found.problems))
                head = msgspec.structs.replace(head, minutes=pace(plan.shards if plan else (), head.shards))
                ops = found.ops.summary() if found.ops is not None else None
                yield View(msgspec.structs.replace(head, ops=ops), records, found.ops)


def _load(path: Path, kind: type[T], schema: str) -> T:
    try:
        value = decode(path.read_bytes(), kind)
    except (OSError, msgspec.MsgspecError, UnicodeError) as error:
        raise UsageError(
            f"{path} is no {kind.__name__.lower()}: {error}", "run python -m generator to write it anew"
        ) from None
    if value.schema != schema:
        raise UsageError(f"{path} has schema {value.schema!r}, this program reads {schema!r}")
    return value


def _scan_all(gathered: Gathered, spool: Path) -> tuple[list[Scan], list[Problem]]:
    scans: list[Scan] = []
    ignored: list[Problem] = []
    for source in gathered.sources:
        found = scan(source, spool)
        if found is not None:
            scans.append(found)
        else:
            text = "a merged report, not a shard's results"
            ignored.append(Problem(kind=ProblemKind.IGNORED, text=text, file=source.label, red=False))
    return scans, ignored


def _op_sources(gathered: Gathered, scans: Sequence[Scan], joined: Joined) -> Iterator[OpSource]:
    """The folders of which something is taken."""
    of_label = {scan.label: scan for scan in scans}
    for source in gathered.sources:
        scan = of_label.get(source.label)
        if scan is not None and scan.digest in joined.admitted:
            yield OpSource(source, scan.suite, scan.target)


def _head(joined: Joined, scans: Sequence[Scan], counts: Tally, problems: Sequence[Problem]) -> ReportHead:
    shards = tuple(
        _shard(scan, joined) for scan in sorted(scans, key=lambda s: (s.suite, s.target, s.shard or 0, s.label))
    )
    suites = tuple(dict.fromkeys(group.suite for group in counts.groups))
    targets = tuple(sorted({group.target for group in counts.groups}))
    digests = {entry.matrix_digest for entry in shards if entry.taken}
    times = [(e.provenance.started, e.provenance.finished) for e in shards if e.taken]
    return ReportHead(
        suite=suites[0] if len(suites) == 1 else "",
        target=targets[0] if len(targets) == 1 else "",
        matrix_digest=digests.pop() if len(digests) == 1 else "",
        attempt=max((entry.attempt for entry in shards), default=1),
        provenance=Provenance(
            started=min((start for start, _ in times if start), default=""),
            finished=max((end for _, end in times if end), default=""),
        ),
        suites=suites,
        targets=targets,
        planned=joined.planned,
        partial=joined.partial,
        partial_detail=joined.partial_detail,
        red=counts.red or not joined.decisions or any(problem.red for problem in problems),
        totals=counts.totals,
        flaky=counts.flaky,
        unchecked=counts.unchecked,
        groups=counts.groups,
        skips=counts.skips,
        signatures=counts.signatures,
        problems=tuple(sorted(problems, key=lambda p: (not p.red, p))),
        missing=counts.missing,
        superseded=tuple(_superseded(entry) for entry in joined.superseded),
        shards=shards,
    )


def _shard(scan: Scan, joined: Joined) -> ShardEntry:
    return ShardEntry(
        suite=scan.suite,
        target=scan.target,
        shard=scan.shard,
        attempt=scan.attempt,
        file=scan.label,
        matrix_digest=scan.matrix_digest,
        planned=scan.planned,
        recorded=len(scan.entries),
        taken=joined.taken.get(scan.label, 0),
        complete=scan.complete,
        provenance=scan.provenance,
    )


def _superseded(entry: Entry) -> Superseded:
    with Path(entry.path).open("rb") as file:
        file.seek(entry.offset)
        record = decode_record(file.read(entry.length))
    return Superseded(
        case=entry.case,
        attempt=entry.attempt,
        outcome=record.outcome,
        exit_status=record.exit_status,
        signature=record.error.signature if record.error is not None else "",
        seconds=record.seconds,
    )


def _mixed_tools(scans: Sequence[Scan], joined: Joined) -> Iterator[Problem]:
    """A suite's target judged by two builds of one tool is no single verdict: said, not refused."""
    seen: dict[tuple[str, str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for item in scans:
        for tool in item.provenance.tools if joined.taken.get(item.label) else ():
            build = " ".join(part for part in (tool.version, tool.build, tool.sha256[:12]) if part)
            seen[item.suite, item.target, tool.name][build].append(item.label)
    for (suite, target, name), builds in sorted(seen.items()):
        if len(builds) > 1:
            told = "; ".join(f"{build} in {len(files)} shard(s)" for build, files in sorted(builds.items()))
            text = f"{suite} on {target} used different builds of {name}: {told}"
            yield Problem(kind=ProblemKind.MIXED_TOOLS, text=text, red=False)
