"""A suites folder turned into manifests with planned cases and expectations attached, every check done on the way."""

from __future__ import annotations

from pathlib import Path

import msgspec

from schemas.errors import Location
from suites import expectations
from suites.excuses import Excuse, read_excuses
from suites.expand import Planned, attach, expand
from suites.expectations import ExpectationFile, check_names, read_expectations
from suites.findings import Findings, did_you_mean
from suites.known import Known
from suites.lint import check_disjoint, check_listed
from suites.manifest import Manifest, read_manifest
from suites.mlirmodels import discover_mlir
from suites.nodes import shown
from suites.pythonmodels import FOLDER, discover
from suites.targets import TARGETS_NAME, Targets, read_targets
from suites.timings import Timings, read_timings
from suites.twins import check_twins

EXCUSED_NAME = "excused.yaml"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What of a folder is wanted: one suite, or one target of every suite, or both; None is all of them."""

    suite: str | None = None
    target: str | None = None


EVERYTHING = Part()


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; meaningful as a whole only when there were no findings."""

    targets: Targets
    manifests: tuple[Manifest, ...]
    planned: dict[str, tuple[Planned, ...]]  # by suite
    known: Known
    timings: Timings


def assemble(suites_dir: Path, findings: Findings, *, unlisted: bool = False, part: Part = EVERYTHING) -> Assembled:
    """Read what is below a folder; mistakes are added to `findings`. `unlisted`: models may be in no list.

    All manifests are read, but only those of the `part` are expanded; of one that nobody has declared, all are.
    """
    if not suites_dir.is_dir():
        findings.add(Location(shown(suites_dir)), "there is no such folder of suites", "check --suites")
        nothing = Targets({}, (), known=False, file="")
        return Assembled(targets=nothing, manifests=(), planned={}, known=Known({}), timings=Timings({}))
    targets = read_targets(suites_dir, findings)
    paths = _manifest_paths(suites_dir, findings)
    read = [(path, read_manifest(path, targets, findings)) for path in paths]
    manifests = _unique([manifest for _, manifest in read if manifest is not None], findings)
    known = Known({**discover(suites_dir, findings), **discover_mlir(suites_dir / FOLDER, findings)})
    part = _declared(part, manifests, targets)
    wanted = [manifest for manifest in manifests if part.suite in (None, manifest.suite)]
    planned = {manifest.suite: expand(manifest, targets, known, findings, only=part.target) for manifest in wanted}
    whole = part == EVERYTHING
    complete = all(manifest is not None for _, manifest in read)
    files = _expectation_files(suites_dir, part, manifests, targets)
    planned = _attach_all(files, targets, manifests, planned, findings, complete=complete, only=part.target)
    recorded = read_timings(suites_dir, targets.names if targets.known else None, findings, known.tags_of)
    if whole:
        check_disjoint(manifests, planned, findings, complete=complete)
        check_twins(manifests, planned, findings, complete=complete)
    if whole and complete and not unlisted:
        check_listed(suites_dir, planned, known, _excuses(suites_dir, manifests, findings), findings)
    return Assembled(targets=targets, manifests=tuple(manifests), planned=planned, known=known, timings=recorded)


def _declared(part: Part, manifests: list[Manifest], targets: Targets) -> Part:
    """The part, or everything where it is a part of nothing: who asks for it is told what there is."""
    suite = part.suite is None or any(manifest.suite == part.suite for manifest in manifests)
    return part if suite and (part.target is None or part.target in targets.declared) else EVERYTHING


def _expectation_files(suites_dir: Path, part: Part, manifests: list[Manifest], targets: Targets) -> list[Path]:
    """All but those whose names, `SUITE.TARGET.yaml`, say that they are about something else than the part."""
    suites = {manifest.suite for manifest in manifests}

    def is_about_another(path: Path) -> bool:
        suite, _, target = path.stem.partition(".")
        known = suite in suites and target in targets.declared
        return known and not (part.suite in (None, suite) and part.target in (None, target))

    found = sorted((suites_dir / expectations.FOLDER).glob("*.yaml"))
    return [path for path in found if not is_about_another(path)]


def _manifest_paths(suites_dir: Path, findings: Findings) -> list[Path]:
    special = (TARGETS_NAME, EXCUSED_NAME)
    for path in sorted([*suites_dir.glob("*.yml"), *(suites_dir / expectations.FOLDER).glob("*.yml")]):
        findings.add(
            Location(shown(path)), "would not be read: these files end in .yaml", f"rename it to {path.stem}.yaml"
        )
    paths = [path for path in sorted(suites_dir.glob("*.yaml")) if path.name not in special]
    if not paths:
        where = Location(shown(suites_dir))
        findings.add(where, "holds no manifest", "create one, say presubmit.yaml; docs/suites.md shows how")
    return paths


def _unique(manifests: list[Manifest], findings: Findings) -> list[Manifest]:
    first: dict[str, Manifest] = {}
    for manifest in manifests:
        other = first.setdefault(manifest.suite, manifest)
        if other is not manifest:
            message = f"suite {manifest.suite!r} is already declared in {other.shown}"
            findings.add(manifest.at, message, "give it a name of its own")
    return list(first.values())


def _excuses(suites_dir: Path, manifests: list[Manifest], findings: Findings) -> list[Excuse]:
    excuses = [Excuse.of(entry) for manifest in manifests for entry in manifest.excused if "name" in entry.value]
    path = suites_dir / EXCUSED_NAME
    return [*excuses, *(read_excuses(path, findings) if path.is_file() else [])]


def _attach_all(
    paths: list[Path],
    targets: Targets,
    manifests: list[Manifest],
    planned: dict[str, tuple[Planned, ...]],
    findings: Findings,
    *,
    complete: bool,
    only: str | None,
) -> dict[str, tuple[Planned, ...]]:
    """The same cases with the expectations of every file attached. `only`: what was planned is on one target."""
    by_name = {manifest.suite: manifest for manifest in manifests}
    attached = dict(planned)
    for path in paths:
        file = read_expectations(path, findings)
        if file is None:
            continue
        manifest = by_name.get(file.suite)
        if manifest is None:
            if complete:
                findings.add(file.suite_at, f"unknown suite {file.suite!r}", did_you_mean(file.suite, by_name))
            continue
        if file.target not in {entry.value for entry in manifest.targets}:
            if file.target in targets.names or targets.known:
                names = [entry.value for entry in manifest.targets]
                message = f"suite {file.suite} does not run on target {file.target!r}"
                findings.add(file.target_at, message, did_you_mean(file.target, names))
            continue
        if file.suite in attached and only in (None, file.target):
            attached[file.suite] = _attach(file, attached[file.suite], findings)
    return attached


def _attach(file: ExpectationFile, planned: tuple[Planned, ...], findings: Findings) -> tuple[Planned, ...]:
    here = {one.case.key: one.case.skip is not None for one in planned if one.case.target == file.target}
    check_names(file, here, findings)
    wanted = file.by_key()
    return tuple(
        attach(one, wanted[one.case.key]) if one.case.target == file.target and one.case.key in wanted else one
        for one in planned
    )
