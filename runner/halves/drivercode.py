"""What a device's driver has compiled becomes a file of the handover, and on the device's machine part of the store."""

from __future__ import annotations

import logging
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Iterable

from runner.backends.drivers import folders_of
from runner.cache.inventory import DRIVERS
from runner.cache.room import limit_from
from runner.halves.place import handover_folder, roots
from runner.select import Batch
from runner.store import Store
from schemas.case import Case
from schemas.target import Target

log = logging.getLogger("runner.halves")

#: In a shard's part of the handover, beside the bundles: a ZIP archive, which has a checksum of each file. Names in it
#: are those below the store's folder of drivers.
CODE_FILE = "drivers.zip"


def pack(store: Store, target: Target, cases: Iterable[Case], file: pathlib.Path) -> int:
    """Put what the drivers keep for these cases into a new ``file``; its bytes, 0 where there is nothing.

    Raises OSError; no file is left then.
    """
    root = store.root / DRIVERS
    names = sorted({name for case in cases for name in folders_of(target, case)})
    found = [path for name in names for path in sorted((root / name).rglob("*")) if path.is_file()]
    if not found:
        return 0
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            for path in found:
                archive.write(path, path.relative_to(root).as_posix())
        return file.stat().st_size
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def take_over(store: Store, batch: Batch, handover: pathlib.Path) -> int:
    """Put what was handed over where this machine's drivers look for it; how many files were new.

    What is there already stays: drivers name what they keep by its contents. An archive that is damaged, or that cannot
    be unpacked, costs the time of compiling once more, and is told in a warning.
    """
    if limit_from(os.environ) == 0:
        return 0
    found = 0
    for place in roots(handover):
        file = handover_folder(place, batch.suite, batch.target.name, batch.shard or 0) / CODE_FILE
        if not file.is_file():
            continue
        try:
            found += _unpack(file, store.root / DRIVERS)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            log.warning("%s: what the driver had compiled cannot be used: %s", file, error)
    return found


def _unpack(file: pathlib.Path, folder: pathlib.Path) -> int:
    found = 0
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name = pathlib.PurePosixPath(entry.filename)
            if name.is_absolute() or ".." in name.parts or entry.is_dir():
                raise ValueError(f"a name that no driver gives: {entry.filename!r}")
            path = folder / name
            if path.exists():
                continue
            data = archive.read(entry)  # BadZipFile where its checksum is another
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
            found += 1
    return found


def _write(path: pathlib.Path, data: bytes) -> None:
    """All of it or nothing: a driver may look at any time."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        pathlib.Path(name).replace(path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise
