"""A suite of models that meet with accidents, and what its shard leaves."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from schemas.words import Stage
from tests.accidents_support.worker import STATE
from tests.runner_support.build import FakeSuite

WORKER = "tests.accidents_support.worker:run"


def accident_suite(root: pathlib.Path, names: Sequence[str], **settings: Any) -> FakeSuite:
    """One shard of ``<fault>-<stage>`` models; every stage has a deadline."""
    settings.setdefault("stage", "20s")
    (root / "state").mkdir(parents=True)
    return FakeSuite(root, [names], stages=tuple(Stage), worker=WORKER, **settings)


def run(suite: FakeSuite, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """The shard, with a place for the faults' memory."""
    return suite.run("--shard", "fakes/cpu/0", *options, **{STATE: str(suite.root / "state"), **extra})


@contextmanager
def small_disk(folder: pathlib.Path, size: str) -> Iterator[None]:
    """Mount a file system of its own on ``folder``; skips the test where that is not allowed."""
    folder.mkdir(parents=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
