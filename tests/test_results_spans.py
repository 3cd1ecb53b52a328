"""Stretches of more files than may be open at a time are read all the same, and no file stays open."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from results.spans import Spans


def opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
@pytest.mark.parametrize(("allowed", "kept"), [(16, 8), (1_000_000, 20), (-1, 20)])
def test_no_more_than_half_of_the_files_that_are_allowed_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, kept: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
    for number in range(20):
        (tmp_path / str(number)).write_text(f"file {number:02}")
    before = opened()
    with Spans() as spans:
        for _ in range(2):
            assert [spans.read(str(tmp_path / str(n)), 5, 2) for n in range(20)] == [b"%02d" % n for n in range(20)]
        assert opened() - before == kept
    assert opened() == before
