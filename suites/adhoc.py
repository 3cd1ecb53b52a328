"""Models that no suite has for a target turned into cases with the target's own settings, to run at once."""

from __future__ import annotations

from pathlib import Path as FilePath

import msgspec

from schemas.case import Case
from schemas.errors import Location, UsageError
from schemas.words import Depth, Lowering, Mode, Path
from suites.expand import expand
from suites.fields import Entry
from suites.findings import Findings
from suites.imported.adhoc import entry_of
from suites.layers import Layer, Settings, Traced
from suites.manifest import ADHOC, Manifest, ModelEntry
from suites.workspace import Suite, Workspace

_PLACE = Location("command line")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says instead of a manifest; None: what the model has by default."""

    path: Path | None = None
    mode: Mode | None = None
    lowering: Lowering | None = None


def adhoc_suite(workspace: Workspace, target: str, model: str, wish: Wish) -> Suite:
    """A suite of one model of the catalogue or of `models/` on one target, to the depth `execute`.

    Raises UsageError for a path or a mode that the model has not, KeyError for an unknown model.
    """
    workspace.known[model]
    layer = Layer("command line", _settings(wish), {})
    entry = ModelEntry(number=0, at=_PLACE, layer=layer, name=_entry(model))
    return as_suite(_cases(workspace, target, entry), workspace.root, target)


def definition_suite(workspace: Workspace, target: str, name: str) -> Suite:
    """Likewise of a definition of another suite by its file, or of all below a folder.

    Raises UsageError for what is no definition, or none for the target.
    """
    cases = _cases(workspace, target, entry_of(name, workspace.root))
    if FilePath(name).is_file():
        wanted = FilePath(name).absolute()
        cases = tuple(case for case in cases if (workspace.root / case.source.locator).absolute().samefile(wanted))
    if not cases:
        raise UsageError(f"{name} is not for the target {target}", "name a target that its flags are for")
    return as_suite(cases, workspace.root, target)


def _cases(workspace: Workspace, target: str, entry: ModelEntry) -> tuple[Case, ...]:
    findings = Findings()
    planned = expand(_manifest(workspace.root, target, entry), workspace.declared, workspace.known, findings)
    for finding in findings.all():
        where = f"{finding.location}: " if finding.location != _PLACE else ""
        raise UsageError(f"{where}{finding.message}", finding.remedy.partition(";")[0])
    return tuple(one.case for one in planned)


def as_suite(cases: tuple[Case, ...], root: FilePath, target: str) -> Suite:
    """The suite `adhoc` with these cases."""
    return Suite(
        name=ADHOC,
        description="Models named on the command line",
        schedule=None,
        depth=Depth.EXECUTE,
        targets=(target,),
        pull_request=False,
        file=str(root),
        sha256="",
        cases=cases,
    )


def _settings(wish: Wish) -> Settings:
    settings: Settings = {}
    for key, value in (("paths", wish.path), ("mode", wish.mode), ("lowering", wish.lowering)):
        if value is not None:
            settings[key] = (Traced(str(value), _PLACE, "command line"),)
    return settings


def _manifest(root: FilePath, target: str, entry: ModelEntry) -> Manifest:
    """As if a manifest had one line."""
    return Manifest(
        path=root / f"{ADHOC}.yaml",
        file=f"{ADHOC}.yaml",
        shown=_PLACE.file,
        sha256="",
        suite=ADHOC,
        at=_PLACE,
        header={},
        description="",
        schedule=None,
        pull_request=False,
        depth=Depth.EXECUTE,
        targets=(_entry(target),),
        disjoint_with=(),
        defaults=Layer("defaults", {}, {}),
        groups={},
        models=(entry,),
        excused=(),
    )


def _entry(value: str) -> Entry:
    return Entry(value, _PLACE, _PLACE)
