"""One graph's values become messages: golden, compiled and compared, each portion as a module of its own."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Sequence

import msgspec

from runner.backends import iree
from runner.failures import classify
from runner.intermediates.judge import as_demoted, compare_value
from runner.intermediates.messages import Checked, Message, Over, Planned, Refused
from runner.intermediates.values import Subject, Value, portions
from runner.lowerings import LOWERINGS
from runner.tensors import Array
from runner.work import Work
from schemas.words import StageStatus

#: Diverging values that are told with their figures.
MOST_TOLD = 20
#: Modules that may fail before the rest is given up: halving a portion finds the values that cannot be outputs.
_MOST_FAILURES = 24


class Checker:
    """Checks the values of one model's graphs. ``work`` is a shadow of the case's, with a folder of its own."""

    def __init__(self, work: Work, say: Callable[[Message], None]) -> None:
        self._work = work
        self._say = say
        self._room = MOST_TOLD
        self._failures = 0
        self._modules = 0

    def check(self, subjects: Sequence[Subject]) -> None:
        """All values of all graphs, in their order, and a last word."""
        for subject in subjects:
            self._say(Planned(values=len(subject.values), left_out=subject.left_out))
        for subject in subjects:
            for chosen in portions(subject.values, self._work.job.case.memory_limit):
                self._portion(subject, chosen)
        gave_up = self._failures >= _MOST_FAILURES
        self._say(Over(f"{_MOST_FAILURES} modules failed" if gave_up else ""))

    def _portion(self, subject: Subject, chosen: tuple[Value, ...]) -> None:
        """The values as outputs of one module, or of two with half of them each where that fails."""
        if self._failures >= _MOST_FAILURES:
            return
        folder = self._work.folder / f"portion_{self._modules}"
        self._modules += 1
        folder.mkdir(parents=True)
        try:
            golden = subject.golden(chosen)
            actual = self._run(subject, chosen, golden, folder)
        except Exception as error:
            status, info = classify(error)
            if status is StageStatus.INFRA:
                raise
            self._failures += 1
            self._halve(subject, chosen, info.signature)
        else:
            self._say(self._compared(subject, chosen, golden, actual))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _halve(self, subject: Subject, chosen: tuple[Value, ...], signature: str) -> None:
        if len(chosen) == 1 or self._failures >= _MOST_FAILURES:
            self._say(Refused(values=len(chosen), signature=signature))
            return
        middle = len(chosen) // 2
        self._portion(subject, chosen[:middle])
        self._portion(subject, chosen[middle:])

    def _run(
        self, subject: Subject, chosen: Sequence[Value], golden: Sequence[Array], folder: pathlib.Path
    ) -> tuple[Array, ...]:
        work = self._work
        job = msgspec.structs.replace(work.job, folder=str(folder), logs=str(folder))
        own = Work(job=job, frontend=work.frontend, folder=folder, log=work.log)
        imported = subject.write_module(chosen, golden, folder)
        own.imported = imported
        lowered = LOWERINGS[job.case.lowering](own, imported)
        compiled = iree.compile_module(own, imported, lowered)
        outputs = iree.run_module(own, imported, compiled, subject.inputs())
        if len(outputs) != len(chosen):
            msg = f"the module returned {len(outputs)} values where {len(chosen)} were asked for"
            raise ValueError(msg)
        return outputs

    def _compared(
        self, subject: Subject, chosen: Sequence[Value], golden: Sequence[Array], actual: Sequence[Array]
    ) -> Checked:
        case = self._work.job.case
        diverging, demoted = [], 0
        for value, expected, found in zip(chosen, golden, actual, strict=True):
            demoted += as_demoted(expected, found) is not expected
            compared = compare_value(value, expected, found, case)
            if not compared.passed:
                name = f"{subject.label}: {compared.output}" if subject.label else compared.output
                diverging.append(msgspec.structs.replace(compared, output=name))
        told = tuple(diverging[: self._room])
        self._room -= len(told)
        return Checked(compared=len(chosen), diverging=len(diverging), demoted=demoted, told=told)
