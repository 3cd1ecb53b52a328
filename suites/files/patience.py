"""An attempt that may fail for a moment becomes one that is repeated, with growing pauses, until it works."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from schemas.errors import InfraError

ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds; doubles with every attempt
#: A server that asks for a longer pause than this will not be waited for.
LONGEST_PAUSE = 120.0
_WORTH = 1 << 20  # bytes that make an attempt a step forward, after which the attempts are counted anew


class RetryError(Exception):
    """This attempt failed in a way that another may not."""

    def __init__(self, message: str, *, after: float = 0.0, restart: bool = False) -> None:
        """``after``: seconds that the server asks to be left alone; ``restart``: what was received is of no use."""
        super().__init__(message)
        self.after = after
        self.restart = restart


class UnreachableError(RetryError):
    """The server gave no answer at all."""


def patiently(
    once: Callable[[], None],
    what: str,
    *,
    attempts: int = ATTEMPTS,
    pause: float = FIRST_PAUSE,
    progress: Callable[[], int] = lambda: 0,
) -> None:
    """Call ``once`` until it returns. Raises InfraError after ``attempts`` failures in a row without progress.

    ``progress`` gives the bytes that are safely here: a large file over a bad line is not given up as long as it grows.
    """
    failed, most = 0, progress()
    while True:
        try:
            once()
        except RetryError as error:
            here = progress()
            failed = 1 if here >= most + _WORTH else failed + 1
            most = max(most, here)
            if error.after > LONGEST_PAUSE:
                raise InfraError(
                    f"{what}: {error}, and asks to be left alone for {error.after:.0f} s", "try again later"
                ) from error
            if failed >= attempts:
                raise InfraError(
                    f"{what} could not be downloaded in {attempts} attempts; the last one said: {error}",
                    "try again later, or check the address and this machine's network",
                ) from error
            spread = random.uniform(1.0, 1.25)  # noqa: S311 - so that a hundred machines do not come back at once
            time.sleep(max(error.after, pause * 2 ** (failed - 1) * spread))
        else:
            return
