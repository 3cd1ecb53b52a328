"""What a device's driver has compiled becomes a file of the handover, and on the device's machine part of the store."""

from __future__ import annotations

import logging
import os
import pathlib
import zipfile

from runner.cache.inventory import DRIVERS
from runner.cache.room import Room, limit_from
from runner.halves.place import handover_folder, roots
from runner.select import Batch
from runner.store import Store

log = logging.getLogger("runner.halves")

#: In a shard's part of the handover, beside the bundles: a ZIP archive, which has a checksum of each file. Names in it
#: are those below the store's folder of drivers.
CODE_FILE = "drivers.zip"
_UNFINISHED = ".tmp"  # what Mesa was writing when its process was killed


def pack(folder: pathlib.Path, file: pathlib.Path) -> int:
    """Put what drivers have kept below ``folder`` into a new ``file``; its bytes, 0 where there is nothing.

    Raises OSError; no file is left then.
    """
    found = [each for each in sorted(folder.rglob("*")) if each.is_file() and each.suffix != _UNFINISHED]
    if not found:
        return 0
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            for path in found:
                archive.write(path, path.relative_to(folder).as_posix())
        return file.stat().st_size
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def take_over(store: Store, batch: Batch, handover: pathlib.Path) -> None:
    """Put what was handed over where this machine's drivers look for it.

    What is there already stays: drivers name what they keep by its contents. An archive that is damaged, or that cannot
    be unpacked, costs the time of compiling once more, and is told in a warning.
    """
    limit = limit_from(os.environ)
    for place in roots(handover) if limit else ():
        file = handover_folder(place, batch.suite, batch.target.name, batch.shard or 0) / CODE_FILE
        if not file.is_file():
            continue
        try:
            size = _unpack(file, store.root / DRIVERS)
            log.info("%s: %d bytes of code that the driver compiled while building are new here", file, size)
            Room(store, limit).grew(size)
        except Exception as error:  # noqa: BLE001 - a damaged archive raises what it likes; the shard goes on without
            log.warning("%s: what the driver had compiled cannot be used: %s", file, error)


def _unpack(file: pathlib.Path, folder: pathlib.Path) -> int:
    """Bytes of the files that were not there."""
    size = 0
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name = pathlib.PurePosixPath(entry.filename)
            if name.is_absolute() or ".." in name.parts or entry.is_dir():
                raise ValueError(f"a name that no driver gives: {entry.filename!r}")
            path = folder / name
            if not path.exists():
                data = archive.read(entry)  # BadZipFile where its checksum is another
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, data)
                size += len(data)
    return size


def _write(path: pathlib.Path, data: bytes) -> None:
    """All of it or nothing: a driver may look at any time."""
    scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
