"""What a batch's members share in its process: the compiler's run, the device, and what is kept for later runs."""

from __future__ import annotations

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runner.backends import compile_flags, iree
from runner.cache.neutral import named_words, nameless_words
from runner.fast import company
from runner.fast.company import Company
from runner.fast.compiling import Compiler, Left
from runner.fast.joining import BODY, Renamed, rename
from runner.fast.known import Known, Place, Refusal
from runner.fast.refused import module_of
from runner.protocol import PACKAGE, Batch, Companion, Failed, Job
from runner.stages.steps import STEPS
from runner.tensors import Array
from runner.work import Blame, EntryPoint, Imported, Told, Work, present
from schemas.words import Depth, Stage

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
        self._companies: dict[int, tuple[str, tuple[Companion, ...]]] = {}
        self._runtime_flags = (f"--device={job.target.device}",)
        self._inside = job.target.device in _IN_PROCESS and job.toolchain.origin == PACKAGE
        self._infer = self._infer_here if self._inside else self._run_module

    def step(self, stage: Stage) -> Callable[[Work], None]:
        """What a stage does: the same as alone, but for inference."""
        return self._infer if stage is Stage.COMPILED_INFERENCE else STEPS[stage]

    def rename(self, one: One) -> None:
        """Give an imported module's functions names that no other member has; raises what MLIR raises."""
        one.imported = present(one.work.imported, "imported module")
        one.functions = _renamed(one, one.imported)
        _call_as(one, one)

    def refused(self, ones: list[One], began: Callable[[], None]) -> Iterator[tuple[One, Told]]:
        """Those that the compiler refuses when it has all of them, and what it says of each."""
        found: list[One] = []
        for one in ones:
            with contextlib.suppress(Exception):  # what cannot be joined is compiled alone
                one.functions = _renamed(one, present(one.work.imported, "imported module"))
                found.append(one)
        groups = _twins(found)
        name = present(ones[0].work.imported, "imported module").module.name if ones else ""
        modules = [_functions(first) for first, *_ in groups]
        for number, told in self._compiler.refused(modules, name, began).items():
            first, *others = groups[number]
            yield first, told
            yield from ((one, replace(told, said=said)) for one, said in _words_of(others, modules[number], told, name))

    def tell(self, ones: Sequence[One]) -> None:
        """Let members that were refused alike know what the compiler says of each by itself, where one run says it.

        Raises as ``Compiler.severally``.
        """
        firsts = [next((one for one in group if one.member.drawn), group[0]) for group in _twins(ones)]
        modules, lowered = [module_of(one) for one in firsts], all(one.blame is Blame.LOWERED for one in firsts)
        for number, told in self._compiler.severally(modules, lowered=lowered).items():
            firsts[number].work.told = told

    def compile(self, ones: list[One], left: Left, began: Callable[[], None], *, apart: bool = False) -> list[Company]:
        """Compile what was imported; each member then has its compiled module and its share of the time.

        Those in the companies can only be called together. There are none where they are to stay ``apart``.
        """
        groups = _twins(ones)
        number_of = {one.number: number for number, one in enumerate(ones)}

        def leave(group: int, why: str, blame: Blame) -> None:
            for one in groups[group]:
                left(number_of[one.number], why, blame)

        merge = self._inside and not apart and self._job.case.depth is Depth.EXECUTE
        single = [number for number, group in enumerate(groups) if len(group) == 1 and merge]
        companies = []
        for part in self._compiler.compile([_functions(first) for first, *_ in groups], leave, began, merge=single):
            for call in part.calls:
                members = {one.member.key or str(one.number): one for (one,) in map(groups.__getitem__, call.modules)}
                companies.append(Company(part.compiled, call.function, tuple(members), members))
            for group in map(groups.__getitem__, part.numbers):
                for one in group:
                    one.work.compiled = part.compiled
                    one.work.compiler_flags = self.flags
                    one.modules = len(part.numbers)
                    one.seconds[Stage.COMPILATION] = part.share / len(group)
                    one.shared = one is not group[0]
                    _call_as(one, group[0])
        return companies

    def known(self, ones: list[One]) -> list[Company]:
        """Companies of members that were compiled in an earlier run."""
        return company.known(ones, self._known.inputs) if self._known is not None else []

    def call(self, some: Company) -> None:
        """Inference of a company, whose place is kept for later runs; raises as ``Company.call``."""
        given = some.call(self._call)
        for one in some.ones.values():
            one.work.runtime_flags = self._runtime_flags
        if self._known is None or some.stored is not None or not all(one.member.key for one in some.ones.values()):
            return
        with contextlib.suppress(OSError):  # a full store
            self._known.keep_inputs(self._module(some.compiled), some.function, company.packed(given))
            found = some.companions()
            self._companies |= {one.number: (some.function, found) for one in some.ones.values()}

    def reading_behind(self, ones: Sequence[One], some: Company | None) -> tuple[bool, ...]:
        """Of each member, whether its outputs depend on what lies behind inputs; no where its call takes long.

        ``some`` are those that all of them are called with; without it there is one. Raises what the runtime raises.
        """
        seconds = some.seconds if some is not None else ones[0].seconds[Stage.COMPILED_INFERENCE]
        if not self._inside:
            return (False,) * len(ones)
        from runner.fast.behind import LONGEST, reading_behind  # noqa: PLC0415 - the runtime, which is loaded by now

        if seconds >= LONGEST:
            return (False,) * len(ones)

        def outputs(behind: int) -> tuple[tuple[Array, ...], ...]:
            call = functools.partial(self._call, behind=behind)
            if some is not None:
                return some.outputs(call, ones)
            work = ones[0].work
            compiled, entry = present(work.compiled, "compiled module"), present(work.imported, "module").entry
            return (call(compiled, entry.name, present(work.inputs, "inputs"), entry.results),)

        return reading_behind(outputs)

    def keep(self, one: One) -> None:
        """Keep a member's module, and where its entry point lies in it, for later runs."""
        one.work.compiler_flags = self.flags
        if self._known is None or one.member.compiled or not one.member.key:
            return
        compiled, entry = present(one.work.compiled, "compiled module"), present(one.work.imported, "module").entry
        if one.together and one.number not in self._companies:
            return
        function, found = self._companies.get(one.number, (entry.name, ()))
        with contextlib.suppress(OSError):  # a full store: the case has passed all the same
            module, results = self._module(compiled), entry.results
            place = Place(module=module, function=function, results=results, modules=one.modules, company=found)
            self._known.keep(one.member.key, place)

    def _module(self, compiled: pathlib.Path) -> str:
        """Keep a module; its SHA-256. Raises OSError."""
        if compiled not in self._kept:
            self._kept[compiled] = present(self._known, "store").keep_module(compiled.read_bytes())
        return self._kept[compiled]

    def keep_failure(self, one: One, failed: Failed) -> None:
        """Keep how a member was refused, for later runs, where that is the model's own doing."""
        refusal = Refusal.of(failed)
        if self._known is None or not one.member.key or refusal is None:
            return
        with contextlib.suppress(OSError):
            self._known.keep(one.member.key, refusal)

    def _infer_here(self, work: Work) -> None:
        """Inference in this process."""
        compiled, entry = present(work.compiled, "compiled module"), present(work.imported, "module").entry
        work.runtime_flags = self._runtime_flags
        work.outputs = self._call(compiled, entry.name, present(work.inputs, "inputs"), entry.results)

    def _call(
        self,
        compiled: pathlib.Path,
        function: str,
        inputs: tuple[Array, ...],
        results: tuple[str, ...],
        behind: int | None = None,
    ) -> tuple[Array, ...]:
        from runner.fast.session import BEHIND, Session  # noqa: PLC0415 - the runtime, and only where something is run

        if self._session is None:
            self._session = Session(self._job.target.device)
        if self._loaded != compiled:
            kept = self._known is not None and compiled.is_relative_to(pathlib.Path(self._known.folder))
            self._session.load(self._known.read(compiled) if self._known and kept else compiled.read_bytes())
            self._loaded = compiled
        return self._session.call(function, inputs, results, BEHIND if behind is None else behind)

    def _run_module(self, work: Work) -> None:
        """Inference by the native tool, on the one module that all share."""
        work.folder.mkdir(exist_ok=True)
        imported, compiled = present(work.imported, "module"), present(work.compiled, "compiled module")
        work.outputs = iree.run_module(work, imported, compiled, present(work.inputs, "inputs"))


