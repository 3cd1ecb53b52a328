"""A suite's cases turned into findings about models that no op-by-op suite looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from schemas.case import Expectation
from schemas.errors import Location
from schemas.words import Lowering, Mode, Outcome, Stage
from suites import catalog
from suites.expand import Planned
from suites.fields import Entry
from suites.findings import Findings, did_you_mean
from suites.known import Model
from suites.manifest import Manifest
from suites.wording import some

Place = tuple[str, str]  # a model and a target


def chief(cases: Iterable[Planned]) -> dict[Place, Planned]:
    """The case that speaks for a model on a target: in the model's usual mode and lowering, on its usual path."""
    found: dict[Place, Planned] = {}
    for one in cases:
        place = (one.case.model, one.case.target)
        if place not in found or rank(one) < rank(found[place]):
            found[place] = one
    return found


def rank(one: Planned) -> tuple[int, int, int]:
    """Least for the case that speaks for its model."""
    case = one.case
    return rank_of(one.chosen.model, case.mode, case.lowering, case.path)


def rank_of(model: Model, mode: Mode, lowering: Lowering, path: str) -> tuple[int, int, int]:
    """Usual mode first, then usual lowering, then the model's paths in their order."""
    paths = tuple(map(str, model.paths_in(mode)))
    place = paths.index(path) if path in paths else len(paths)
    return int(mode is not model.default_mode), int(lowering is not Lowering.TORCH), place


def in_bring_up(expected: Expectation | None) -> bool:
    """Whether a failure is declared that comes before outputs are found to differ."""
    return expected is not None and (expected.stage is not Stage.COMPARISON or expected.outcome is not Outcome.FAIL)


def is_exempt(model: Model) -> bool:
    """The catalogue's cases and other suites' definitions need no twin.

    Op by op the first are what they are already; the second are run by their tools, as a whole.
    """
    return model.imported is not None or model.name in catalog.by_name()


def check_twins(
    manifests: list[Manifest], planned: dict[str, tuple[Planned, ...]], findings: Findings, *, complete: bool
) -> None:
    """`twin-in` and `twin-in-bring-up` name the suites that must run, on the same target, what this one runs."""
    by_name = {manifest.suite: manifest for manifest in manifests}
    for manifest in manifests:
        named = (manifest.twin_in, manifest.twin_in_bring_up)
        known = True
        for entry in named:
            if entry is not None and entry.value not in by_name:
                known = False
                if complete:
                    findings.add(entry.at, f"unknown suite {entry.value!r}", did_you_mean(entry.value, by_name))
            elif entry is not None and entry.value == manifest.suite:
                known = False
                findings.add(entry.at, "a suite cannot be its own twin", "name another suite")
        if known and any(named):
            _check_one(manifest, planned, findings)


def _check_one(manifest: Manifest, planned: dict[str, tuple[Planned, ...]], findings: Findings) -> None:
    named = {entry.value for entry in (manifest.twin_in, manifest.twin_in_bring_up) if entry is not None}
    there = {suite: {(one.case.model, one.case.target) for one in planned[suite]} for suite in named}
    missing: dict[tuple[Location, str, str, bool], list[str]] = defaultdict(list)
    for (model, target), one in sorted(chief(planned[manifest.suite]).items()):
        failing = in_bring_up(one.case.expectation)
        twin = _twin(manifest, failing=failing)
        if twin is None or is_exempt(one.chosen.model) or one.case.skip is not None:
            continue
        if (model, target) not in there[twin.value]:
            entry = one.chosen.entries[-1]
            at = (entry.name or entry.onnx or entry.python or entry.tag or entry).at
            missing[at, target, twin.value, failing].append(model)
    for (at, target, suite, failing), models in missing.items():
        why = f"expected to fail on {target}" if failing else f"run on {target}"
        message = f"{some(models)} {why} in suite {manifest.suite}, and not in suite {suite} there"
        findings.add(at, message, f"add the models to {suite}.yaml for {target}, or take them out here")


def _twin(manifest: Manifest, *, failing: bool) -> Entry | None:
    if failing and manifest.twin_in_bring_up is not None:
        return manifest.twin_in_bring_up
    return manifest.twin_in
