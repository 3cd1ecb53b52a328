"""A folder of `torch_ops` turned into models: one for each `run_module_io.json`, named after its two folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas.errors import Location
from schemas.imported import (
    AllClose,
    Argument,
    ArgumentFile,
    Definition,
    Formula,
    GoldenFigure,
    GoldenKind,
    ModuleDefinition,
    TestType,
    is_address,
)
from schemas.target import Target
from schemas.words import Stage
from suites.fields import Table
from suites.imported import keys
from suites.imported.fits import Wanted, wanted
from suites.imported.jsonfile import JsonFile
from suites.imported.model import ImportedModel, Request, Resolved, joined
from suites.imported.opsconfig import OpsConfig, read_config
from suites.imported.torch_models import DEFAULT_FACTOR

TEST_FILE = "run_module_io.json"
#: Their tool expects only what `iree-run-module` refuses: results that differ are told by NumPy, and never expected.
_RUNS = (Stage.COMPILED_INFERENCE, Stage.BENCHMARK)


def read(request: Request) -> list[ImportedModel]:
    """Every test; the configuration's lists name it by its last two folders."""
    config = read_config(request, keys.TORCH_OPS_CONFIG)
    if config is None:
        return []
    root = request.real(request.directory)
    meant = wanted(config.compile_flags, config.run_flags)
    found = (_read(path, root, request, config, meant) for path in sorted(root.rglob(TEST_FILE)))
    return [model for model in found if model is not None]


def _read(path: Path, root: Path, request: Request, config: OpsConfig, meant: Wanted) -> ImportedModel | None:
    file = JsonFile(path, request.findings)
    table = file.table(keys.TORCH_OPS_TEST, "test")
    if table is None:
        return None
    relative = path.parent.relative_to(root).as_posix()
    test = "/".join(path.parent.absolute().parts[-2:])
    definition = _definition(table, joined(request.directory, relative), test, request, config)
    if definition is None:
        return None
    kind = str(definition.type)
    return ImportedModel(
        name=relative,
        place=joined(request.directory, relative, TEST_FILE),
        at=Location(file.shown, 1, 1),
        markers=(kind, config.name, *meant.tags),
        tags=tuple(dict.fromkeys((kind, *meant.tags))),
        on=_placed(definition, meant, config, test),
        wants=str(meant),
        config=request.config or "",
        test=test,
        runs=_RUNS,
    )


def _placed(definition: Definition, meant: Wanted, config: OpsConfig, test: str) -> Callable[[Target], Resolved | None]:
    def on(target: Target) -> Resolved | None:
        if not meant.fits(target):
            return None
        return Resolved(
            definition=definition,
            depth=config.depth(test),
            skip=config.skip(test),
            expectation=config.expectation(test, _RUNS),
        )

    return on


def _definition(table: Table, cwd: str, test: str, request: Request, config: OpsConfig) -> Definition | None:
    benchmark = _value(table, "mode", "compare") == "benchmark"
    inputs = _arguments(table, "flat_args", cwd, request)
    expected = _arguments(table, "expected_output", cwd, request)
    if inputs is None or expected is None:
        return None
    if not benchmark and not expected:
        message = "a test of the mode compare has no `expected_output`"
        request.findings.add(Location(table["flat_args"].at.file, 1, 1), message, "add it, or the mode benchmark")
        return None
    close = AllClose(
        rtol=float(str(_value(table, "rtol", 1e-5))),
        atol=float(str(_value(table, "atol", 1e-8))),
        equal_nan=bool(_value(table, "equal_nan", False)),
    )
    source = joined(cwd, str(_value(table, "file_name", "test.mlir")))
    return Definition(
        format=request.format,
        type=TestType.BENCHMARK if benchmark else TestType.QUALITY,
        cwd=cwd,
        modules=(ModuleDefinition(name=Path(source).stem, source=source, flags=config.compile_flags),),
        inputs=inputs,
        expected=() if benchmark else tuple(each for each in expected if isinstance(each, ArgumentFile)),
        function=str(_value(table, "function_name", "main")),
        run_flags=config.run_flags,
        seed=int(str(_value(table, "seed", 0))),
        allclose=None if benchmark else close,
        goldens=_goldens(config, test, request) if benchmark else (),
        strict=request.strict,
    )


def _goldens(config: OpsConfig, test: str, request: Request) -> tuple[GoldenFigure, ...]:
    times: Table = config.table["golden_times_ms"].value if "golden_times_ms" in config.table else Table()
    if test not in times:
        return ()
    factor = float(str(_value(config.table, "tolerance_factor", DEFAULT_FACTOR)))
    where = f"{request.config}#golden_times_ms#{test}"
    return (
        GoldenFigure(
            name="golden_time_ms", kind=GoldenKind.TIME, value=float(times[test].value), factor=factor, where=where
        ),
    )


def _arguments(table: Table, name: str, cwd: str, request: Request) -> tuple[Argument, ...] | None:
    """Formulas and .npy files; a `value` is a file's path from the test's folder."""
    made: list[Argument] = []
    for entry in table[name].value if name in table else ():
        fields: Table = entry.value
        if not fields:
            request.findings.add(entry.at, f"{name}: nothing is given", "give `Formula`, `url` or `value`")
            return None
        if "Formula" in fields:
            made.append(_formula(fields["Formula"].value))
            continue
        reference = str(fields["url" if "url" in fields else "value"].value)  # their tool prefers the address too
        made.append(ArgumentFile(place=reference if is_address(reference) else joined(cwd, reference)))
    return tuple(made)


def _formula(table: Table) -> Formula:
    return Formula(
        shape=tuple(int(each.value) for each in table["shape"].value),
        dtype=str(_value(table, "dtype", "float32")),
        coeff=float(str(_value(table, "coeff", 1.0))),
        offset=float(str(_value(table, "offset", 0.0))),
    )


def _value(table: Table, name: str, default: object) -> object:
    return table[name].value if name in table else default
