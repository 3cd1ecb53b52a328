"""Model entries of a manifest turned into models, each with the entries that chose it, in order of precedence."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from schemas.case import Source
from schemas.errors import Location
from schemas.words import Mode, SourceKind
from suites.findings import Findings, did_you_mean
from suites.imported.formats import directory_models
from suites.keys import MODEL_PATTERN
from suites.known import Known, Model
from suites.locator import parse_locator
from suites.manifest import Manifest, ModelEntry
from suites.mlirmodels import mlir_model
from suites.nodes import shown
from suites.pythonmodels import entry_models

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_TAG_HINT = "`generator explain MODEL` shows the tags of a model"
_NAMESPACE = "onnx/"  # models named after their file: onnx/<stem>


#: The models of `directory:` entries, by the entries' numbers.
Directories = dict[int, list[Model]]


class _Own(msgspec.Struct, frozen=True):
    """The models that a manifest brings along: by name, and of directories as they were read."""

    models: dict[str, Model]
    read: Directories


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


def choose(manifest: Manifest, known: Known, findings: Findings, read: Directories | None = None) -> tuple[Chosen, ...]:
    """Every model of a manifest, sorted by name; a model comes twice when two exact entries name it.

    Entries for another mode refine nothing of the others: their cases come on top. ``read`` keeps what was read of
    directories, for whoever chooses from the same entries again.
    """
    own = _Own({}, {} if read is None else read)
    by_mode: dict[str, list[ModelEntry]] = {}
    for entry in manifest.models:
        by_mode.setdefault(_mode_of(entry, manifest), []).append(entry)
    chosen = [one for mode in sorted(by_mode) for one in _choose(by_mode[mode], manifest, known, own, findings)]
    return tuple(sorted(chosen, key=lambda one: one.model.name))


def _mode_of(entry: ModelEntry, manifest: Manifest) -> str:
    layers = [manifest.defaults, *([manifest.groups[entry.group.value]] if entry.group else []), entry.layer]
    said = [str(layer.common["mode"][-1].value) for layer in layers if "mode" in layer.common]
    return said[-1] if said else str(Mode.EVAL)


def _choose(
    entries: Iterable[ModelEntry], manifest: Manifest, known: Known, own: _Own, findings: Findings
) -> Iterator[Chosen]:
    broad: dict[str, list[ModelEntry]] = {}
    exact: dict[str, list[ModelEntry]] = {}
    for entry in entries:
        if any(each is not None for each in (entry.onnx, entry.python, entry.mlir, entry.directory)):
            for model in _own_models(entry, manifest, known, own, findings):
                own.models[model.name] = model
                exact.setdefault(model.name, []).append(entry)
            continue
        one = entry.name is not None and not is_glob(entry.name.value)
        for name in _excluded(entry, _taken(entry, known, findings), findings):
            (exact if one else broad).setdefault(name, []).append(entry)
    for name in {**broad, **exact}:
        for last in [(entry,) for entry in exact[name]] if name in exact else [()]:
            model = own.models.get(name) or known[name]
            yield Chosen(model=model, entries=(*broad.get(name, ()), *last))


def _taken(entry: ModelEntry, known: Known, findings: Findings) -> list[str]:
    names = known
    if entry.tag is not None:
        taken = known.by_tag().get(entry.tag.value, [])
        if not taken:
            message = f"no model bears the tag {entry.tag.value!r}"
            findings.add(entry.tag.at, message, did_you_mean(entry.tag.value, known.by_tag(), _TAG_HINT))
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


def _own_models(entry: ModelEntry, manifest: Manifest, known: Known, own: _Own, findings: Findings) -> list[Model]:
    """The models that an entry brings along; those whose name is taken become findings."""
    if entry.python is not None:
        made = _python_models(entry, manifest, findings)
    elif entry.mlir is not None:
        made = mlir_model(entry, manifest.path.parent, findings)
    elif entry.directory is not None:
        if entry.number not in own.read:
            own.read[entry.number] = directory_models(entry, manifest.path.parent, findings)
        made = own.read[entry.number]
    else:
        made = _file_model(entry, manifest, findings)
    name_at = (entry.name or entry.python or entry.onnx or entry.mlir or entry.directory or entry).at
    named = [model for model in made if _may_be_called(model, known, own.models, name_at, findings)]
    if entry.python is None and entry.directory is None:
        return named
    kept = set(_excluded(entry, [model.name for model in named], findings))
    return [model for model in named if model.name in kept]


def _may_be_called(model: Model, known: Known, own: dict[str, Model], name_at: Location, findings: Findings) -> bool:
    name = model.name
    if not re.search(MODEL_PATTERN, name):
        message = f"{name!r} cannot name a model: letters, digits, . _ + - and slashes between words"
        findings.add(name_at, message, "give the model a `name:` of such characters")
    elif name in known:
        findings.add(name_at, f"{name!r} is already a model of the catalogue", "give this file another `name:`")
    elif name in own and own[name].source != model.source:
        message = f"{name!r} already names another file of this manifest"
        findings.add(name_at, message, "give one of them another `name:`")
    else:
        return True
    return False


def _python_models(entry: ModelEntry, manifest: Manifest, findings: Findings) -> list[Model]:
    """The models behind `python:`."""
    if entry.python is None:
        return []
    locator = parse_locator(entry.python.value)
    if locator is None:
        message = f"python: {entry.python.value!r} is no class of a file"
        findings.add(entry.python.at, message, "write ./file.py:Class, or ./file.py:Class[variant]")
        return []
    return entry_models(entry, locator, manifest, findings)


def _file_model(entry: ModelEntry, manifest: Manifest, findings: Findings) -> list[Model]:
    """The model behind `onnx:`; its name is `name:`, or `onnx/` and the file's stem."""
    if entry.onnx is None:
        return []
    locator = entry.onnx.value
    for pattern in entry.exclude:
        findings.add(pattern.at, "exclude: `onnx:` is one model, there is nothing to exclude", "remove it")
    source = _source(locator, entry, manifest, findings)
    stem = Path(unquote(urlsplit(locator).path) if _URL.match(locator) else locator).stem
    name = entry.name.value if entry.name else f"{_NAMESPACE}{stem}"
    return [] if source is None else [Model(name=name, source=source)]


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
