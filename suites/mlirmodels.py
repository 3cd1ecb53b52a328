"""Files of MLIR turned into models: those below `models/stablehlo/`, and those that a manifest names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from schemas.case import Source
from schemas.errors import Location
from schemas.words import Path as ModelPath
from schemas.words import SourceKind
from suites import catalog
from suites.digest import sha256_of
from suites.findings import Findings, did_you_mean
from suites.keys import MODEL_PATTERN
from suites.known import Model
from suites.manifest import ModelEntry
from suites.nodes import shown

#: The folder below `models/`, and what the models' names begin with.
FRAMEWORK = "stablehlo"
SUFFIXES = (".mlir", ".mlirbc")
_PATHS = (ModelPath.DIRECT,)
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def discover_mlir(models: Path, findings: Findings) -> dict[str, Model]:
    """Every module below `models/stablehlo/`: `<path>.mlir` holds `stablehlo/<path>`.

    Names that begin with _ are left out.
    """
    found: dict[str, Model] = {}
    root = models / FRAMEWORK
    for path in sorted(each for each in root.rglob("*") if each.suffix in SUFFIXES):
        parts = path.relative_to(root).parts
        if any(part.startswith(("_", ".")) for part in parts):
            continue
        name = "/".join((FRAMEWORK, *parts[:-1], path.stem))
        at = Location(shown(path), 1, 1)
        if not re.search(MODEL_PATTERN, name):
            message = f"{name!r} cannot name a model: letters, digits, . _ + - and slashes between words"
            findings.add(at, message, "rename the file or its folder")
        elif name in found or name in catalog.by_name():
            other = found[name].at if name in found else catalog.place_of(name)
            findings.add(at, f"{name!r} is already the name of a model ({other})", "rename the file")
        else:
            locator = path.relative_to(models.parent).as_posix()
            source = Source(SourceKind.MLIR_FILE, locator, sha256_of(path))
            found[name] = Model(name=name, source=source, place=at, paths=_PATHS)
    return found


def mlir_model(entry: ModelEntry, folder: Path, findings: Findings) -> list[Model]:
    """The model behind `mlir:`; its name is `name:`, or `stablehlo/` and the file's stem. `folder`: the manifest's."""
    if entry.mlir is None:
        return []
    locator: str = entry.mlir.value
    for pattern in entry.exclude:
        findings.add(pattern.at, "exclude: `mlir:` is one model, there is nothing to exclude", "remove it")
    source = _source(locator, entry, folder, findings)
    stem = Path(unquote(urlsplit(locator).path) if _URL.match(locator) else locator).stem
    name = entry.name.value if entry.name else f"{FRAMEWORK}/{stem}"
    return [] if source is None else [Model(name=name, source=source, paths=_PATHS)]


def _source(locator: str, entry: ModelEntry, folder: Path, findings: Findings) -> Source | None:
    at = entry.mlir.at if entry.mlir else entry.at
    sha256 = entry.sha256.value if entry.sha256 else None
    if _URL.match(locator):
        parts = urlsplit(locator)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            findings.add(at, f"mlir: {locator!r} is no http(s) address", "give an http(s) URL or a path of a file")
            return None
        return Source(SourceKind.MLIR_URL, locator, sha256)
    path = folder / locator
    if path.suffix not in SUFFIXES:
        remedy = "export the model to StableHLO first, or use `onnx:` or `python:`"
        findings.add(at, f"mlir: {locator!r} does not end in {' or '.join(SUFFIXES)}", remedy)
        return None
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.mlir*")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, beside, f"relative paths start at {shown(folder)}")
        findings.add(at, f"mlir: there is no file {locator!r}", remedy)
        return None
    return Source(SourceKind.MLIR_FILE, Path(os.path.normpath(locator)).as_posix(), sha256)
