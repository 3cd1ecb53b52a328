"""The real worker over real ONNX models, with faults where a node's name asks for one."""

from __future__ import annotations

import mmap
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from runner import worker
from runner.ops import stage
from runner.ops.program import OpProgram, Place, Walker
from runner.protocol import Event, Job
from runner.tensors import Array
from runner.work import Golden, Imported, Work
from schemas.ops import OpKey, TensorType
from schemas.opwords import OpBackend

#: A file that gets a line for each operation whose module is made: what was really run.
RAN = "E2ESHARD_TEST_RAN"
preload = worker.preload


def run(job: Job, emit: Callable[[Event], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "WALKERS", {OpBackend.ONNX: FaultyWalker})
        worker.run(job, emit)


class FaultyWalker:
    backend = OpBackend.ONNX

    def __init__(self, work: Work) -> None:
        from runner.ops.onnx_walk import OnnxWalker  # noqa: PLC0415 - ONNX Runtime starts a thread, before no fork

        self._walker: Walker = OnnxWalker(work)

    def places(self) -> Iterator[Place]:
        for place in self._walker.places():
            if place.node == "kill-case":
                os.kill(os.getpid(), signal.SIGKILL)
            if place.node == "refuse":
                msg = "this model cannot be walked"
                raise RuntimeError(msg)
            program = place.program
            faulty = None if program is None else FaultyProgram(program, place.node.partition("-")[0])
            yield Place(place.name, place.node, place.graph, place.skip, place.why, faulty)

    def notes(self) -> tuple[str, ...]:
        return self._walker.notes()


class FaultyProgram:
    """With a fault each time that its module is made; of ``crash1`` the first time only, of ``crash2`` not then."""

    def __init__(self, program: OpProgram, fault: str) -> None:
        self._program = program
        self._fault = fault

    @property
    def key(self) -> OpKey:
        return self._program.key

    @property
    def results(self) -> tuple[TensorType, ...]:
        return self._program.results

    def operands(self) -> tuple[Array, ...]:
        return self._program.operands()

    def golden(self) -> tuple[Golden, ...] | None:
        return self._program.golden()

    def write_module(self, folder: pathlib.Path) -> Imported:
        ran = pathlib.Path(os.environ[RAN])
        with ran.open("a") as file:
            file.write(f"{self.key.name}\n")
        fault, when = self._fault.rstrip("12"), self._fault[-1:]
        again = ran.read_text().split().count(self.key.name) > 1
        if not when.isdigit() or (when == "2") == again:
            FAULTS.get(fault, _none)()
        return self._program.write_module(folder)


def _none() -> None:
    pass


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    subprocess.run(["sleep", "3600"], check=False)


def leave() -> None:
    os._exit(0)


def eat() -> None:
    hoard = []
    for _ in range(600):  # 2.4 GB, piece by piece
        piece = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        piece.write(b"x" * (4 << 20))
        hoard.append(piece)


def gulp() -> None:
    bytearray(2 << 30)


def daemon() -> None:
    """Leave a process behind that has a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)


FAULTS: Mapping[str, Callable[[], None]] = {each.__name__: each for each in (crash, hang, leave, eat, gulp, daemon)}
