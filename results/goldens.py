"""A run of imported suites becomes new goldens in their definitions: improved ones, and missed ones on demand."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec

from results.expectations.gap import Refusal
from results.load import SlimReport, read
from results.patch import Patch, read_text
from schemas.case import Case, Setting
from schemas.errors import E2EShardError
from schemas.figures import Compared, Standing, compared
from schemas.imported import GoldenKind
from schemas.words import Outcome
from suites import workspace
from suites.imported.jsonedit import set_number

_DIGITS = 3  # of a time: more would say what nobody measured


class _Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a record that goldens need; the decoder skips all others."""

    case: str
    outcome: Outcome
    flaky: bool = False
    settings: tuple[Setting, ...] = ()
    metrics: dict[str, float] = {}


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """The changes that a run asks for, a line for each, and what could not be changed."""

    patches: tuple[Patch, ...]
    lines: tuple[str, ...]
    refused: tuple[Refusal, ...]


def refresh(run: Path, suites: Path, *, worse: bool = False) -> Refresh:
    """Improved goldens as measured; with ``worse`` also those that were missed. Writes nothing.

    Flaky cases and those run with other settings than their manifest's are left out. Raises UsageError for a run that
    cannot be read, ManifestError for suites that cannot.
    """
    wanted = (Standing.IMPROVED, Standing.MISSED) if worse else (Standing.IMPROVED,)
    cases = {case.id: case for suite in workspace.load(suites, unlisted=True).suites for case in suite.cases}
    changes: dict[str, dict[tuple[str, ...], tuple[float, str]]] = defaultdict(dict)
    for record in read(run, SlimReport[_Measured], _Measured).records:
        case = cases.get(record.case)
        if case is None or record.flaky or record.settings:
            continue
        for each in compared(record.metrics):
            if each.standing in wanted:
                _note(case, each, changes)
    return _patched(suites, changes)


def _note(case: Case, found: Compared, changes: dict[str, dict[tuple[str, ...], tuple[float, str]]]) -> None:
    definition = case.definition
    for golden in definition.goldens if definition is not None else ():
        place, *path = golden.where.split("#")
        if golden.kind is not found.figure.kind or not path:
            continue
        value = _shown(found)
        told = f"{case.id}: {golden.name} {found.golden:g} -> {value:g} ({found.delta})"
        earlier = changes[place].get(tuple(path))
        if earlier is None or value > earlier[0]:  # one golden of several targets must hold on all
            changes[place][tuple(path)] = value, told


def _shown(found: Compared) -> float:
    if found.figure.kind is GoldenKind.TIME:
        return float(f"{found.measured:.{_DIGITS}g}")
    return int(found.measured)


def _patched(suites: Path, changes: Mapping[str, Mapping[tuple[str, ...], tuple[float, str]]]) -> Refresh:
    patches, lines, refused = [], [], []
    for place, goldens in sorted(changes.items()):
        file = Path(os.path.normpath(suites / place))
        old = new = read_text(file) or ""
        for path, (value, told) in sorted(goldens.items()):
            try:
                new = set_number(new, path, value)
            except E2EShardError as error:
                refused.append(Refusal(told, str(error), "change it by hand"))
            else:
                lines.append(told)
        if new != old:
            patches.append(Patch(file=file, old=old, new=new))
    return Refresh(patches=tuple(patches), lines=tuple(lines), refused=tuple(refused))
