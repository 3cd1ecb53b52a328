"""``partial.jsonl`` files become what is known of cases that were built on other machines, where no device spoke."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from results.join import Built, Decision, Joined
from results.journal import BAD, entry_of, lines
from results.plan import Plan
from schemas.codec import encode
from schemas.partial import PARTIALS, BuildFooter, BuildHeader, BuildStarted, CaseBuilt, Partial, PartialLine
from schemas.record import CaseRecord, Provenance
from schemas.report import Problem, ProblemKind

_LINE: msgspec.json.Decoder[PartialLine] = msgspec.json.Decoder(PartialLine)


class BuildSource(msgspec.Struct, frozen=True, kw_only=True):
    """One ``partial.jsonl``, and the name that people know its folder by."""

    label: str
    path: Path


class BuildScan(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says: where the last line of each case lies, and the cases that were begun only."""

    source: BuildSource
    digest: str  # of the file: the same one given twice counts once
    header: BuildHeader
    spans: Mapping[str, tuple[int, int]]  # by case: offset and length in bytes
    started: frozenset[str]
    complete: bool
    provenance: Provenance
    damage: str = ""


def scan_build(source: BuildSource) -> BuildScan | None:
    """One file, as far as it can be read; None where it has no header. Raises OSError."""
    header: BuildHeader | None = None
    footer: BuildFooter | None = None
    spans: dict[str, tuple[int, int]] = {}
    started: dict[str, None] = {}
    digest, damage = hashlib.sha256(), ""
    with source.path.open("rb") as file:
        for number, offset, text, whole in lines(file, digest):
            try:
                line = _LINE.decode(text)
            except BAD:
                damage = damage or (f"line {number} of {PARTIALS} is unreadable" if whole else "")
                continue
            if isinstance(line, BuildHeader):
                header = line
            elif isinstance(line, BuildStarted):
                started[line.case] = None
            elif isinstance(line, CaseBuilt):
                spans[line.partial.case] = (offset, len(text))
                started.pop(line.partial.case, None)
            else:
                footer = line
    if header is None:
        return None
    return BuildScan(
        source=source,
        digest=digest.hexdigest(),
        header=header,
        spans=spans,
        started=frozenset(started),
        complete=footer is not None,
        provenance=footer.provenance if footer is not None and footer.provenance.tools else header.provenance,
        damage=damage,
    )


def partial_at(path: Path, offset: int, length: int) -> Partial:
    """The partial record of a line that was scanned before."""
    with path.open("rb") as file:
        file.seek(offset)
        line = _LINE.decode(file.read(length))
    if not isinstance(line, CaseBuilt):
        msg = f"{path}: the line at {offset} is no partial record"
        raise TypeError(msg)
    return line.partial


class Builds(msgspec.Struct, frozen=True, kw_only=True):
    """The builds that count, the newest attempt of each shard first, and what is wrong with them and the others."""

    scans: tuple[BuildScan, ...]
    problems: tuple[Problem, ...]


def admit_builds(sources: Iterable[BuildSource], plan: Plan | None) -> Builds:
    """Reads all builds; refuses those of other cases, says which cases nobody planned, and drops repeated files."""
    kept: dict[str, BuildScan] = {}
    problems: list[Problem] = []
    for source in sorted(sources, key=lambda each: each.label):
        try:
            found = scan_build(source)
        except OSError as error:
            problems.append(_problem(ProblemKind.DAMAGED, source, f"{PARTIALS} cannot be read: {error.strerror}"))
            continue
        if found is None:
            text = f"{PARTIALS} has no readable header: nobody knows which shard's build it is"
            problems.append(_problem(ProblemKind.DAMAGED, source, text))
            continue
        first = kept.setdefault(found.digest, found)
        if first is found:
            problems += _objections(found, plan)
    scans = [each for each in kept.values() if plan is None or _planned_digest(each, plan) == each.header.matrix_digest]
    problems += _clashes(scans)
    scans.sort(key=lambda each: (-each.header.attempt, not each.complete, -len(each.spans), each.digest))
    return Builds(scans=tuple(scans), problems=tuple(problems))


