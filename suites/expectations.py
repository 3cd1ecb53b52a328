"""`expectations/<suite>.<target>.yaml` turned into what each case is expected to do, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from schemas.case import Expectation
from schemas.errors import Location, ManifestError
from schemas.words import OWN_STAGES, Outcome, Stage
from suites.failurekeys import EXPECTATIONS_FILE
from suites.fields import Entry, Table
from suites.findings import Findings, did_you_mean
from suites.nodes import parse, read_bytes, shown
from suites.read import Reader

FOLDER = "expectations"


class ExpectedCase(msgspec.Struct, frozen=True):
    """One line under `cases:`: a case key (`model@path`) and its place."""

    key: str
    at: Location


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One declared failure and the cases that end so."""

    expectation: Expectation  # without `where`
    at: Location
    cases: tuple[ExpectedCase, ...]


class ExpectationFile(msgspec.Struct, frozen=True, kw_only=True):
    """One expectation file."""

    path: Path
    shown: str
    suite: str
    target: str
    suite_at: Location
    target_at: Location
    groups: tuple[FailureGroup, ...]

    def by_key(self) -> dict[str, Expectation]:
        """The expectation of every case key, each naming its own line."""
        return {
            case.key: msgspec.structs.replace(group.expectation, where=f"{case.at.file}:{case.at.line}")
            for group in self.groups
            for case in group.cases
        }


def file_of(folder: Path, suite: str, target: str) -> Path:
    """Where the expectations of a suite on a target stand."""
    return folder / FOLDER / f"{suite}.{target}.yaml"


def load(path: Path) -> ExpectationFile:
    """One expectation file by itself; raises `ManifestError` with all findings."""
    findings = Findings()
    made = read_expectations(path, findings)
    if findings or made is None:
        raise ManifestError(findings.all())
    return made


def read_expectations(path: Path, findings: Findings) -> ExpectationFile | None:
    """One expectation file, or None with findings when its header cannot be used."""
    data = read_bytes(path, findings)
    file = shown(path)
    root = None if data is None else parse(data, file, findings)
    if root is None:
        return None
    table = Reader(file, findings).table(root, EXPECTATIONS_FILE, path.name)
    if not {"suite", "target"} <= table.keys():
        return None
    suite, target = table["suite"], table["target"]
    if path.stem != f"{suite.value}.{target.value}":
        message = f"the file's name does not say suite {suite.value} and target {target.value}"
        findings.add(suite.at, message, f"rename it to {suite.value}.{target.value}.yaml, or correct the two lines")
    entries = table["failures"].value if "failures" in table else ()
    groups = tuple(group for entry in entries if (group := _group(entry, findings)) is not None)
    _check_repeats(groups, findings)
    return ExpectationFile(
        path=path,
        shown=file,
        suite=suite.value,
        target=target.value,
        suite_at=suite.at,
        target_at=target.at,
        groups=groups,
    )


def _group(entry: Entry, findings: Findings) -> FailureGroup | None:
    table: Table = entry.value
    if not {"signature", "stage", "cases"} <= table.keys():
        return None
    stage = Stage(table["stage"].value)
    if stage in OWN_STAGES and "cause" not in table and "cause" not in table.odd:
        findings.add(
            table["stage"].at,
            f"a failure at {stage} is not the compiler's: its cause must be written down",
            "add `cause:` and say in words why this cannot be mended here",
        )
    texts = {key: table[key].value for key in ("cause", "issue", "owner", "review") if key in table}
    outcome = Outcome(table["outcome"].value) if "outcome" in table else Outcome.FAIL
    return FailureGroup(
        expectation=Expectation(stage=stage, signature=table["signature"].value, outcome=outcome, **texts),
        at=entry.at,
        cases=tuple(ExpectedCase(item.value, item.at) for item in table["cases"].value),
    )


def _check_repeats(groups: tuple[FailureGroup, ...], findings: Findings) -> None:
    """A case stands in one group, and a failure (stage, end, signature) is one group, or one for each cause of it."""
    cases: dict[str, Location] = {}
    failures: dict[tuple[str, ...], Location] = {}
    for group in groups:
        known = group.expectation
        first = failures.setdefault((known.stage, known.outcome, known.signature, known.cause or ""), group.at)
        if first is not group.at:
            message = f"this failure is already declared on line {first.line} (same stage, outcome and signature)"
            findings.add(group.at, message, "move its cases there, or say in `cause:` what tells them apart")
        for case in group.cases:
            earlier = cases.setdefault(case.key, case.at)
            if earlier is not case.at:
                message = f"{case.key} is already expected to fail on line {earlier.line}"
                findings.add(case.at, message, "a case has one expectation: delete one of the lines")


def check_names(file: ExpectationFile, keys: Mapping[str, bool], findings: Findings) -> None:
    """Findings for lines that name no case; `keys` maps the suite's case keys on this target to whether skipped."""
    for group in file.groups:
        for case in group.cases:
            skipped = keys.get(case.key)
            if skipped is None:
                remedy = did_you_mean(case.key, keys, "delete this line")
                findings.add(case.at, f"suite {file.suite} has no case {case.key} on {file.target}", remedy)
            elif skipped:
                message = f"{case.key} is skipped, it cannot fail"
                findings.add(case.at, message, "delete this line, or the `skip:`")
