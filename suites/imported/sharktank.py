"""A folder of `sharktank_models` turned into models: quality tests and benchmarks, resolved for chip and SKU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas.case import Expectation
from schemas.errors import Location
from schemas.imported import ArgumentFile, Definition, FileWeights, ModuleDefinition, SplatWeights, TestType, Weights
from schemas.target import Target
from schemas.words import Depth, Stage
from suites.fields import Table
from suites.findings import Findings
from suites.imported import keys
from suites.imported.fits import Wanted, wanted
from suites.imported.jsonfile import JsonFile
from suites.imported.model import ImportedModel, Request, Resolved, joined, values
from suites.imported.opsconfig import RUNS
from suites.imported.sharktank_benchmark import QualityTest, benchmark_of, sku_of

#: Fields that only a benchmark has; a file with none of both is a quality test, whose `mlir` is then asked for.
_OF_BENCHMARKS = frozenset(keys.SHARKTANK_BENCHMARK) - frozenset(keys.SHARKTANK_QUALITY)
#: A file without any of them is no definition: their tools leave reports and statistics in these folders.
_FIELDS = frozenset(keys.SHARKTANK_BENCHMARK) | frozenset(keys.SHARKTANK_QUALITY)
_SUFFIXES = ("rocm", "cpu")
_SCOPE = "model"


def read(request: Request) -> list[ImportedModel]:
    """Every test below the folder. Quality tests of the module folder are those that benchmarks take modules of."""
    root = request.real(request.directory)
    found = ((path, JsonFile(path, request.findings)) for path in sorted(root.rglob("*.json")))
    files = [(path, file) for path, file in found if any(file.has(name) for name in _FIELDS)]
    quality = _QualityTests(request)
    made = [
        benchmark_of(path, path.relative_to(root), file, request, quality.of)
        if _is_benchmark(file)
        else _quality(path, path.relative_to(root), file, request)
        for path, file in files
    ]
    return [model for model in made if model is not None]


def _is_benchmark(file: JsonFile) -> bool:
    return any(file.has(name) for name in _OF_BENCHMARKS)


class _QualityTests:
    """The quality tests below the folder of modules, as benchmarks name them: `<folder>_<stem without backend>`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._found: dict[tuple[str, str], Path] = {}
        root = request.real(request.modules)
        for path in sorted(root.rglob("*.json")):
            stem, _, backend = path.stem.rpartition("_")
            if not _is_benchmark(JsonFile(path, Findings())):  # what is wrong with it, is told where it is read
                self._found.setdefault((f"{path.parent.name}_{stem}", backend), path)
        self._read: dict[Path, QualityTest | None] = {}

    def of(self, name: str, backend: str) -> QualityTest | None:
        """The quality test of a name; None where there is none, or with findings where it is wrong."""
        path = self._found.get((name, backend))
        if path is None:
            return None
        if path not in self._read:
            table = JsonFile(path, self._request.findings).table(keys.SHARKTANK_QUALITY, "test")
            self._read[path] = None if table is None else QualityTest(_on_modules(table, backend, self._request))
        return self._read[path]


def _quality(path: Path, relative: Path, file: JsonFile, request: Request) -> ImportedModel | None:
    table = file.table(keys.SHARKTANK_QUALITY, "test")
    if table is None:
        return None
    backend = path.stem.rpartition("_")[2]
    device = _text(table, "device")
    meant = wanted(_flags(table, "compiler_flags"), _flags(table, "threshold_args"), device)
    markers = tuple(dict.fromkeys((str(TestType.QUALITY), *_words(path, backend))))
    return ImportedModel(
        name=relative.with_suffix("").as_posix(),
        place=joined(request.directory, relative.as_posix()),
        at=Location(file.shown, 1, 1),
        markers=markers,
        tags=tuple(dict.fromkeys((*markers, *meant.tags))),
        on=_placed(table, backend, meant, request),
        wants=str(meant),
    )


