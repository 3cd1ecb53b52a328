"""Sources on stdin become local files and folders of the store, and one JSON line each on stdout.

    echo '[{"kind": "onnx-node", "locator": "test_abs"}]' | python -m runner.prepare

Reads a JSON array of ``schemas.case.Source``; prints a ``runner.protocol.Prepared`` for each, in no fixed order.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from runner.cache.room import Room, limit_from
from runner.protocol import Prepared
from runner.sources.at_hand import answered
from runner.sources.registry import SOURCES
from runner.store import Store, default_store
from schemas.case import Source
from schemas.codec import encode
from schemas.errors import UsageError
from schemas.words import SourceKind

_DOWNLOADS_AT_A_TIME = 4
_REMOTE = (SourceKind.ONNX_URL, SourceKind.MLIR_URL, SourceKind.FILE)


def prepare(source: Source, store: Store, base: pathlib.Path, *, force: bool) -> Prepared:
    """As ``at_hand.answered``, for a source of any kind."""
    return answered(SOURCES[source.kind], source, store, base, force=force)


def main(argv: Sequence[str] | None = None) -> int:
    """Answer for every source of stdin; 2 when stdin is no array of sources."""
    parser = argparse.ArgumentParser(
        prog="python -m runner.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--force", action="store_true", help="make and download again what the store already has")
    parser.add_argument("--base", default=".", metavar="DIR", help="where relative paths of sources start (default: .)")
    options = parser.parse_args(argv)
    try:
        sources = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Source, ...])
    except msgspec.MsgspecError as error:
        print(f"stdin is no JSON array of sources: {error}", file=sys.stderr)
        return 2
    store, base, force = default_store(), pathlib.Path(options.base), options.force
    remote = [source for source in sources if source.kind in _REMOTE]
    with ThreadPoolExecutor(_DOWNLOADS_AT_A_TIME) as pool:
        downloads = pool.map(lambda source: prepare(source, store, base, force=force), remote)
        for source in sources:
            if source.kind not in _REMOTE:
                _answer(prepare(source, store, base, force=force))
        for each in downloads:
            _answer(each)
    if remote:
        _make_room(store)
    return 0


def _make_room(store: Store) -> None:
    """Count what was made and downloaded; a limit that is no size is told by who starts the run."""
    with contextlib.suppress(OSError, UsageError):
        if limit := limit_from(os.environ):
            Room(store, limit).trim()


def _answer(prepared: Prepared) -> None:
    sys.stdout.buffer.write(encode(prepared) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
