"""A folder of `onnx_ops` turned into models: one for each folder below it that has a file of runtime flags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas.errors import Location
from schemas.imported import Definition, ModuleDefinition, TestType
from schemas.target import Target
from suites.imported import keys
from suites.imported.fits import Wanted, wanted
from suites.imported.model import ImportedModel, Request, Resolved, joined
from suites.imported.opsconfig import RUNS, OpsConfig, read_config
from suites.nodes import shown

FLAGS_FILE = "run_module_io_flags.txt"


def read(request: Request) -> list[ImportedModel]:
    """Every test, by name: its folder's path from the entry's, as the configuration's lists have it."""
    config = read_config(request, keys.OPS_CONFIG)
    if config is None:
        return []
    root = request.real(request.directory)
    meant = wanted(config.compile_flags, config.run_flags)
    found = (_read(path.parent, root, request, config, meant) for path in sorted(root.rglob(FLAGS_FILE)))
    return [model for model in found if model is not None]


def _read(folder: Path, root: Path, request: Request, config: OpsConfig, meant: Wanted) -> ImportedModel | None:
    test = folder.relative_to(root).as_posix()
    at = Location(shown(folder / FLAGS_FILE), 1, 1)
    modules = sorted(folder.glob("*.mlir*"))
    if len(modules) != 1:
        said = "no .mlir file" if not modules else f"{len(modules)} .mlir files"
        request.findings.add(at, f"{said} beside it: which module is meant?", "keep exactly one there")
        return None
    cwd = joined(request.directory, test)
    definition = Definition(
        format=request.format,
        type=TestType.QUALITY,
        cwd=cwd,
        modules=(
            ModuleDefinition(name=modules[0].stem, source=joined(cwd, modules[0].name), flags=config.compile_flags),
        ),
        run_flags=config.run_flags,
        flagfile=FLAGS_FILE,
        strict=request.strict,
    )
    return ImportedModel(
        name=test,
        place=cwd,
        at=at,
        markers=(str(TestType.QUALITY), config.name, *meant.tags),
        tags=tuple(dict.fromkeys((str(TestType.QUALITY), *meant.tags))),
        on=_placed(definition, meant, config, test),
        wants=str(meant),
        config=request.config or "",
        test=test,
        runs=RUNS,
    )


def _placed(definition: Definition, meant: Wanted, config: OpsConfig, test: str) -> Callable[[Target], Resolved | None]:
    def on(target: Target) -> Resolved | None:
        if not meant.fits(target):
            return None
        return Resolved(
            definition=definition,
            depth=config.depth(test),
            skip=config.skip(test),
            expectation=config.expectation(test),
        )

    return on
