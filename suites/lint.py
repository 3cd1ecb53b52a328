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

_SHOWN = 3  # names given as examples in a finding about many models


def check_disjoint(
    manifests: list[Manifest], planned: dict[str, tuple[Planned, ...]], findings: Findings, *, complete: bool
) -> None:
    """`disjoint-with` names suites that share no model; shared ones are told in both files."""
    by_name = {manifest.suite: manifest for manifest in manifests}
    for manifest in manifests:
        for entry in manifest.disjoint_with:
            other = by_name.get(entry.value)
            if other is None:
                if complete:
                    findings.add(entry.at, f"unknown suite {entry.value!r}", did_you_mean(entry.value, by_name))
            elif other is manifest:
                findings.add(entry.at, "a suite cannot be disjoint with itself", "name another suite")
            else:
                _add_shared(planned[manifest.suite], planned[other.suite], manifest, other, findings)


def _add_shared(
    ours: tuple[Planned, ...], theirs: tuple[Planned, ...], manifest: Manifest, other: Manifest, findings: Findings
) -> None:
    """One finding an entry and file, however many models a glob shares."""
    our_entry = {one.case.model: _entry_place(one) for one in ours}
    their_entry = {one.case.model: _entry_place(one) for one in theirs}
    shared: dict[tuple[Location, Location], list[str]] = defaultdict(list)
    for model in sorted(our_entry.keys() & their_entry.keys()):
        shared[our_entry[model], their_entry[model]].append(model)
    for (here, there), models in shared.items():
        names = _some(models)
        remedy = "take the models out of one of the two, or remove `disjoint-with`"
        findings.add(here, f"{names} also in suite {other.suite} ({there}), and the two must not overlap", remedy)
        findings.add(there, f"{names} also in suite {manifest.suite} ({here}), and the two must not overlap", remedy)


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
            findings.add(excuse.at, f"excused: {_some(models)} in a list after all", "delete this entry")
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
            model.at if model.code else listed_at,
            f"{_some(models)} in no list",
            "add them to a manifest, or to `excused:` with the reason",
        )


def _some(models: list[str]) -> str:
    """`a is`, `a and b are`, `a, b, c and 17 more are`."""
    if len(models) == 1:
        return f"{models[0]} is"
    if len(models) <= _SHOWN:
        return f"{', '.join(models[:-1])} and {models[-1]} are"
    return f"{', '.join(models[:_SHOWN])} and {len(models) - _SHOWN} more are"
