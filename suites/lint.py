"""All manifests of a folder turned into findings about how they fit together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from schemas.errors import Location
from suites import catalog
from suites.excuses import Excuse
from suites.expand import Planned
from suites.findings import Findings, did_you_mean
from suites.known import Known
from suites.manifest import Manifest
from suites.nodes import shown
from suites.select import matching
from suites.wording import some

_MEND = "take the models out of one of the two, or remove"


def check_disjoint(
    manifests: list[Manifest], planned: dict[str, tuple[Planned, ...]], findings: Findings, *, complete: bool
) -> None:
    """`disjoint-with` names suites that share no model, `disjoint-per-target-with` those that share none on a target.

    Shared ones are told in both files.
    """
    by_name = {manifest.suite: manifest for manifest in manifests}
    for manifest in manifests:
        for key, entries in (
            ("disjoint-with", manifest.disjoint_with),
            ("disjoint-per-target-with", manifest.disjoint_per_target_with),
        ):
            for entry in entries:
                other = by_name.get(entry.value)
                if other is None:
                    if complete:
                        findings.add(entry.at, f"unknown suite {entry.value!r}", did_you_mean(entry.value, by_name))
                elif other is manifest:
                    findings.add(entry.at, "a suite cannot be disjoint with itself", "name another suite")
                else:
                    _add_shared(planned, manifest, other, key, findings)


def _add_shared(
    planned: dict[str, tuple[Planned, ...]], manifest: Manifest, other: Manifest, key: str, findings: Findings
) -> None:
    """One finding an entry, file and target (where that matters), however many models a glob shares."""
    per_target = key != "disjoint-with"
    ours, theirs = (_entries(planned[one.suite], per_target=per_target) for one in (manifest, other))
    shared: dict[tuple[Location, Location, str], list[str]] = defaultdict(list)
    for place in sorted(ours.keys() & theirs.keys()):
        shared[ours[place], theirs[place], place[1]].append(place[0])
    for (here, there, target), models in shared.items():
        names, where = some(models), f" on {target}" if target else ""
        told = f"{where}, and the two must not overlap{' there' if target else ''}"
        remedy = f"{_MEND} `{key}`"
        findings.add(here, f"{names} also in suite {other.suite} ({there}){told}", remedy)
        findings.add(there, f"{names} also in suite {manifest.suite} ({here}){told}", remedy)


def _entries(cases: tuple[Planned, ...], *, per_target: bool) -> dict[tuple[str, str], Location]:
    """Where each model (on each target) is chosen."""
    return {(one.case.model, one.case.target if per_target else ""): _entry_place(one) for one in cases}


def _entry_place(one: Planned) -> Location:
    entry = one.chosen.entries[-1]
    return (entry.name or entry.onnx or entry.python or entry.tag or entry).at


def check_listed(
    suites_dir: Path,
    planned: dict[str, tuple[Planned, ...]],
    known: Known,
    excuses: list[Excuse],
    findings: Findings,
) -> None:
    """Every model this folder owns is in a list or excused; an excuse that excuses nothing is told too.

    A folder owns its own model files, and the catalogue when the catalogue's file lies in it.
    """
    listed = {one.case.model for cases in planned.values() for one in cases}
    names = list(known)
    excused: set[str] = set()
    for excuse in excuses:
        models = matching(excuse.pattern, names)
        if not models:
            findings.add(
                excuse.at, f"excused: {excuse.pattern!r} matches no model", did_you_mean(excuse.pattern, names)
            )
        elif listed.issuperset(models):
            findings.add(excuse.at, f"excused: {some(models)} in a list after all", "delete this entry")
        excused.update(models)
    if not planned:
        return
    whole = (suites_dir / catalog.CATALOG_NAME).is_file()
    missing: dict[str, list[str]] = defaultdict(list)
    for name in names if whole else known.files:
        if name not in listed and name not in excused:
            missing[name.rpartition("/")[0]].append(name)
    for models in missing.values():
        model = known[models[0]]
        listed_at = Location(f"{shown(suites_dir)}/{catalog.CATALOG_NAME}", model.at.line, 1)
        findings.add(
            model.at if model.code or model.place else listed_at,
            f"{some(models)} in no list",
            "add them to a manifest, or to `excused:` with the reason",
        )