def _words(path: Path, backend: str) -> tuple[str, ...]:
    """Their names of model and submodel, and the backend that the file's name ends with."""
    return (path.parent.name, *((backend,) if backend in _SUFFIXES else ()))


def _placed(table: Table, backend: str, meant: Wanted, request: Request) -> Callable[[Target], Resolved | None]:
    on_modules = _on_modules(table, backend, request)

    def on(target: Target) -> Resolved | None:
        if not meant.fits(target) or (backend == "rocm" and target.chip is None):
            return None
        modules, weights = on_modules(target)
        definition = Definition(
            format=request.format,
            type=TestType.QUALITY,
            cwd=request.external,
            modules=modules,
            weights=weights,
            inputs=_sourced(table, "inputs", request),
            expected=_sourced(table, "outputs", request),
            device=_text(table, "device"),
            function=_text(table, "run_function"),
            run_flags=_flags(table, "threshold_args"),
            loaded=len(modules) if _value(table, "add_pipeline_module") else 1,
            strict=request.strict,
        )
        depth = Depth.COMPILE if _value(table, "compile_only") else None
        return Resolved(definition=definition, depth=depth, expectation=_expectation(table, target))

    return on


def _on_modules(
    table: Table, backend: str, request: Request
) -> Callable[[Target], tuple[tuple[ModuleDefinition, ...], tuple[Weights, ...]]]:
    """The modules and the weights of a quality test, which depend on chip and SKU."""
    source = request.outside(str(table["mlir"].value))
    weights: Weights = SplatWeights(source, _SCOPE)
    if "real_weights" in table:
        weights = FileWeights(request.outside(str(table["real_weights"].value)), _SCOPE)

    def on(target: Target) -> tuple[tuple[ModuleDefinition, ...], tuple[Weights, ...]]:
        chip = (f"--iree-rocm-target={target.chip}",) if backend == "rocm" and target.chip else ()
        tuners: Table = table["tuner_file"].value if "tuner_file" in table else Table()
        sku = sku_of(target)
        tuner = str(tuners[sku].value) if sku in tuners else ""
        modules = [
            ModuleDefinition(
                name="model",
                source=source,
                flags=(*_flags(table, "compiler_flags"), *chip),
                library=request.outside(tuner) if tuner else "",
            )
        ]
        if "pipeline_mlir" in table:
            flags = (*_flags(table, "pipeline_compiler_flags"), *chip)
            pipeline = request.outside(str(table["pipeline_mlir"].value))
            modules.append(ModuleDefinition(name="pipeline_model", source=pipeline, flags=flags))
        return tuple(modules), (weights,)

    return on


def _expectation(table: Table, target: Target) -> Expectation | None:
    """Compiling for one of the listed chips, and else running, is expected to fail."""
    chips = table.get("compile_chip_expecting_to_fail")
    for chip in chips.value if chips else ():
        if chip.value == target.chip:
            where = f"{chip.at.file}:{chip.at.line}"
            return Expectation(stage=Stage.COMPILATION, signature="", where=where, anyhow=(Stage.COMPILATION,))
    running = table.get("run_test_expecting_to_fail")
    if running is None or not running.value:
        return None
    where = f"{running.at.file}:{running.at.line}"
    return Expectation(stage=Stage.COMPILED_INFERENCE, signature="", where=where, anyhow=RUNS)


def _sourced(table: Table, name: str, request: Request) -> tuple[ArgumentFile, ...]:
    rows: list[Table] = [entry.value for entry in table[name].value] if name in table else []
    return tuple(
        ArgumentFile(value=_text(row, "value"), place=request.outside(str(row["source"].value))) for row in rows
    )


def _flags(table: Table, name: str) -> tuple[str, ...]:
    return values(table[name].value) if name in table else ()


def _text(table: Table, name: str) -> str:
    return str(table[name].value) if name in table else ""


def _value(table: Table, name: str) -> bool:
    return name in table and bool(table[name].value)
