"""A definition's file, or a folder of definitions, turned into the entry that a manifest would have for it."""

from __future__ import annotations

import os
from pathlib import Path

from schemas.errors import Location, UsageError
from schemas.imported import Format
from suites.fields import Entry
from suites.findings import Findings
from suites.imported import keys
from suites.imported.jsonfile import JsonFile
from suites.layers import Layer
from suites.manifest import ModelEntry

_PLACE = Location("command line")
#: What a module of torch_models has not.
_OF_SHARKTANK = (frozenset(keys.SHARKTANK_QUALITY) | frozenset(keys.SHARKTANK_BENCHMARK)) - frozenset(keys.MODULE_FILE)
_TEST_FIELDS = ("modules", "module")


def is_definition(name: str) -> bool:
    """Whether a name on the command line is a JSON file, or a folder with some, instead."""
    path = Path(name)
    if path.is_dir():
        return next(path.rglob("*.json"), None) is not None
    return path.suffix == ".json" and path.is_file()


def entry_of(name: str, base: Path) -> ModelEntry:
    """The entry, with paths from ``base``; raises UsageError where no format is seen that needs nothing else.

    Modules are named from the nearest folder above that has them; what else is named lies there too.
    """
    path = Path(name)
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    read = [(each, JsonFile(each, Findings())) for each in files]
    tests = [(each, file) for each, file in read if file.has("type")]
    folder = path if path.is_dir() else path.parent
    if tests:
        root = _root(tests, folder)
        return _entry(folder, Format.TORCH_MODELS, root, base)
    if any(file.has(field) for _, file in read for field in _OF_SHARKTANK):
        return _entry(folder, Format.SHARKTANK, folder, base)
    raise UsageError(
        f"{name}: no definition of the format {Format.TORCH_MODELS} or {Format.SHARKTANK}",
        "formats with a configuration file need an entry `directory:` in a manifest: docs/imported-suites.md",
    )


def _root(tests: list[tuple[Path, JsonFile]], folder: Path) -> Path:
    named = {name for _, file in tests for field in _TEST_FIELDS for name in file.texts(field)}
    for above in (folder, *folder.absolute().parents):
        if all((above / f"{name}.json").is_file() for name in named):
            return above
    return folder  # what is missing is told where the test is read


def _entry(folder: Path, form: Format, root: Path, base: Path) -> ModelEntry:
    where, above = os.path.relpath(folder, base), os.path.relpath(root, base)
    return ModelEntry(
        number=0,
        at=_PLACE,
        layer=Layer("command line", {}, {}),
        directory=Entry(where, _PLACE, _PLACE),
        format=Entry(str(form), _PLACE, _PLACE),
        module_directory=Entry(above, _PLACE, _PLACE),
        external_file_directory=Entry(above, _PLACE, _PLACE),
    )
