"""What a device's driver has compiled becomes a file of the handover, and on the device's machine part of the store."""

from __future__ import annotations

import logging
import os
import pathlib
import zipfile

from results.text import log_lines
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
_MOST_COMMENT = 1000  # bytes


def pack(folder: pathlib.Path, file: pathlib.Path, made_by: str) -> int:
    """Put what drivers have kept below ``folder`` into a new ``file``; its bytes, 0 where there is nothing.

    ``made_by`` names driver and machine for whoever wonders why a device does not use it. Raises OSError; no file is
    left then.
    """
    found = [each for each in sorted(folder.rglob("*")) if each.is_file() and each.suffix != _UNFINISHED]
    if not found:
        return 0
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            archive.comment = made_by.encode()[:_MOST_COMMENT]
            for path in found:
                archive.write(path, path.relative_to(folder).as_posix())
        return file.stat().st_size
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def take_over(store: Store, batch: Batch, handover: pathlib.Path) -> list[str]:
    """Put what was handed over where this machine's drivers look for it; lines that say what came of it.

    What is there already stays: a driver names a file by what it was made from. An archive that is damaged, or that
    cannot be unpacked, leaves nothing and costs the time of compiling once more.
    """
    limit = limit_from(os.environ)
    lines: list[str] = []
    for place in roots(handover) if limit else ():
        file = handover_folder(place, batch.suite, batch.target.name, batch.shard or 0) / CODE_FILE
        if not file.is_file():
            continue
        try:
            size, made_by = _unpack(file, store.root / DRIVERS)
        except Exception as error:  # noqa: BLE001 - a damaged archive raises what it likes; the shard goes on without
            log.warning("%s: what the driver had compiled cannot be used: %s", file, error)
        else:
            Room(store, limit).grew(size)
            lines.append(log_lines(f"driver: {size / 1024**2:.1f} MiB of code were new here, compiled by {made_by}"))
    return lines


def _unpack(file: pathlib.Path, folder: pathlib.Path) -> tuple[int, str]:
    """Bytes of the files that were not there, and who made them; after an exception none of them is left."""
    written: list[pathlib.Path] = []
    size = 0
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                path = folder / _sound(entry)
                if not path.exists():
                    data = archive.read(entry)  # BadZipFile where its checksum is another
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _write(path, data)
                    written.append(path)
                    size += len(data)
            return size, archive.comment.decode("utf-8", "replace")
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _sound(entry: zipfile.ZipInfo) -> pathlib.PurePosixPath:
    name = pathlib.PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or entry.is_dir():
        raise ValueError(f"a name that no driver gives: {entry.filename!r}")
    return name


def _write(path: pathlib.Path, data: bytes) -> None:
    """All of it or nothing: a driver may look at any time."""
    scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
