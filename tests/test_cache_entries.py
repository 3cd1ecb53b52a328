"""An entry of the compile cache comes back as it was written, or not at all."""

from __future__ import annotations

import pathlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cache import entries
from runner.cache.compiled import CompileCache
from runner.cache.entries import Failure, Hit
from runner.cache.hashes import hash_of
from runner.protocol import Caching

KEY = "ab" * 32


def a_cache(root: pathlib.Path) -> CompileCache:
    return CompileCache(Caching(store=str(root), build="b", host="h", limit=1 << 30), environment={})


def write(root: pathlib.Path, data: bytes = b"vmfb" * 100) -> pathlib.Path:
    module = root / "made.vmfb"
    module.write_bytes(data)
    path = root / "x.entry"
    entries.write(path, KEY, Hit(seconds=1.5, peak_rss_bytes=7, said="warning: ü\n", statistics=b"{}"), module)
    return path


@given(st.binary(max_size=3000), st.text(max_size=50), st.dictionaries(st.text("abc.", min_size=1), st.binary()))
def test_what_is_written_is_read(data: bytes, said: str, extras: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        (root / "made").write_bytes(data)
        hit = Hit(seconds=1.5, peak_rss_bytes=None, said=said, statistics=b"{}", extras=extras)
        entries.write(root / "d" / "x.entry", KEY, hit, root / "made")
        assert entries.read(root / "d" / "x.entry", KEY, root / "taken") == hit
        assert (root / "taken").read_bytes() == data
        failure = Failure(seconds=0.5, peak_rss_bytes=3, said=said, extras=extras, exit_code=1)
        entries.write(root / "y.entry", KEY, failure, None)
        assert entries.read(root / "y.entry", KEY, root / "none") == failure
        assert not (root / "none").exists()
        assert not list(root.rglob("*.tmp"))


@given(st.data())
def test_a_damaged_entry_is_dropped_and_leaves_no_module(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        path = write(root)
        whole = path.read_bytes()
        kind = data.draw(st.sampled_from(["flip", "cut", "more", "zeros"]))
        place = data.draw(st.integers(0, len(whole) - 1))
        if kind == "flip":
            bit = data.draw(st.integers(0, 7))
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
        elif kind == "cut":
            path.write_bytes(whole[:place])
        elif kind == "more":
            path.write_bytes(whole + whole[place:])
        else:  # what a lost power supply leaves of a file that was not synchronised
            path.write_bytes(whole[:place] + bytes(len(whole) - place))
        assert entries.read(path, KEY, root / "taken") is None
        assert not (root / "taken").exists()
        assert not path.exists()
        assert not list(root.glob(".*.tmp"))


def test_an_entry_under_another_key_is_refused(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path)
    assert entries.read(path, "cd" * 32, tmp_path / "taken") is None


def test_the_module_that_is_taken_is_a_file_of_its_own(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, b"good")
    entries.read(path, KEY, tmp_path / "taken")
    (tmp_path / "taken").write_bytes(b"evil")
    entries.read(path, KEY, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"good"


def test_a_module_that_cannot_be_written_is_the_machines_failure(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path)
    with pytest.raises(FileNotFoundError):
        entries.read(path, KEY, tmp_path / "nowhere" / "taken")
    assert path.exists(), "the entry is not to blame"


@pytest.mark.parametrize(
    ("code", "said", "kept"),
    [
        (1, "m.mlir:1:1: error: failed to legalize operation 'torch.foo'", True),
        (1, "error: could not open x: No such file or directory", False),
        (1, "error: cannot open shared object file", False),
        (1, "LLVM ERROR: out of memory", False),
        (0, "", False),
        (-11, "Stack dump", False),
    ],
)
def test_only_failures_of_the_model_are_kept(tmp_path: pathlib.Path, code: int, said: str, *, kept: bool) -> None:
    cache = a_cache(tmp_path)
    failure = Failure(seconds=1, peak_rss_bytes=None, said=said, exit_code=code)
    assert cache.keep_failure(KEY, failure) is kept
    assert (cache.find(KEY, tmp_path / "m") is not None) is kept


def test_what_is_too_large_is_not_kept(tmp_path: pathlib.Path) -> None:
    cache = a_cache(tmp_path)
    huge = Failure(seconds=1, peak_rss_bytes=None, said="x" * (5 << 20), exit_code=1)
    assert not cache.keep_failure(KEY, huge)


def test_a_store_that_cannot_be_written_costs_nothing_but_time(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "m").write_text("module")
    cache = a_cache(tmp_path / "file")
    assert cache.find(KEY, tmp_path / "taken") is None
    assert not cache.keep_module(KEY, Hit(seconds=1, peak_rss_bytes=None, said=""), tmp_path / "m")
    assert len(cache.keys_of(["--z"], tmp_path / "m")[0]) == 64


def test_what_cannot_be_forgotten_stays(tmp_path: pathlib.Path) -> None:
    cache = a_cache(tmp_path)
    failure = Failure(seconds=1, peak_rss_bytes=None, said="error: no", exit_code=1)
    assert cache.keep_failure(KEY, failure)
    (kept,) = tmp_path.rglob("*.entry")
    kept.unlink()
    kept.mkdir()  # nobody can remove it so
    cache.forget(KEY)
    assert kept.is_dir()


def test_large_files_are_hashed_once(tmp_path: pathlib.Path) -> None:
    import os  # noqa: PLC0415

    big = tmp_path / "big"
    big.write_bytes(b"a" * (5 << 20))
    os.utime(big, (1, 1))
    first = hash_of(big, tmp_path / "store")
    state = big.stat()
    big.write_bytes(b"b" * (5 << 20))
    os.utime(big, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert hash_of(big, tmp_path / "store") == first, "by size, time and inode it is the same file"
    os.utime(big, (2, 2))
    second = hash_of(big, tmp_path / "store")
    assert second != first
    big.write_bytes(b"c" * (5 << 20))
    third = hash_of(big, tmp_path / "store")
    big.write_bytes(b"d" * (5 << 20))
    assert hash_of(big, tmp_path / "store") != third, "a file written a moment ago is not remembered"