def _planned_digest(scan: BuildScan, plan: Plan) -> str | None:
    return plan.digests.get((scan.header.suite, scan.header.target))


def _objections(scan: BuildScan, plan: Plan | None) -> Iterator[Problem]:
    source, header = scan.source, scan.header
    if scan.damage:
        yield _problem(ProblemKind.DAMAGED, source, scan.damage, red=False)
    if not scan.complete:
        text = f"the build was cut off after {len(scan.spans)} of {header.planned} cases"
        yield _problem(ProblemKind.CUT_OFF, source, text, red=False)  # the device's records speak
    if plan is None:
        return
    expected = _planned_digest(scan, plan)
    if expected is None:
        text = f"no matrix given plans suite {header.suite} on target {header.target}; add its --matrix"
        yield _problem(ProblemKind.UNPLANNED, source, text)
    elif expected != header.matrix_digest:
        text = f"it was built for matrix digest {header.matrix_digest[:12]}, this run's is {expected[:12]}"
        yield _problem(ProblemKind.STALE, source, text)
    else:
        strangers = tuple(sorted(case for case in (*scan.spans, *scan.started) if case not in plan.cases))
        if strangers:
            text = "builds of cases that were not planned for this run; they are not counted"
            yield Problem(kind=ProblemKind.UNPLANNED, text=text, file=source.label, cases=strangers)


def _clashes(scans: Sequence[BuildScan]) -> Iterator[Problem]:
    """A case that two builds of the same attempt speak of; the one that came further counts."""
    places: dict[tuple[int, str], list[str]] = defaultdict(list)
    for scan in scans:
        for case in scan.spans:
            places[scan.header.attempt, case].append(scan.source.label)
    alike: dict[tuple[int, tuple[str, ...]], list[str]] = defaultdict(list)
    for (attempt, case), labels in places.items():
        if len(labels) > 1:
            alike[attempt, tuple(sorted(labels))].append(case)
    for (attempt, found_in), cases in sorted(alike.items()):
        text = f"more than one build in attempt {attempt}. Found in: {', '.join(found_in)}"
        yield Problem(kind=ProblemKind.DUPLICATE, text=text, cases=tuple(sorted(cases)))


def with_builds(joined: Joined, builds: Builds, spool: Path) -> Joined:
    """The same decisions, but of a case whose device is silent what its build knew: its end, or how far it had come.

    Records of cases that ended while they were built are written below ``spool``.
    """
    newest: dict[str, BuildScan] = {}
    for scan in builds.scans:
        for case in (*scan.spans, *scan.started):
            newest.setdefault(case, scan)
    path = spool / "built.jsonl"
    with path.open("wb") as file:

        def decided(decision: Decision) -> Decision:
            scan = newest.get(decision.case)
            if scan is None or decision.entry is not None or decision.started:
                return decision
            span = scan.spans.get(decision.case)
            final = None if span is None else partial_at(scan.source.path, *span).final
            if final is None:
                return _informed(decision, scan, span)
            item = CaseRecord(record=final)
            line = encode(item) + b"\n"
            entry = entry_of(item, scan.header.attempt, line, str(path), file.tell())
            file.write(line)
            return msgspec.structs.replace(
                decision, entry=entry, why="", attempt=scan.header.attempt, label=scan.source.label
            )

        decisions = tuple(decided(each) for each in joined.decisions)
    return msgspec.structs.replace(joined, decisions=decisions)


def _informed(decision: Decision, scan: BuildScan, span: tuple[int, int] | None) -> Decision:
    where = scan.header.build_on
    if span is None:
        return msgspec.structs.replace(decision, why=f"{decision.why}; {where} had begun to build it")
    built = Built(path=str(scan.source.path), offset=span[0], length=span[1])
    return msgspec.structs.replace(
        decision, why=f"{decision.why}; its build on {where} is there", built=built, attempt=scan.header.attempt
    )


def _problem(kind: ProblemKind, source: BuildSource, text: str, *, red: bool = True) -> Problem:
    return Problem(kind=kind, text=text, file=source.label, red=red)
