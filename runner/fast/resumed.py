"""Bundles of one shard become passes, run after one another in one process on one device, or are left to be run alone.

A native process for each would start the driver each time, which for small modules takes longer than what it is for.
"""

from __future__ import annotations

import functools
import os
import pathlib
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from runner.bundle.steps import Steps
from runner.failures import StageFailure
from runner.lastword import last_word
from runner.protocol import Event, Finished, Job, Left, Passed, StageStarted
from runner.spinners import Spinners
from runner.tensors import Array
from runner.work import EntryPoint, Work, present
from schemas.record import READS_BEHIND, StageResult
from schemas.words import Stage, StageStatus

if TYPE_CHECKING:
    from runner.fast.session import Session

_LOOKS, _BETWEEN_LOOKS = 10, 0.002  # seconds


def run_resumed(file: pathlib.Path, log: pathlib.Path, emit: Callable[[Event], None]) -> None:
    """Go on with every job that ``file`` holds from its bundle, in this process, which belongs to the batch alone.

    What goes wrong with one, in whatever way, leaves it; what goes wrong with the process leaves all that have not
    passed.
    """
    device, jobs = _Device(log), msgspec.json.decode(file.read_bytes(), type=tuple[Job, ...])
    left: dict[int, Left] = {}
    for number, job in enumerate(jobs):
        emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
        try:
            emit(device.passed(number, job, len(jobs)))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the case's own process will say it in its own words
            traceback.print_exc()
            left[number] = Left(member=number, why=f"{type(error).__name__}: {error}"[:200])
            emit(left[number])
    for number, call in device.doubted.items():  # last: what goes wrong here costs no other what it has
        emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
        if _reads_behind(call):
            emit(msgspec.structs.replace(left[number], note=READS_BEHIND))
    emit(Finished())


def _reads_behind(call: Callable[[int], tuple[Array, ...]]) -> bool:
    from runner.fast.behind import reading_behind  # noqa: PLC0415 - the runtime, which is loaded by now

    try:
        (reads,) = reading_behind(lambda behind: (call(behind),))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - what cannot be called again has ended as it has
        traceback.print_exc()
        return False
    return reads


class _Device:
    """The device that all share, opened when the first module is run."""

    def __init__(self, log: pathlib.Path) -> None:
        self._log = log
        self._session: Session | None = None
        self._spinners, self._calm = Spinners(), False
        self._again: Callable[[int], tuple[Array, ...]] | None = None
        self.doubted: dict[int, Callable[[int], tuple[Array, ...]]] = {}  # whose outputs differ, and how to call them

    def passed(self, number: int, job: Job, modules: int) -> Passed:
        """What a process of the case's own would have said; raises what a stage raises."""
        self._again = None
        pathlib.Path(job.folder).mkdir()
        steps = Steps(job)
        steps.work.log = self._log
        reused = {each.stage: each for each in job.reused}
        ended: list[StageResult] = []
        for stage in Stage:
            if stage in reused:
                steps.restore(stage)
                ended.append(reused[stage])
            if stage in job.stages:
                step = self._infer if stage is Stage.COMPILED_INFERENCE else steps.of(stage)
                begun = time.perf_counter()
                steps.work.stage_begun = time.monotonic()
                self._step(number, stage, step, steps.work)
                seconds = time.perf_counter() - begun
                ended.append(StageResult(stage=stage, status=StageStatus.PASS, seconds=seconds))
        said = last_word(steps.work, steps.notes())
        return Passed(member=number, modules=modules, stages=tuple(ended), last_word=said)

    def _step(self, number: int, stage: Stage, step: Callable[[Work], None], work: Work) -> None:
        try:
            step(work)
        except StageFailure:
            if stage is Stage.COMPARISON and self._again is not None:
                self.doubted[number] = self._again
            raise

    def _infer(self, work: Work) -> None:
        from runner.fast.behind import LONGEST  # noqa: PLC0415 - the runtime, and only where something is run
        from runner.fast.session import BEHIND, Session  # noqa: PLC0415 - likewise

        imported, compiled = present(work.imported, "imported module"), present(work.compiled, "compiled module")
        if imported.parameters is not None:
            raise ValueError("its parameters are read by the native tool")
        device = work.job.target.device
        work.runtime_flags = (f"--device={device}",)
        if self._session is None:
            self._session = Session(device)
        if not self._calm and device.startswith("vulkan"):
            self._calm = _calmed(self._spinners)
        call = functools.partial(self._called, compiled, imported.entry, present(work.inputs, "inputs"))
        begun = time.perf_counter()
        work.outputs = call(BEHIND)
        self._again = call if time.perf_counter() - begun < LONGEST else None

    def _called(
        self, compiled: pathlib.Path, entry: EntryPoint, inputs: tuple[Array, ...], behind: int
    ) -> tuple[Array, ...]:
        session = present(self._session, "session")
        session.load(compiled.read_bytes())
        return session.call(entry.name, inputs, entry.results, behind)


def _calmed(spinners: Spinners) -> bool:
    """Let threads that spin before anything is asked of the device share a processor; whether that is settled."""
    for _ in range(_LOOKS):
        if spinners.look(os.getpid()):
            return True
        time.sleep(_BETWEEN_LOOKS)
    return False
