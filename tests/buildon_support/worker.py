"""The real worker, whose batches meet with the fault that ``E2ESHARD_TEST_FAULT`` names. Single cases run as ever."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from runner import worker
from runner.protocol import Event, Job
from runner.tensors import Array

preload = worker.preload_steps
FAULT = "E2ESHARD_TEST_FAULT"


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """A case, or a batch with its fault in every call."""
    if job.batch is not None:
        _in_call(FAULTS[os.environ[FAULT]])
    worker.run(job, emit)


def _in_call(fault: Callable[[tuple[Array, ...], int], tuple[Array, ...]]) -> None:
    from runner.fast import session  # noqa: PLC0415 - the runtime, and in a batch's own process only

    plain = session.Session.call

    def called(self: Any, *given: Any) -> tuple[Array, ...]:
        return fault(plain(self, *given), given[3] if len(given) > 3 else session.BEHIND)

    session.Session.call = called  # type: ignore[method-assign]


def _crash(_outputs: tuple[Array, ...], _: int) -> tuple[Array, ...]:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("unreachable")


def _lose(_outputs: tuple[Array, ...], _: int) -> tuple[Array, ...]:
    raise RuntimeError("VK_ERROR_DEVICE_LOST")


def _spoil(outputs: tuple[Array, ...], _: int) -> tuple[Array, ...]:
    return tuple(each + 1 for each in outputs)


def _hang(outputs: tuple[Array, ...], _: int) -> tuple[Array, ...]:
    time.sleep(600)
    return outputs


def _behind(outputs: tuple[Array, ...], behind: int) -> tuple[Array, ...]:
    """As if each value were read from behind the inputs."""
    return tuple(each + (1 + behind) for each in outputs)


FAULTS = {
    "none": lambda outputs, _: outputs,
    "behind": _behind,
    "crash": _crash,
    "hang": _hang,
    "lose": _lose,
    "spoil": _spoil,
}
