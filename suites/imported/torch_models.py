"""A folder of `torch_models` turned into models: one a JSON file that has a `type`, with the modules that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from schemas.errors import Location
from schemas.imported import (
    ArgumentFile,
    Definition,
    FileWeights,
    GoldenFigure,
    GoldenKind,
    ModuleDefinition,
    RandomWeights,
    SplatWeights,
    TestType,
    Weights,
)
from schemas.target import Target
from schemas.words import Depth
from suites.fields import Entry, Keys, Table
from suites.findings import Findings, did_you_mean
from suites.imported import keys
from suites.imported.fits import Wanted, wanted
from suites.imported.jsonfile import JsonFile
from suites.imported.model import ImportedModel, Request, Resolved, joined, values

DEFAULT_FACTOR = 1.1
_KEYS: Mapping[str, Keys] = {
    TestType.QUALITY: keys.QUALITY,
    TestType.BENCHMARK: keys.BENCHMARK,
    TestType.COMPSTAT: keys.COMPSTAT,
}


def read(request: Request) -> list[ImportedModel]:
    """Every test below the folder, by name; JSON files without a `type` are no tests."""
    root = request.real(request.directory)
    modules = Modules(request)
    made = (_read(path, path.relative_to(root), request, modules) for path in sorted(root.rglob("*.json")))
    return [model for model in made if model is not None]


class Modules:
    """The module definitions of a folder, each read once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._read: dict[str, ModuleDefinition | None] = {}

    def named(self, entry: Entry) -> ModuleDefinition | None:
        """The definition that a test names; None with a finding where it is not there or wrong."""
        name = str(entry.value)
        if name not in self._read:
            self._read[name] = self._load(name, entry.at)
        return self._read[name]

    def _load(self, name: str, at: Location) -> ModuleDefinition | None:
        request, root = self._request, self._request.real(self._request.modules)
        path = next(
            (each for each in (root / f"{name}.json", (root / name).with_suffix(".json")) if each.is_file()), None
        )
        if path is None:
            there = [each.relative_to(root).with_suffix("").as_posix() for each in sorted(root.rglob("*.json"))]
            remedy = did_you_mean(name, there, f"modules are named from {request.modules}")
            request.findings.add(at, f"there is no module definition {name!r}", remedy)
            return None
        table = JsonFile(path, request.findings).table(keys.MODULE_FILE, "module")
        if table is None:
            return None
        return ModuleDefinition(
            name=name,
            source=request.outside(str(table["mlir"].value)),
            flags=values(table["compiler_flags"].value),
        )


def _read(path: Path, relative: Path, request: Request, modules: Modules) -> ImportedModel | None:
    file = JsonFile(path, request.findings)
    kind = file.text("type")
    if kind is None:
        return None
    table = file.table(_KEYS.get(kind, keys.TEST), "test")
    if table is None:
        return None
    definition = _definition(TestType(kind), table, request, modules, relative)
    if definition is None:
        return None
    meant = wanted([flag for each in definition.modules for flag in each.flags], definition.run_flags)
    markers = (kind, *(str(each) for each in values(table["markers"].value)))
    return ImportedModel(
        name=relative.with_suffix("").as_posix(),
        place=joined(request.directory, relative.as_posix()),
        at=Location(file.shown, 1, 1),
        markers=markers,
        tags=tuple(dict.fromkeys((*markers, *meant.tags))),
        on=_placed(definition, meant),
        wants=str(meant),
    )


def _placed(definition: Definition, meant: Wanted) -> Callable[[Target], Resolved | None]:
    depth = Depth.COMPILE if definition.type is TestType.COMPSTAT else None

    def on(target: Target) -> Resolved | None:
        return Resolved(definition=definition, depth=depth) if meant.fits(target) else None

    return on


def _definition(kind: TestType, table: Table, request: Request, modules: Modules, relative: Path) -> Definition | None:
    named = table["module" if kind is TestType.COMPSTAT else "modules"]
    if kind is TestType.COMPSTAT and len(named.value) != 1:
        request.findings.add(named.at, "module: a compstat test is about one module", "make a test of each")
        return None
    found = [modules.named(each) for each in named.value]
    weights = [_weights(each, request, modules) for each in _listed(table, "weights")]
    arguments = {name: arguments_of(table, name, request) for name in ("inputs", "outputs", "expected_outputs")}
    if None in found or None in weights or None in arguments.values():
        return None
    where = joined(request.directory, relative.as_posix())
    return Definition(
        format=request.format,
        type=kind,
        cwd=request.external,
        modules=tuple(each for each in found if each is not None),
        weights=tuple(each for each in weights if each is not None),
        inputs=arguments["inputs"] or (),
        outputs=arguments["outputs"] or (),
        expected=arguments["expected_outputs"] or (),
        run_flags=values(_listed(table, "run_args")),
        goldens=_goldens(table, where),
        strict=request.strict,
    )


def _listed(table: Table, name: str) -> tuple[Entry, ...]:
    return tuple(table[name].value) if name in table else ()


def _goldens(table: Table, where: str) -> tuple[GoldenFigure, ...]:
    factor = float(table["tolerance_factor"].value) if "tolerance_factor" in table else DEFAULT_FACTOR
    rows = (
        ("golden_time_ms", GoldenKind.TIME, factor),
        ("golden_dispatch_count", GoldenKind.DISPATCHES, 1.0),
        ("golden_binary_size", GoldenKind.SIZE, 1.0),
    )
    return tuple(
        GoldenFigure(name=name, kind=kind, value=float(table[name].value), factor=by, where=f"{where}#{name}")
        for name, kind, by in rows
        if name in table
    )


def arguments_of(table: Table, name: str, request: Request) -> tuple[ArgumentFile, ...] | None:
    """The arguments of a list; None with a finding for one that says nothing."""
    made = []
    for entry in _listed(table, name):
        fields: Table = entry.value
        if not fields:
            request.findings.add(entry.at, f"{name}: neither `url` nor `value` is given", "give one of them, or both")
            return None
        url = str(fields["url"].value) if "url" in fields else ""
        value = str(fields["value"].value) if "value" in fields else ""
        made.append(ArgumentFile(value=value, place=request.outside(url) if url else ""))
    return tuple(made)


def _weights(entry: Entry, request: Request, modules: Modules) -> Weights | None:
    table: Table = entry.value
    kind, scope = str(table["type"].value), str(table["scope"].value)
    needed, foreign = _OF_WEIGHTS[kind]
    if not _complete(entry, kind, needed, foreign, request.findings):
        return None
    if kind == "url":
        return FileWeights(request.outside(str(table["url"].value)), scope)
    module = modules.named(table["module"])
    if module is None:
        return None
    if kind == "splat":
        return SplatWeights(module.source, scope)
    return RandomWeights(module.source, int(table["seed"].value), scope)


_OF_WEIGHTS = {
    "url": (("url",), ("module", "seed")),
    "random": (("module", "seed"), ("url",)),
    "splat": (("module",), ("url", "seed")),
}


def _complete(entry: Entry, kind: str, needed: tuple[str, ...], foreign: tuple[str, ...], findings: Findings) -> bool:
    table: Table = entry.value
    for name in needed:
        if name not in table:
            findings.add(entry.at, f"weights of the type {kind}: {name!r} is missing", f'add "{name}"')
    for name in foreign:
        if name in table:
            findings.add(table[name].key, f"weights of the type {kind} have no {name!r}", "remove it")
    return all(name in table for name in needed) and not any(name in table for name in foreign)