def _twins(ones: Sequence[One]) -> list[list[One]]:
    """Members by module: the same model may be tested with several inputs, under several names."""
    same: dict[str, list[One]] = {}
    for one in ones:
        same.setdefault(_functions(one).nameless, []).append(one)
    return list(same.values())


def _words_of(others: Sequence[One], first: Renamed, told: Told, file: str) -> Iterator[tuple[One, str]]:
    """What is told of a module, as it reads of its twins; nothing where that may depend on their names."""
    words = nameless_words(told.said, first.names[0], file, BODY) if len(first.names) == 1 else None
    if words is not None:
        yield from ((one, named_words(words, _functions(one).names[0])) for one in others)


def _call_as(one: One, first: One) -> None:
    """Let a member call its entry point by the name that it has in the module of ``first``, which is equal."""
    imported, functions = present(one.imported, "imported module"), _functions(first)
    name = functions.names[_functions(one).names.index(imported.entry.name)]
    one.work.imported = Imported(imported.module, EntryPoint(f"{functions.prefix}{name}", imported.entry.results))


def _functions(one: One) -> Renamed:
    return present(one.functions, "renamed functions")


def _renamed(one: One, imported: Imported) -> Renamed:
    return rename(imported.module.read_bytes(), f"c{one.member.key[:20] or one.number}_")
