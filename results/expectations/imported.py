"""A run of imported suites becomes new lists in their configuration files; what our own files declare is left over."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from results.expectations.gap import Refusal
from results.load import Row
from results.patch import Patch, read_text
from schemas.words import Depth, Outcome, Stage
from suites import workspace
from suites.imported.jsonedit import listed, set_list
from suites.imported.model import ImportedModel
from suites.targets import TARGETS_NAME

_COMPILE, _RUN = "expected_compile_failures", "expected_run_failures"
_PASSING = frozenset({Outcome.PASS, Outcome.XPASS})
_EXPECTED = frozenset({Outcome.XFAIL, Outcome.XPASS})
_FAILING = frozenset({Outcome.FAIL, Outcome.CRASH, Outcome.OOM})
_DIRECT = "@direct"


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """New texts of configuration files, what could not be declared, and the rows that our own files are about."""

    patches: tuple[Patch, ...]
    refused: tuple[Refusal, ...]
    others: tuple[Row, ...]


class _Verdict(msgspec.Struct, frozen=True):
    """The list that a test belongs to: one of the two, or none; ``compiled`` where only that is known."""

    wanted: str
    compiled: bool = False


def revise_lists(rows: Iterable[Row], suites: Path) -> Lists:
    """Writes nothing. Raises ManifestError for suites that cannot be read, E2EShardError for a file of odd form."""
    rows = tuple(rows)
    imported = _imported(rows, suites)
    verdicts: dict[str, dict[str, dict[_Verdict, Row]]] = defaultdict(lambda: defaultdict(dict))
    refused, others = [], []
    for row in rows:
        model = imported.get(row.key.rpartition("@")[0])
        in_ours = not row.listed and row.outcome in _EXPECTED
        if model is None or not model.config or in_ours:
            refused += _of_definition(row)
            others += [] if row.listed else [row]
        elif row.flaky or not row.as_declared:
            continue
        elif (found := _verdict(row, model)) is not None:
            verdicts[model.config][model.test][found] = row
        elif row.kind is not None and row.kind is not Outcome.INFRA:
            why = f"{row.kind} at {row.exit_status}, which the lists of {model.config} do not know: {row.signature}"
            refused.append(Refusal(row.case, why, "mend it, or declare it in expectations/ by hand"))
    patches = []
    for config, tests in sorted(verdicts.items()):
        patch, declined = _patch(Path(os.path.normpath(suites / config)), tests)
        refused += declined
        patches += [patch] if patch is not None else []
    return Lists(patches=tuple(patches), refused=tuple(sorted(refused)), others=tuple(others))


def _imported(rows: tuple[Row, ...], suites: Path) -> Mapping[str, ImportedModel]:
    """By model; the folder of suites is read only where a row may be of an imported suite."""
    asked = any(row.listed or row.key.endswith(_DIRECT) for row in rows)
    if not asked or not (suites / TARGETS_NAME).is_file():
        return {}
    own = workspace.load(suites, unlisted=True).own
    return {name: model.imported for name, model in own.items() if model.imported is not None}


def _of_definition(row: Row) -> list[Refusal]:
    """An expectation that stands in a definition itself is for a person to take out."""
    if row.outcome is not Outcome.XPASS or not row.listed:
        return []
    return [Refusal(row.case, f"passes, and {row.listed} expects a failure", "take that out of the definition")]


def _verdict(row: Row, model: ImportedModel) -> _Verdict | None:
    if row.outcome in _PASSING:
        return _Verdict("", compiled=row.depth is Depth.COMPILE)
    if row.kind not in _FAILING:
        return None
    if row.stage is Stage.COMPILATION:
        return _Verdict(_COMPILE)
    return _Verdict(_RUN) if row.stage in model.runs else None


def _patch(file: Path, tests: Mapping[str, Mapping[_Verdict, Row]]) -> tuple[Patch | None, list[Refusal]]:
    """One file's lists. A test that ends in several ways on several targets keeps what the file says of it."""
    old = read_text(file) or ""
    refused = []
    lists = {name: set(listed(old, name)) for name in (_COMPILE, _RUN)}
    for test, found in tests.items():
        if len(found) > 1:
            row = next(iter(found.values()))
            refused.append(Refusal(row.case, "ends in different ways on the targets of one configuration file",
                                   "give each target a configuration file of its own"))  # fmt: skip
            continue
        verdict = next(iter(found))
        for name, names in lists.items():
            if name == verdict.wanted:
                names.add(test)
            elif not (verdict.compiled and name == _RUN):
                names.discard(test)
    new = old
    for name, names in lists.items():
        if names != set(listed(old, name)):
            new = set_list(new, name, sorted(names))
    return (Patch(file=file, old=old, new=new) if new != old else None), refused
