"""The outcome map of `onnx_models` turned into what each model named in it is expected to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from schemas.case import Expectation, Skip, Source
from schemas.errors import Location
from schemas.imported import is_address
from schemas.target import Target
from schemas.words import Depth, SkipReason, SourceKind, Stage
from suites.fields import Entry, Table
from suites.imported import keys
from suites.imported.fits import wanted
from suites.imported.model import ImportedModel, Request, Resolved, joined
from suites.imported.opsconfig import OpsConfig, failing, read_config

#: A test of theirs: the file that has it, and the model that it is given.
_TEST = re.compile(r"^(?P<file>[^:]+)::(?P<test>\w+)(?:\[(?P<model>.+)\])?$")
_ZOO = re.compile(r"^tests/model_zoo/(?P<folder>.+)_models_test\.py$")
_REPOSITORY = "hf://onnxmodelzoo/legacy_models"
_DEFAULT = "default"
_RUNS = (Stage.COMPILED_INFERENCE, Stage.COMPARISON)


def read(request: Request) -> list[ImportedModel]:
    """A model for each name in the map, and with another default than `skip` for each .onnx file below the folder."""
    config = read_config(request, keys.MODELS_CONFIG)
    if config is None:
        return []
    outcomes: Table = config.table["tests_and_expected_outcomes"].value
    default = str(outcomes[_DEFAULT].value) if _DEFAULT in outcomes else "skip"
    made = {name: entry for name, entry in outcomes.items() if name != _DEFAULT}
    models = [_model(request, config, name, entry) for name, entry in made.items()]
    named = {model.source.locator for model in models if model.source is not None}
    if default != "skip":
        models += _others(request, config, default, named)
    return models


def _others(request: Request, config: OpsConfig, outcome: str, named: set[str]) -> Iterator[ImportedModel]:
    root = request.real(request.directory)
    at = request.config_at
    for path in sorted(root.rglob("*.onnx")):
        relative = path.relative_to(root).as_posix()
        if joined(request.directory, relative) not in named:
            yield _model(request, config, relative, Entry(outcome, at, at))


def _model(request: Request, config: OpsConfig, test: str, entry: Entry) -> ImportedModel:
    name, source = _source(request, test)
    outcome, meant = str(entry.value), wanted(config.compile_flags, config.run_flags)
    expectation = _expectation(outcome, entry.key)
    skip = config.skip(test)
    if outcome == "skip":
        skip = Skip(SkipReason.MANIFEST, f"{config.name} says skip")
    resolved = Resolved(
        definition=None,
        flags=(config.compile_flags, config.run_flags),
        depth=Depth.COMPILE if test in config.not_run else None,
        skip=skip,
        expectation=expectation,
    )
    return ImportedModel(
        name=name,
        place=source.locator,
        source=source,
        at=entry.key,
        markers=(config.name, *meant.tags),
        tags=meant.tags,
        on=_on(resolved, meant.fits),
        wants=str(meant),
    )


def _on(resolved: Resolved, fits: Callable[[Target], bool]) -> Callable[[Target], Resolved | None]:
    def on(target: Target) -> Resolved | None:
        return resolved if fits(target) else None

    return on


def _source(request: Request, test: str) -> tuple[str, Source]:
    """The model's name and where it is: an address, a file below the folder, or the zoo that their tests read."""
    if is_address(test):
        return _named(test.partition("://")[2]), Source(SourceKind.ONNX_URL, test)
    match = _TEST.match(test)
    path = (match["model"] or match["test"]) if match else test
    zoo = _ZOO.match(match["file"]) if match else None
    inside = f"{zoo['folder']}/{path}" if zoo else path
    for candidate in dict.fromkeys((inside, path)):
        if (request.real(request.directory) / candidate).is_file():
            return _named(inside), Source(SourceKind.ONNX_FILE, joined(request.directory, candidate))
    if zoo:
        return _named(inside), Source(SourceKind.ONNX_URL, f"{_REPOSITORY}/{inside}")
    return _named(inside), Source(SourceKind.ONNX_FILE, joined(request.directory, inside))


def _named(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+/-]+", "_", path.removesuffix(".onnx")).strip("/")


def _expectation(outcome: str, at: Location) -> Expectation | None:
    if outcome == "fail-import":
        stages = (Stage.SETUP, Stage.IMPORT_MODEL)
        where = f"{at.file}:{at.line}"
        return Expectation(stage=Stage.IMPORT_MODEL, signature="", where=where, anyhow=stages)
    compiles, runs = (at if outcome == each else None for each in ("fail-compile", "fail-run"))
    return failing(compiles, runs, _RUNS)
