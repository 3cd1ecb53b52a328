"""A store stays below its limit: the least recently used goes, and nothing that a living run has used."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import pytest

from runner.cache import CompileCache, Hit
from runner.cache.inventory import items
from runner.cache.room import Room, limit_from
from runner.parameters import Filling, archives_for
from runner.parameters.elements import Parameter
from runner.protocol import Caching
from runner.store import Store
from schemas.errors import UsageError

MIB = 1 << 20


def cache_of(root: pathlib.Path, limit: int) -> CompileCache:
    return CompileCache(Caching(store=str(root), build="b", host="h", limit=limit), environment={})


def key(number: int) -> str:
    return f"{number:02x}" * 32


def keep(root: pathlib.Path, number: int, limit: int, size: int = MIB, used: float | None = None) -> None:
    (root.parent / "made").write_bytes(os.urandom(size))
    hit = Hit(seconds=1, peak_rss_bytes=None, said="")
    assert cache_of(root, limit).keep_module(key(number), hit, root.parent / "made")
    if used is not None:
        path = root / "modules" / key(number)[:2] / f"{key(number)[2:]}.entry"
        os.utime(path, (used, used))


def known(root: pathlib.Path) -> list[int]:
    return [n for n in range(32) if cache_of(root, 1 << 40).find(key(n), root.parent / "taken") is not None]


def test_the_least_recently_used_go_down_to_nine_tenths(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    for number in range(10):
        keep(root, number, 1 << 40, used=1000 + number)
    cache_of(root, 1 << 40).find(key(0), tmp_path / "taken")  # used now
    assert Room(Store(root), 5 * MIB).trim() <= 4.5 * MIB
    assert known(root) == [0, 7, 8, 9]


def test_whoever_writes_too_much_makes_room(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    for number in range(24):
        keep(root, number, 6 * MIB, used=1000 + number)
        assert sum(each.size for each in items(root)) <= 6 * MIB
    assert 23 in known(root)
    assert 0 not in known(root)


def test_a_lost_account_is_counted_anew(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    for number in range(4):
        keep(root, number, 1 << 40, used=1000 + number)
    (root / "usage.json").write_text("garbage")
    keep(root, 4, 3 * MIB)
    assert sum(each.size for each in items(root)) <= 3 * MIB


def test_an_entry_larger_than_the_limit_is_not_kept(tmp_path: pathlib.Path) -> None:
    (tmp_path / "made").write_bytes(bytes(2 * MIB))
    hit = Hit(seconds=1, peak_rss_bytes=None, said="")
    assert not cache_of(tmp_path / "store", MIB).keep_module(key(1), hit, tmp_path / "made")


RUN = """\
import pathlib, sys, time
from runner.cache.room import Room
from runner.store import Store
with Room(Store(pathlib.Path(sys.argv[1])), 1).in_use():
    print("begun", flush=True)
    time.sleep(600)
"""


def test_nothing_goes_that_a_living_run_has_used(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    old = time.time() - 3600
    for number in range(3):
        keep(root, number, 1 << 40, used=old)
    with subprocess.Popen([sys.executable, "-c", RUN, str(root)], stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout is not None
            assert run.stdout.readline() == b"begun\n"
            cache_of(root, 1 << 40).find(key(1), tmp_path / "taken")
            keep(root, 3, 1 << 40)
            Room(Store(root), MIB // 2).trim()
            assert known(root) == [1, 3]
        finally:
            run.kill()
    # kill -9 has left its mark behind, but not the lock on it
    assert list((root / "runs").iterdir())
    assert Room(Store(root), MIB // 2).trim() == 0
    assert not list((root / "runs").iterdir())


def test_what_killed_processes_left_is_swept(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    keep(root, 1, 1 << 40)
    folder = root / "modules" / key(1)[:2]
    for name, age in ((".x.entry.aa.tmp", 7200), (".y.entry.bb.tmp", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    Room(Store(root), 1 << 40).trim()
    assert sorted(each.name for each in folder.iterdir()) == [".y.entry.bb.tmp", f"{key(1)[2:]}.entry"]


def test_the_limit_is_read_from_the_environment() -> None:
    assert limit_from({}) == 20 << 30
    assert limit_from({"E2ESHARD_STORE_LIMIT": "512MiB"}) == 512 * MIB
    assert limit_from({"E2ESHARD_STORE_LIMIT": "0"}) == 0
    with pytest.raises(UsageError, match="E2ESHARD_STORE_LIMIT=much"):
        limit_from({"E2ESHARD_STORE_LIMIT": "much"})


def downloaded(folder: pathlib.Path, receipts: pathlib.Path, used: float) -> None:
    for place, name, data in ((folder, "w.bin", os.urandom(MIB)), (receipts, "w.bin.receipt.json", b"{}")):
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
        os.utime(place / name, (used, used))


def test_downloads_modules_and_archives_share_one_limit(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    keep(root, 1, 1 << 40, used=3000)
    wanted = (Parameter("s", "w", "i8", (MIB,)),)
    archive = archives_for(wanted, Store(root), Room(Store(root), 1 << 40), Filling())["s"]
    for path in (archive, archive.with_suffix(".json")):
        os.utime(path, (2000, 2000))
    downloaded(root / "downloads" / "aa", root / "downloads" / "aa", 1000)
    downloaded(root / "files" / "url" / "bb", root / "files" / ".e2eshard" / "url" / "bb", 4000)
    downloaded(root / "files" / "by-name", root / "files" / ".e2eshard" / "by-name", 1)
    for limit, left in ((5.2, {1, 2, 3, 4, 5}), (4.8, {2, 3, 4, 5}), (3.8, {3, 4, 5}), (2.8, {4, 5}), (0.1, {5})):
        Room(Store(root), int(limit * MIB)).trim()
        places = {1: root / "downloads/aa", 2: archive, 3: root / "modules/01", 4: root / "files/url/bb"}
        there = {
            number for number, place in places.items() if any(each.is_file() for each in (place, *place.rglob("*")))
        }
        assert there | {5} == left, limit
        assert (root / "files" / "by-name" / "w.bin").exists(), "what was put there by name is counted, and stays"
    assert not (root / "files" / ".e2eshard" / "url" / "bb").exists()
    assert not archive.with_suffix(".json").exists()


def test_what_is_being_made_is_not_removed(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "store"
    downloaded(root / "downloads" / "aa", root / "downloads" / "aa", 1000)
    with Store(root).lock("download-aa"):
        Room(Store(root), 1).trim()
        assert (root / "downloads" / "aa" / "w.bin").exists()
    Room(Store(root), 1).trim()
    assert not (root / "downloads" / "aa").exists()
