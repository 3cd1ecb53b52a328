"""A URL becomes a file of the store, downloaded once."""

from __future__ import annotations

import hashlib
import pathlib
import urllib.parse

from runner.store import Store
from schemas.case import Source
from suites.files import get_file
from suites.files.download import Wanted, download

_HUB = "hf://"


def provide(source: Source, store: Store, force: bool) -> pathlib.Path:
    """What `get_file` gives for a file of a hub; else ``<store>/downloads/<digest of the URL>/<file name>``.

    Raises InfraError naming the URL and what to do.
    """
    if source.locator.startswith(_HUB):
        return get_file(source.locator, sha256=source.sha256, force=force)
    name = pathlib.PurePosixPath(urllib.parse.urlsplit(source.locator).path).name or "model.onnx"
    key = hashlib.sha256(source.locator.encode()).hexdigest()[:24]
    path = store.root / "downloads" / key / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(f"download-{key}"):
        download(Wanted(url=source.locator, path=path, sha256=source.sha256), force=force)
    return path
