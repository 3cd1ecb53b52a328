"""A suites folder turned into targets and suites with all their cases - or into every finding at once."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec

from schemas.case import Case
from schemas.errors import ManifestError, UsageError
from schemas.target import Target
from schemas.words import Depth, Extra
from suites.assemble import EVERYTHING, Assembled, Part, assemble
from suites.extras import extras_of
from suites.findings import Findings, did_you_mean
from suites.known import Known, Model
from suites.targets import Targets
from suites.timings import Timings


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """One manifest with its cases, sorted by id; `file` is its path from the working directory."""

    name: str
    description: str
    schedule: str | None
    depth: Depth
    targets: tuple[str, ...]
    pull_request: bool
    file: str
    sha256: str
    cases: tuple[Case, ...]
    extras: dict[str, tuple[Extra, ...]] = {}  # by case id, of those that need any

    def cases_for(self, target: str) -> tuple[Case, ...]:
        """The cases on one target, sorted by id."""
        return tuple(case for case in self.cases if case.target == target)

    def extras_of(self, case: Case) -> tuple[Extra, ...]:
        """What a case needs installed beside the base."""
        return self.extras.get(case.id, ())


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a suites folder declares."""

    root: Path
    targets: tuple[Target, ...]
    suites: tuple[Suite, ...]
    declared: Targets  # the same targets with their places in the file
    known: Known  # the models that a manifest may name
    own: dict[str, Model]  # those that manifests bring along
    timings: Timings

    def model(self, name: str) -> Model:
        """A model by name; raises KeyError."""
        return self.own[name] if name in self.own else self.known[name]

    def suite(self, name: str) -> Suite:
        """A suite by name; raises `UsageError` that offers close names."""
        for suite in self.suites:
            if suite.name == name:
                return suite
        names = [suite.name for suite in self.suites]
        raise UsageError(f"there is no suite {name!r} in {self.root}", did_you_mean(name, names))

    def target(self, name: str) -> Target:
        """A target by name; raises `UsageError` that offers close names."""
        for target in self.targets:
            if target.name == name:
                return target
        names = [target.name for target in self.targets]
        raise UsageError(f"there is no target {name!r} in {self.root}/targets.yaml", did_you_mean(name, names))


def load(suites_dir: Path, *, unlisted: bool = False, part: Part = EVERYTHING) -> Workspace:
    """Read and check a folder; raises `ManifestError` with all findings, sorted by place.

    With `unlisted` a model need not be in a list: whoever writes one runs it first. Of a `part` the suites that are not
    in it are missing, those that are have no cases on other targets, and how suites fit together is not checked.
    """
    findings = Findings()
    assembled = assemble(suites_dir, findings, unlisted=unlisted, part=part)
    if findings:
        raise ManifestError(findings.all())
    return Workspace(
        root=suites_dir,
        targets=_targets(assembled),
        suites=_suites(assembled),
        declared=assembled.targets,
        known=assembled.known,
        timings=assembled.timings,
        own={
            one.case.model: one.chosen.model
            for each in assembled.planned.values()
            for one in each
            if one.case.model not in assembled.known
        },
    )


def _targets(assembled: Assembled) -> tuple[Target, ...]:
    return tuple(declared.target for _, declared in sorted(assembled.targets.declared.items()))


def _suites(assembled: Assembled) -> tuple[Suite, ...]:
    cases: dict[str, list[Case]] = defaultdict(list)
    for suite, planned in assembled.planned.items():
        cases[suite] = [one.case for one in planned]
    return tuple(
        Suite(
            name=manifest.suite,
            description=manifest.description,
            schedule=manifest.schedule,
            depth=manifest.depth,
            targets=tuple(entry.value for entry in manifest.targets),
            pull_request=manifest.pull_request,
            file=manifest.file,
            sha256=manifest.sha256,
            cases=tuple(cases[manifest.suite]),
            extras={
                one.case.id: extras
                for one in assembled.planned.get(manifest.suite, ())
                if (extras := extras_of(one.case, one.chosen.model))
            },
        )
        for manifest in sorted(assembled.manifests, key=lambda manifest: manifest.suite)
        if manifest.suite in assembled.planned
    )
