"""What a batch's members share in its process: the compiler's run, the device, and what is kept for later runs."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runner.backends import compile_flags, iree
from runner.fast.compiling import Compiler, Told
from runner.fast.joining import Renamed, rename
from runner.fast.known import Known, Place, Refusal
from runner.protocol import PACKAGE, Batch, Failed, Job
from runner.stages.steps import STEPS
from runner.work import EntryPoint, Imported, Work, present
from schemas.words import Stage

if TYPE_CHECKING:
    from runner.fast.session import Session
    from runner.fast.worker import One

_IN_PROCESS = ("local-task", "local-sync")


class Running:
    """One batch in its process."""

    def __init__(self, job: Job, batch: Batch) -> None:
        self._job = job
        self.flags = compile_flags(job.target, job.case.compile_flags)
        self._known = Known(pathlib.Path(batch.store)) if batch.store else None
        self._session: Session | None = None
        self._loaded: pathlib.Path | None = None
        self._compiler = Compiler(job.toolchain, self.flags, pathlib.Path(job.folder))
        self._kept: dict[pathlib.Path, str] = {}
        inside = job.target.device in _IN_PROCESS and job.toolchain.origin == PACKAGE
        self._infer = self._call if inside else self._run_module

    def step(self, stage: Stage) -> Callable[[Work], None]:
        """What a stage does: the same as alone, but for inference."""
        return self._infer if stage is Stage.COMPILED_INFERENCE else STEPS[stage]

    def rename(self, one: One) -> None:
        """Give an imported module's functions names that no other member has; raises what MLIR raises."""
        imported = present(one.work.imported, "imported module")
        one.functions = _renamed(one, imported)
        entry = EntryPoint(f"{one.functions.prefix}{imported.entry.name}", imported.entry.results)
        one.work.imported = Imported(imported.module, entry)

    def refused(self, ones: list[One], began: Callable[[], None]) -> Iterator[tuple[One, Told]]:
        """Those that the compiler refuses when it has all of them, and what it says of each."""
        same: dict[Renamed, list[One]] = {}
        for one in ones:
            with contextlib.suppress(Exception):  # what cannot be joined is compiled alone
                same.setdefault(_renamed(one, present(one.work.imported, "imported module")), []).append(one)
        groups = list(same.values())
        name = present(ones[0].work.imported, "imported module").module.name if ones else ""
        for number, told in self._compiler.refused(list(same), name, began).items():
            yield from ((one, told) for one in groups[number])

    def compile(self, ones: list[One], left: Callable[[int, str], None], began: Callable[[], None]) -> None:
        """Compile what was imported; each member then has its compiled module and its share of the time."""
        same: dict[Renamed, list[One]] = {}  # the same model may be tested with several inputs
        for one in ones:
            same.setdefault(present(one.functions, "renamed functions"), []).append(one)
        groups = list(same.values())
        number_of = {one.number: number for number, one in enumerate(ones)}

        def leave(group: int, why: str) -> None:
            for one in groups[group]:
                left(number_of[one.number], why)

        for part in self._compiler.compile(list(same), leave, began):
            for one in (one for group in part.numbers for one in groups[group]):
                one.work.compiled = part.compiled
                one.work.compiler_flags = self.flags
                one.seconds[Stage.COMPILATION] = part.share
                one.modules = len(part.numbers)

    def keep(self, one: One) -> None:
        """Keep a member's module, and where its entry point lies in it, for later runs."""
        one.work.compiler_flags = self.flags
        if self._known is None or one.member.compiled or not one.member.key:
            return
        compiled, entry = present(one.work.compiled, "compiled module"), present(one.work.imported, "module").entry
        with contextlib.suppress(OSError):  # a full store: the case has passed all the same
            if compiled not in self._kept:
                self._kept[compiled] = self._known.keep_module(compiled.read_bytes())
            self._known.keep(
                one.member.key,
                Place(module=self._kept[compiled], function=entry.name, results=entry.results, modules=one.modules),
            )

    def keep_failure(self, one: One, failed: Failed) -> None:
        """Keep how a member was refused, for later runs, where that is the model's own doing."""
        refusal = Refusal.of(failed)
        if self._known is None or not one.member.key or refusal is None:
            return
        with contextlib.suppress(OSError):
            self._known.keep(one.member.key, refusal)

    def _call(self, work: Work) -> None:
        """Inference in this process."""
        from runner.fast.session import Session  # noqa: PLC0415 - the runtime, and only where something is run

        compiled, entry = present(work.compiled, "compiled module"), present(work.imported, "module").entry
        work.runtime_flags = (f"--device={self._job.target.device}",)
        if self._session is None:
            self._session = Session(self._job.target.device)
        if self._loaded != compiled:
            kept = self._known is not None and compiled.is_relative_to(pathlib.Path(self._known.folder))
            self._session.load(self._known.read(compiled) if self._known and kept else compiled.read_bytes())
            self._loaded = compiled
        work.outputs = self._session.call(entry.name, present(work.inputs, "inputs"), entry.results)

    def _run_module(self, work: Work) -> None:
        """Inference by the native tool, on the one module that all share."""
        work.folder.mkdir(exist_ok=True)
        imported, compiled = present(work.imported, "module"), present(work.compiled, "compiled module")
        work.outputs = iree.run_module(work, imported, compiled, present(work.inputs, "inputs"))


def _renamed(one: One, imported: Imported) -> Renamed:
    return rename(imported.module.read_bytes(), f"c{one.member.key[:20] or one.number}_")
