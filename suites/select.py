"""Model entries of a manifest turned into models, each with the entries that chose it, in order of precedence."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from schemas.case import Skip, Source
from schemas.words import SourceKind
from suites import catalog
from suites.findings import Findings, did_you_mean
from suites.keys import MODEL_PATTERN
from suites.manifest import Manifest, ModelEntry
from suites.nodes import shown

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_TAG_HINT = "`generator explain MODEL` shows the tags of a model"
_NAMESPACE = "onnx/"  # models named after their file: onnx/<stem>


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One thing under test, before it meets a target."""

    name: str
    source: Source
    tags: tuple[str, ...] = ()
    skip: Skip | None = None


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A model and the entries that apply to it: globs and tags in file order, the exact one last."""

    model: Model
    entries: tuple[ModelEntry, ...]


def is_glob(name: str) -> bool:
    """Whether a name stands for several."""
    return any(c in name for c in "*?[")


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Names that a glob (or an exact name) takes, in their order; `*` also crosses slashes, case counts."""
    fits = _matcher(pattern)
    return [name for name in names if fits(name)]


@functools.lru_cache(maxsize=1024)
def _matcher(pattern: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - re's bound method
    return re.compile(fnmatch.translate(pattern)).match


@functools.cache
def _names_by_tag() -> dict[str, list[str]]:
    tagged: dict[str, list[str]] = {}
    for name, entry in catalog.by_name().items():
        for tag in entry.tags:
            tagged.setdefault(tag, []).append(name)
    return tagged


def catalog_model(name: str) -> Model:
    """The model of a catalogue entry; raises KeyError for an unknown name."""
    entry = catalog.by_name()[name]
    folder, _, case = name.removeprefix("onnx/").partition("/")
    node = name.startswith(catalog.NODE_FOLDER)
    source = Source(SourceKind.ONNX_NODE, case) if node else Source(SourceKind.ONNX_DATA, f"{folder}/{case}")
    return Model(name=name, source=source, tags=entry.tags, skip=entry.as_skip())


def choose(manifest: Manifest, findings: Findings) -> tuple[Chosen, ...]:
    """Every model of a manifest, sorted by name; a model comes twice when two exact entries name it."""
    broad: dict[str, list[ModelEntry]] = {}
    exact: dict[str, list[ModelEntry]] = {}
    own: dict[str, Model] = {}
    for entry in manifest.models:
        if entry.onnx is not None:
            model = _file_model(entry, manifest, own, findings)
            if model is not None:
                own[model.name] = model
                exact.setdefault(model.name, []).append(entry)
            continue
        one = entry.name is not None and not is_glob(entry.name.value)
        for name in _excluded(entry, _taken(entry, findings), findings):
            (exact if one else broad).setdefault(name, []).append(entry)
    return tuple(
        Chosen(model=own.get(name) or catalog_model(name), entries=(*broad.get(name, ()), *last))
        for name in sorted({*broad, *exact})
        for last in ([(entry,) for entry in exact[name]] if name in exact else [()])
    )


def _taken(entry: ModelEntry, findings: Findings) -> list[str]:
    names = catalog.by_name()
    if entry.tag is not None:
        taken = _names_by_tag().get(entry.tag.value, [])
        if not taken:
            message = f"no model bears the tag {entry.tag.value!r}"
            findings.add(entry.tag.at, message, did_you_mean(entry.tag.value, _names_by_tag(), _TAG_HINT))
        return taken
    if entry.name is None:
        return []
    wanted = entry.name.value
    if not is_glob(wanted):
        if wanted in names:
            return [wanted]
        findings.add(
            entry.name.at, f"unknown model {wanted!r}", did_you_mean(wanted, names, "`generator list` shows all")
        )
        return []
    taken = matching(wanted, names)
    if not taken:
        folders = dict.fromkeys(f"{name.rpartition('/')[0]}/*" for name in names)
        remedy = did_you_mean(wanted, [*folders, *names], "`generator list` shows all names; case counts")
        findings.add(entry.name.at, f"the glob {wanted!r} matches no model", remedy)
    return taken


def _excluded(entry: ModelEntry, taken: list[str], findings: Findings) -> list[str]:
    left = taken
    for pattern in entry.exclude:
        out = set(matching(pattern.value, taken))
        if taken and not out:
            remedy = did_you_mean(pattern.value.strip("*?"), taken, "correct it, or remove it")
            findings.add(pattern.at, f"exclude: {pattern.value!r} matches none of this entry's models", remedy)
        left = [name for name in left if name not in out]
    if taken and not left:
        findings.add(entry.at, "model: `exclude` leaves nothing of this entry", "remove the entry, or exclude less")
    return left


def _file_model(entry: ModelEntry, manifest: Manifest, own: dict[str, Model], findings: Findings) -> Model | None:
    """The model behind `onnx:`; its name is `name:`, or `onnx/` and the file's stem."""
    if entry.onnx is None:
        return None
    locator, at = entry.onnx.value, entry.onnx.at
    source = _source(locator, entry, manifest, findings)
    stem = Path(unquote(urlsplit(locator).path) if _URL.match(locator) else locator).stem
    name = entry.name.value if entry.name else f"{_NAMESPACE}{stem}"
    name_at = entry.name.at if entry.name else at
    for pattern in entry.exclude:
        findings.add(pattern.at, "exclude: `onnx:` is one model, there is nothing to exclude", "remove it")
    if not re.search(MODEL_PATTERN, name):
        message = f"{name!r} cannot name a model: letters, digits, . _ + - and slashes between words"
        findings.add(name_at, message, "give the model a `name:` of such characters")
        return None
    if name in catalog.by_name():
        findings.add(name_at, f"{name!r} is already a model of the catalogue", "give this file another `name:`")
        return None
    if name in own and source is not None and own[name].source != source:
        findings.add(
            name_at, f"{name!r} already names another file of this manifest", "give one of them another `name:`"
        )
        return None
    return None if source is None else Model(name=name, source=source)


def _source(locator: str, entry: ModelEntry, manifest: Manifest, findings: Findings) -> Source | None:
    at = entry.onnx.at if entry.onnx else entry.at
    sha256 = entry.sha256.value if entry.sha256 else None
    if _URL.match(locator):
        parts = urlsplit(locator)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            findings.add(at, f"onnx: {locator!r} is no http(s) address", "give an http(s) URL or a path of a file")
            return None
        return Source(SourceKind.ONNX_URL, locator, sha256)
    path = manifest.path.parent / locator
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.onnx")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, beside, f"relative paths start at {shown(manifest.path.parent)}")
        findings.add(at, f"onnx: there is no file {locator!r}", remedy)
        return None
    clean = Path(os.path.normpath(locator)).as_posix()
    return Source(SourceKind.ONNX_FILE, clean, sha256)
