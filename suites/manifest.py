"""A manifest file turned into its parts - header, groups, model entries - each with its place; models come later."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from schemas.errors import Location
from schemas.words import Depth
from suites.cron import check_cron
from suites.fields import Entry, Table
from suites.findings import Findings, did_you_mean
from suites.keys import MANIFEST
from suites.layers import Layer, make_layer
from suites.nodes import parse, read_bytes, shown
from suites.read import Reader
from suites.targets import Targets, at_depth

#: Keys that say where a model lies, and those that only go with the last of them.
_FILES = ("onnx", "python", "mlir", "directory")
_OF_DIRECTORIES = ("format", "config", "markers", "module-directory", "external-file-directory", "comparison")
#: The suite of what runs without one.
ADHOC = "adhoc"


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `models:`. Exactly one of `onnx`, `python`, `mlir`, `directory`, `name` and `tag` selects.

    `name` beside one of the first four gives a name; beside `directory`, what all names begin with.
    """

    number: int
    at: Location
    layer: Layer
    name: Entry | None = None
    tag: Entry | None = None
    onnx: Entry | None = None
    python: Entry | None = None
    mlir: Entry | None = None
    directory: Entry | None = None
    format: Entry | None = None  # this and the next five belong to `directory`
    config: Entry | None = None
    markers: Entry | None = None
    module_directory: Entry | None = None
    external_file_directory: Entry | None = None
    comparison: Entry | None = None
    sha256: Entry | None = None
    exclude: tuple[Entry, ...] = ()
    group: Entry | None = None
    only: tuple[Entry, ...] = ()  # targets it is for; empty: all of the suite
    lost_group: bool = False  # names a group that does not exist


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One `suites/<suite>.yaml`. `file` is its name in matrices, `shown` its name in messages."""

    path: Path
    file: str
    shown: str
    sha256: str
    suite: str
    at: Location
    header: dict[str, Location]  # where each key of the file stands
    description: str
    schedule: str | None
    pull_request: bool
    depth: Depth
    targets: tuple[Entry, ...]
    disjoint_with: tuple[Entry, ...]
    disjoint_per_target_with: tuple[Entry, ...] = ()
    twin_in: Entry | None = None
    twin_in_bring_up: Entry | None = None
    defaults: Layer
    groups: dict[str, Layer]
    models: tuple[ModelEntry, ...]
    excused: tuple[Entry, ...]


def read_manifest(path: Path, targets: Targets, findings: Findings) -> Manifest | None:
    """The parts of one manifest; None (with findings) when not even its header can be used."""
    data = read_bytes(path, findings)
    file = shown(path)
    root = None if data is None else parse(data, file, findings)
    if data is None or root is None:
        return None
    table = Reader(file, findings).table(root, MANIFEST, path.name)
    _check_header(table, path, targets, findings)
    groups: Table = _value(table, "groups", Table())
    layers = {name: make_layer(f"group {name}", entry, targets, findings) for name, entry in groups.items()}
    models = _read_models(table, layers, targets, findings)
    _check_only(table, models, findings)
    _check_groups_used(groups, models, findings)
    if not table:
        return None
    # What is missing or wrong in the header has been told; the rest of the file is checked all the same.
    return Manifest(
        path=path,
        file=file
        if not PurePosixPath(file).is_absolute() and not file.startswith("..")
        else f"{path.parent.name}/{path.name}",
        shown=file,
        sha256=hashlib.sha256(data).hexdigest(),
        suite=_value(table, "suite", path.stem),
        at=table["suite"].at if "suite" in table else Location(file, 1, 1),
        header={key: entry.key for key, entry in table.items()},
        description=_value(table, "description", ""),
        schedule=_value(table, "schedule", None),
        pull_request=_value(table, "pull-request", False),
        depth=Depth(_value(table, "depth", Depth.EXECUTE)),
        targets=tuple(e for e in _value(table, "targets", ()) if e.value in targets.names),
        disjoint_with=_value(table, "disjoint-with", ()),
        disjoint_per_target_with=_value(table, "disjoint-per-target-with", ()),
        twin_in=table.get("twin-in"),
        twin_in_bring_up=table.get("twin-in-bring-up"),
        defaults=make_layer("defaults", table.get("defaults"), targets, findings),
        groups=layers,
        models=models,
        excused=_value(table, "excused", ()),
    )


def _value(table: Table, key: str, default: Any) -> Any:
    return table[key].value if key in table else default


def _check_header(table: Table, path: Path, targets: Targets, findings: Findings) -> None:
    suite, schedule = table.get("suite"), table.get("schedule")
    if suite and suite.value != path.stem:
        message = f"suite {suite.value!r} does not match the file's name {path.name}"
        findings.add(suite.at, message, f"write `suite: {path.stem}`, or rename the file to {suite.value}.yaml")
    if suite and suite.value == ADHOC:
        message = f"suite {ADHOC!r} is what models run in that are named on the command line and in no suite"
        findings.add(suite.at, message, "give it another name")
    if schedule:
        problem = check_cron(schedule.value)
        if problem:
            findings.add(
                schedule.at, f"schedule: {problem}", 'write five fields, in quotes: "17 2 * * *" is 02:17 UTC every day'
            )
    for entry in _value(table, "targets", ()):
        check_target_name(entry.value, entry.at, targets, findings)
        declared = targets.declared.get(entry.value)
        depth = Depth(_value(table, "depth", Depth.EXECUTE))
        if declared and _value(table, "pull-request", False) and not at_depth(declared.target, depth).hosted:
            findings.add(
                entry.at,
                f"pull requests may only start hosted machines, and {entry.value} is not one",
                "remove `pull-request: true`, or move this target to a suite without it",
            )


def check_target_name(name: str, at: Location, targets: Targets, findings: Findings) -> None:
    """A finding when targets.yaml has no such target; silent when it could not be read at all."""
    if targets.known and name not in targets.names:
        findings.add(at, f"unknown target {name!r}", did_you_mean(name, targets.names))


def _read_models(
    table: Table, groups: dict[str, Layer], targets: Targets, findings: Findings
) -> tuple[ModelEntry, ...]:
    only = _value(table, "only", ())
    entries = enumerate(_value(table, "models", ()))
    read = (_read_model(number, entry, groups, targets, findings) for number, entry in entries)
    return tuple(one if one.only else msgspec.structs.replace(one, only=only) for one in read)


def _read_model(
    number: int, entry: Entry, groups: dict[str, Layer], targets: Targets, findings: Findings
) -> ModelEntry:
    table: Table = entry.value
    selectors = [key for key in (*_FILES, "name", "tag") if key in table]
    if not selectors and not table.odd:
        remedy = "add `name:`, `tag:`, `onnx:`, `python:`, `mlir:` or `directory:`"
        findings.add(entry.at, "model: nothing says which model is meant", remedy)
    if "tag" in selectors and len(selectors) > 1:
        other = selectors[0]
        findings.add(
            table["tag"].key, f"model: `tag` and `{other}` cannot stand in one entry", "make two entries of it"
        )
    files = [key for key in _FILES if key in table]
    for key in files[1:]:
        message = f"model: `{key}` and `{files[0]}` cannot stand in one entry"
        findings.add(table[key].key, message, "make two entries of it")
    if "sha256" in table and not {"onnx", "mlir"} & table.keys():
        findings.add(table["sha256"].key, "model: `sha256` belongs to `onnx:` or `mlir:`", "remove it")
    for key in _OF_DIRECTORIES if "directory" not in {*table, *table.odd} else ():
        if key in table:
            findings.add(table[key].key, f"model: `{key}` belongs to `directory:`", "remove it, or add `directory:`")
    group, lost = table.get("group"), "group" in table.odd
    if group and group.value not in groups:
        findings.add(
            group.at, f"unknown group {group.value!r}", did_you_mean(group.value, groups, "declare it under `groups:`")
        )
        group, lost = None, True
    label = next((str(table[key].value) for key in ("name", *_FILES, "tag") if key in table), "entry")
    return ModelEntry(
        number=number,
        at=entry.at,
        layer=make_layer(f"model {label}", entry, targets, findings),
        name=table.get("name"),
        tag=table.get("tag"),
        onnx=table.get("onnx"),
        python=table.get("python"),
        mlir=table.get("mlir"),
        directory=table.get("directory"),
        **{key.replace("-", "_"): table.get(key) for key in _OF_DIRECTORIES},
        sha256=table.get("sha256"),
        exclude=_value(table, "exclude", ()),
        group=group,
        only=_value(table, "only", ()),
        lost_group=lost,
    )


def _check_only(table: Table, models: tuple[ModelEntry, ...], findings: Findings) -> None:
    suite = [entry.value for entry in _value(table, "targets", ())]
    written = dict.fromkeys((*_value(table, "only", ()), *(each for model in models for each in model.only)))
    for entry in written:
        if suite and entry.value not in suite:
            message = f"only: the suite does not run on target {entry.value!r}"
            findings.add(entry.at, message, did_you_mean(entry.value, suite, f"it runs on {', '.join(suite)}"))


def _check_groups_used(groups: Table, models: tuple[ModelEntry, ...], findings: Findings) -> None:
    used = {entry.group.value for entry in models if entry.group}
    if any(entry.lost_group for entry in models):
        return  # a misspelt group is told where it is used; it is likely one of these
    for name, entry in groups.items():
        if name not in used:
            findings.add(entry.key, f"group {name!r} is used by no model", "use it with `group:`, or remove it")
