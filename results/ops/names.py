"""Names of models become names of worksheets and of files: readable, unique, and the same in every run. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

#: Excel's bound on a sheet's name, and what it forbids in one.
SHEET_NAME = 31
_NOT_IN_SHEETS = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]:*?/\\'\ud800-\udfff]+")
_NOT_IN_FILES = re.compile(r"[^A-Za-z0-9._@+=-]+")
_DIGITS = 6
_FILE_NAME = 120


def sheet_names(models: Iterable[str]) -> dict[str, str]:
    """A name a model: as much of its own as fits, then a digest of the whole. Excel tells no case apart."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for model in sorted(set(models)):
        digest = _digest(model)
        digits = _DIGITS
        while (name := _sheet_name(model, digest[:digits])).casefold() in used:
            digits += 1
        used.add(name.casefold())
        found[model] = name
    return found


def _sheet_name(model: str, digest: str) -> str:
    readable = _NOT_IN_SHEETS.sub(" ", model).strip()
    room = SHEET_NAME - len(digest) - 1
    kept = readable.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore").rstrip()
    return f"{kept or 'model'}~{digest}"


def file_of(model: str) -> PurePosixPath:
    """Where a model's JSON goes, below ``ops``: its own name where that is a harmless path, else with a digest."""
    parts = model.split("/")
    made = [_part(part) for part in parts]
    if made != parts:
        made[-1] = f"{made[-1][:_FILE_NAME]}~{_digest(model)[: _DIGITS * 2]}"
    return PurePosixPath(*made[:-1], f"{made[-1]}.json")


def _part(part: str) -> str:
    """Never ``.``, ``..``, empty, hidden, too long, or the name of somebody else's file."""
    text = _NOT_IN_FILES.sub("_", part).strip(".")[:_FILE_NAME] or "_"
    return f"{text}_" if text.casefold().endswith((".json", ".jsonl")) else text


def _digest(model: str) -> str:
    return hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()
