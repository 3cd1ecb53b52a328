"""A sharktank benchmark and the quality tests whose modules it takes, turned into a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from schemas.case import Skip
from schemas.errors import Location
from schemas.imported import (
    ArgumentFile,
    Definition,
    FileWeights,
    GoldenFigure,
    GoldenKind,
    ModuleDefinition,
    TestType,
    Weights,
    is_address,
)
from schemas.target import Target
from schemas.words import SkipReason
from suites.fields import Table
from suites.imported import keys
from suites.imported.fits import Wanted, family, wanted
from suites.imported.jsonfile import JsonFile
from suites.imported.model import ImportedModel, Request, Resolved, joined, values
from suites.imported.torch_models import DEFAULT_FACTOR

Parts = tuple[tuple[ModuleDefinition, ...], tuple[Weights, ...]]
_GOLDENS = (
    ("golden_time_ms", GoldenKind.TIME),
    ("golden_dispatch", GoldenKind.DISPATCHES),
    ("golden_size", GoldenKind.SIZE),
)
_FACTORS = "golden_time_tolerance_multiplier"


class QualityTest(msgspec.Struct, frozen=True):
    """The modules and weights of a quality test on a target; the first module is the one that is shared."""

    parts: Callable[[Target], Parts]


Find = Callable[[str, str], QualityTest | None]


def benchmark_of(path: Path, relative: Path, file: JsonFile, request: Request, find: Find) -> ImportedModel | None:
    """One benchmark file; None with findings. `find` gives the quality test of a name and a backend."""
    table = file.table(keys.SHARKTANK_BENCHMARK, "benchmark")
    if table is None:
        return None
    at = Location(file.shown, 1, 1)
    stem, _, backend = path.stem.rpartition("_")
    named = _flags(table, "modules") or (f"{path.parent.name}_{stem}",)
    own = _own_module(table, request, at)
    if own is None and _flag(table, "compilation_required"):
        return None
    device = str(table["device"].value) if "device" in table else ""
    meant = wanted(_flags(table, "compile_flags"), _flags(table, "benchmark_flags"), device)
    markers = tuple(dict.fromkeys((str(TestType.BENCHMARK), path.parent.name, backend)))
    sources = tuple((name, find(name, backend)) for name in named)
    place = joined(request.directory, relative.as_posix())
    made = _Benchmark(table=table, place=place, backend=backend, meant=meant, sources=sources, own=own, request=request)
    return ImportedModel(
        name=relative.with_suffix("").as_posix(),
        place=place,
        at=at,
        markers=markers,
        tags=tuple(dict.fromkeys((*markers, *meant.tags))),
        on=made.on,
        wants=str(meant),
    )


def _own_module(table: Table, request: Request, at: Location) -> ModuleDefinition | None:
    """What `compilation_required` asks to compile."""
    if not _flag(table, "compilation_required"):
        return None
    if "mlir_file_name" not in table:
        request.findings.add(at, "`compilation_required` needs `mlir_file_name`", 'add "mlir_file_name"')
        return None
    source = request.outside(str(table["mlir_file_name"].value))
    name = str(table["compiled_file_name"].value) if "compiled_file_name" in table else Path(source).stem
    return ModuleDefinition(name=name, source=source, flags=_flags(table, "compile_flags"))


class _Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark before it meets a target."""

    table: Table
    place: str
    backend: str
    meant: Wanted
    sources: tuple[tuple[str, QualityTest | None], ...]  # by the names of their modules
    own: ModuleDefinition | None
    request: Request

    def on(self, target: Target) -> Resolved | None:
        """What is run there."""
        table = self.table
        if not self.meant.fits(target) or (self.backend == "rocm" and target.chip is None):
            return None
        modules, weights = self._parts(target)
        definition = Definition(
            format=self.request.format,
            type=TestType.BENCHMARK,
            cwd=self.request.external,
            modules=modules,
            weights=weights,
            inputs=tuple(ArgumentFile(value=each) for each in _flags(table, "inputs")),
            device=str(table["device"].value) if "device" in table else "",
            function=str(table["function_run"].value) if "function_run" in table else "",
            run_flags=_benchmark_flags(table),
            goldens=_goldens(table, target, self.place),
            judged=self.own.name if self.own is not None else "",
        )
        skip = _ignored(table, target) or _lacking(self.sources, self.backend)
        return Resolved(definition=definition, skip=skip)

    def _parts(self, target: Target) -> Parts:
        """The modules of the quality tests first: the one that calls them comes last."""
        modules: list[ModuleDefinition] = []
        weights: list[Weights] = []
        for name, test in self.sources:
            if test is None:
                continue
            its, archives = test.parts(target)
            modules.append(msgspec.structs.replace(its[0], name=name))
            weights += [_renamed(each, self.table) for each in archives]
        if self.own is not None:
            chip = (f"--iree-rocm-target={target.chip}",) if self.backend == "rocm" else ()
            modules.append(msgspec.structs.replace(self.own, flags=(*self.own.flags, *chip)))
        return tuple(modules), tuple(weights)


