"""A suites folder becomes what promotion needs of it: which list runs which model on which target, and how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec

from results.promote.evidence import Place
from results.promote.records import Seen
from schemas.case import Checks, Expectation
from schemas.errors import ManifestError, UsageError
from suites.assemble import Assembled, assemble
from suites.expand import Planned
from suites.findings import Findings
from suites.known import Model
from suites.manifest import ADHOC
from suites.twins import chief, in_bring_up, is_exempt, rank_of

NIGHTLY = "nightly-execute"
WEEKLY_OPS = "weekly-op-by-op"
NIGHTLY_OPS = "nightly-op-by-op"
E2E_COMPILE = "e2e-compile"
LISTS = (NIGHTLY, WEEKLY_OPS, NIGHTLY_OPS, E2E_COMPILE)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one target as the lists have it now; ``expected`` and ``checks`` are nightly-execute's."""

    lists: frozenset[str] = frozenset()
    expected: Expectation | None = None
    checks: Checks = Checks()
    skipped: bool = False

    @property
    def trusted(self) -> bool:
        """Whether nightly-execute counts on the model to run."""
        return NIGHTLY in self.lists and not in_bring_up(self.expected)


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """The whole folder."""

    root: Path
    assembled: Assembled
    standings: Mapping[Place, Standing]
    own: Mapping[str, Model]  # models that manifests bring along
    listed: frozenset[str]  # models that any suite has

    def standing(self, place: Place) -> Standing:
        """Of a model on a target, which need not be in any list."""
        return self.standings.get(place, Standing())

    def model(self, name: str) -> Model | None:
        """A model by name."""
        return self.own.get(name) or self.assembled.known.get(name)

    def rank(self, record: Seen) -> tuple[int, int, int] | None:
        """How usual a record's case is for its model; None for what promotion leaves alone.

        That are the catalogue's cases, other suites' definitions, unknown models, and ad hoc runs of models that some
        suite has.
        """
        model = self.model(record.model)
        targets = self.assembled.targets.declared
        if model is None or is_exempt(model) or record.target not in targets:
            return None
        if record.suite == ADHOC and record.model in self.listed:
            return None
        return rank_of(model, record.mode, record.lowering, record.path)


def read_lists(root: Path) -> Lists:
    """Raises ``UsageError`` for a folder without the lists, ``ManifestError`` for one that does not load."""
    if not root.is_dir():
        raise UsageError(f"{root}: there is no such folder", "--suites names the folder with targets.yaml")
    findings = Findings()
    assembled = assemble(root, findings, unlisted=True)
    if findings:
        raise ManifestError(findings.all())
    missing = [name for name in LISTS if name not in assembled.planned]
    if missing:
        raise UsageError(
            f"{root} has no {' and no '.join(f'{name}.yaml' for name in missing)}",
            "promotion moves models between these lists; a list without a model says `models: []`",
        )
    every = [one for cases in assembled.planned.values() for one in cases]
    return Lists(
        root=root,
        assembled=assembled,
        standings=_standings(assembled.planned),
        own={one.case.model: one.chosen.model for one in every if one.case.model not in assembled.known},
        listed=frozenset(one.case.model for one in every),
    )


def _standings(planned: Mapping[str, tuple[Planned, ...]]) -> dict[Place, Standing]:
    lists: dict[Place, set[str]] = defaultdict(set)
    for name in LISTS:
        for one in planned[name]:
            lists[one.case.model, one.case.target].add(name)
    nightly = chief(planned[NIGHTLY])
    return {place: _standing(frozenset(names), nightly.get(place)) for place, names in lists.items()}


def _standing(names: frozenset[str], nightly: Planned | None) -> Standing:
    if nightly is None:
        return Standing(lists=names)
    case = nightly.case
    return Standing(lists=names, expected=case.expectation, checks=case.checks, skipped=case.skip is not None)
