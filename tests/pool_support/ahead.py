"""A worker that loads nothing but says that it did, and runs no case."""

from __future__ import annotations

import sys
from collections.abc import Callable

from runner.protocol import Event, Job


def preload() -> None:
    """Say so where the zygote says all that it has to say."""
    print("loaded", file=sys.stderr)


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """No case is ever run."""
    raise NotImplementedError(job, emit)