def sku_of(target: Target) -> str:
    """The word by which figures are looked up: the target's SKU; a CPU without one is `cpu`."""
    return target.sku or ("cpu" if family(target.device) == "local" else "")


def _lacking(sources: tuple[tuple[str, QualityTest | None], ...], backend: str) -> Skip | None:
    """Their tool skips a benchmark whose modules no quality test has made."""
    missing = [name for name, test in sources if test is None]
    if not missing:
        return None
    said = (
        f"no quality test {' or '.join(missing)} for {backend} in the folder of modules, so that its module is unknown"
    )
    return Skip(SkipReason.MANIFEST, said)


def _ignored(table: Table, target: Target) -> Skip | None:
    ignored = target.chip is not None and target.chip in _flags(table, "specific_chip_to_ignore")
    return Skip(SkipReason.MANIFEST, f"specific_chip_to_ignore has {target.chip}") if ignored else None


def _renamed(weights: Weights, table: Table) -> Weights:
    """Their tool looks for a file of this name beside the quality test's archive; ours, for a file beside that one."""
    if "real_weights_file_name" not in table or not isinstance(weights, FileWeights):
        return weights
    head, slash, _ = weights.place.rpartition("/")
    name = str(table["real_weights_file_name"].value)
    if is_address(weights.place) or slash:
        return FileWeights(f"{head}/{name}", weights.scope)
    return FileWeights(name, weights.scope)


def _benchmark_flags(table: Table) -> tuple[str, ...]:
    """The flags, and those that older files have as fields of their own."""
    given = _flags(table, "benchmark_flags")
    older = tuple(
        f"--{name}={table[name].value:g}"
        for name in ("benchmark_repetitions", "benchmark_min_warmup_time")
        if name in table and not any(flag.startswith(f"--{name}=") for flag in given)
    )
    return (*older, *given)


def _goldens(table: Table, target: Target, place: str) -> tuple[GoldenFigure, ...]:
    factors: Table = table[_FACTORS].value if _FACTORS in table else Table()
    found, sku = [], sku_of(target)
    for name, kind in _GOLDENS:
        figures: Table = table[name].value if name in table else Table()
        if sku not in figures:
            continue
        factor = 1.0
        if kind is GoldenKind.TIME:
            factor = float(factors[sku].value) if sku in factors else DEFAULT_FACTOR
        value, where = float(figures[sku].value), f"{place}#{name}#{sku}"
        found.append(GoldenFigure(name=name, kind=kind, value=value, factor=factor, where=where))
    return tuple(found)


def _flags(table: Table, name: str) -> tuple[str, ...]:
    return values(table[name].value) if name in table else ()


def _flag(table: Table, name: str) -> bool:
    return name in table and bool(table[name].value)
