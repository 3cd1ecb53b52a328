"""A file that a model's class declares becomes a local path, by the same code that its hooks will ask."""

from __future__ import annotations

import pathlib

from runner.store import Store
from schemas.case import Source
from suites.files import get_file


def provide(source: Source, _store: Store, force: bool) -> pathlib.Path:
    """What `get_file` gives; it has a store of its own. Raises InfraError with the remedy."""
    return get_file(source.locator, force=force)
