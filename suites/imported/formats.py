"""A `directory:` entry turned into models, by the reader of its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from schemas.case import Source
from schemas.imported import Format
from schemas.words import Path as ModelPath
from schemas.words import SourceKind
from suites.findings import Findings, did_you_mean
from suites.imported import onnx_models, onnx_ops, sharktank, torch_models, torch_ops
from suites.imported.model import ImportedModel, Request, joined
from suites.known import Model
from suites.manifest import ModelEntry
from suites.markers import MarkerError, parse_markers
from suites.nodes import shown

#: A further format is one module and one line here.
READERS: Mapping[Format, Callable[[Request], list[ImportedModel]]] = MappingProxyType(
    {
        Format.TORCH_MODELS: torch_models.read,
        Format.SHARKTANK: sharktank.read,
        Format.ONNX_OPS: onnx_ops.read,
        Format.TORCH_OPS: torch_ops.read,
        Format.ONNX_MODELS: onnx_models.read,
    }
)
#: Formats whose flags stand in a configuration file.
CONFIGURED = (Format.ONNX_OPS, Format.TORCH_OPS, Format.ONNX_MODELS)


def directory_models(entry: ModelEntry, folder: Path, findings: Findings) -> list[Model]:
    """The models behind `directory:`, called `<format>/<path>`, or `<name>/<path>` with a `name:`.

    `folder`: the manifest's, where relative paths start.
    """
    request = _request(entry, folder, findings)
    if request is None or entry.directory is None:
        return []
    known = len(findings)
    made = READERS[request.format](request)
    if not made and len(findings) == known:
        message = f"directory: {entry.directory.value!r} holds no test of the format {request.format}"
        findings.add(entry.directory.at, message, "docs/imported-suites.md says what each format looks like")
    prefix = str(entry.name.value) if entry.name else str(request.format)
    kept = _marked(made, entry, findings)
    return [_model(each, f"{prefix}/{each.name}") for each in kept]


def _model(imported: ImportedModel, name: str) -> Model:
    source = imported.source or Source(SourceKind.IMPORTED, imported.place)
    paths = (ModelPath.ONNX,) if imported.source else (ModelPath.DIRECT,)
    return Model(name=name, source=source, tags=imported.tags, place=imported.at, paths=paths, imported=imported)


def _request(entry: ModelEntry, folder: Path, findings: Findings) -> Request | None:
    if entry.directory is None:
        return None
    if entry.format is None:
        remedy = f"add `format:` with one of {', '.join(Format)}"
        findings.add(entry.directory.at, "directory: nothing says which format its definitions have", remedy)
        return None
    form = Format(entry.format.value)
    if entry.config is not None and form not in CONFIGURED:
        findings.add(entry.config.key, f"config: the format {form} has no configuration file", "remove it")
        return None
    directory = joined(str(entry.directory.value))
    given = {"directory": entry.directory}
    given |= {"module-directory": entry.module_directory} if entry.module_directory else {}
    given |= {"external-file-directory": entry.external_file_directory} if entry.external_file_directory else {}
    missing = False
    for key, each in given.items():
        if not (folder / str(each.value)).is_dir():
            remedy = f"relative paths start at {shown(folder)}"
            findings.add(each.at, f"{key}: there is no folder {each.value!r}", remedy)
            missing = True
    if entry.config is not None and not (folder / str(entry.config.value)).is_file():
        path = folder / str(entry.config.value)
        beside = sorted(each.name for each in path.parent.glob("*.json")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, beside, f"relative paths start at {shown(folder)}")
        findings.add(entry.config.at, f"config: there is no file {entry.config.value!r}", remedy)
        missing = True
    if missing:
        return None
    return Request(
        base=folder,
        format=form,
        directory=directory,
        modules=joined(str(entry.module_directory.value)) if entry.module_directory else directory,
        external=joined(str(entry.external_file_directory.value)) if entry.external_file_directory else directory,
        config=joined(str(entry.config.value)) if entry.config else None,
        directory_at=entry.directory.at,
        config_at=entry.config.at if entry.config else entry.directory.at,
        strict=entry.comparison is not None and entry.comparison.value == "strict",
        findings=findings,
    )


def _marked(made: list[ImportedModel], entry: ModelEntry, findings: Findings) -> list[ImportedModel]:
    """Those whose markers fit the entry's expression."""
    if entry.markers is None:
        return made
    try:
        fits = parse_markers(str(entry.markers.value))
    except MarkerError as error:
        findings.add(entry.markers.at, f"markers: {error}", 'write "hip and benchmark": words with and, or, not, ( )')
        return []
    kept = [each for each in made if fits(frozenset(each.markers))]
    if made and not kept:
        there = sorted({marker for each in made for marker in each.markers})
        message = f"markers: {entry.markers.value!r} takes none of the {len(made)} definitions"
        findings.add(entry.markers.at, message, f"markers there are: {', '.join(there[:24])}")
    return kept
