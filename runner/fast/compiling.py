"""Renamed modules become compiled ones, as many in one run of the compiler as it takes; those it refuses are named."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from runner.fast import severally
from runner.fast.joining import Joined, Renamed, failed_symbols, join
from runner.fast.merging import Call, merged
from runner.process import ToolResult, head, run_tool
from runner.protocol import Toolchain
from runner.quick import (
    NAME_FAILED,
    ONE_THREAD,
    joining_flags,
    plugins_of,
    quick_environment,
    refuses_flags,
    unneeded_plugins,
)
from runner.work import Blame, Told

#: The compiler says what it refuses in its first lines; what it dumps after them may be long.
_SAID = 1 << 20
#: Seconds after which a run that has refused modules by themselves is given up, and what each of them adds. Each takes
#: a tenth of a second where nothing hangs.
_PATIENCE, _EACH = 10.0, 1.0
_SEVERAL = 2
#: The phase after which nothing of the imported dialect is left. Most refusals come before it, in a tenth of the time.
#: Compiling in two runs costs less than in one: the second does not load that dialect, whose patterns every
#: canonicalisation would collect anew. The code that comes out is the same.
_TO, _FROM = "--compile-to", "--compile-from"
_LOWERED = "input"


#: Hears of a module that cannot be compiled with the others: its number, why, and when errors have named it.
Left = Callable[[int, str, Blame], None]
Began = Callable[[], None]


@dataclass(frozen=True)
class Part:
    """Modules by their numbers that were compiled together, what came of it, and the seconds for each of them.

    Those of a call can only be called together.
    """

    numbers: tuple[int, ...]
    compiled: pathlib.Path
    share: float
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class _Run:
    """One run of the compiler: how it ended, its first words, and the modules by the lines of the file it read."""

    source: pathlib.Path
    result: ToolResult
    said: str
    joined: Joined
    output: pathlib.Path
    late: bool = False
    calls: tuple[Call, ...] = ()

    @property
    def blamed(self) -> frozenset[int]:
        return self.joined.blamed(self.said)

    @property
    def suspected(self) -> frozenset[int]:
        """Of calls that it names; which of a call's modules it is will be said once they are apart."""
        symbols = failed_symbols(self.said)
        return frozenset(one for each in self.calls if any(map(each.has, symbols)) for one in each.modules)

    @property
    def blame(self) -> Blame:
        """When it refused those that it names; what it has said before it crashed is no refusal."""
        if self.result.signal is not None:
            return Blame.NONE
        return Blame.LATE if self.late else Blame.LOWERED

    @property
    def why(self) -> str:
        signal = self.result.signal
        return f"the compiler: {f'signal {signal}' if signal is not None else f'exit {self.result.exit_code}'}"


@dataclass(frozen=True)
class _Lowered:
    """Modules that the compiler has lowered at once, what they became, and the seconds for all of them."""

    modules: tuple[Renamed, ...]
    joined: Joined
    seconds: float


class Compiler:
    """One batch's compiler: its tool, its flags and a folder for what it reads and writes."""

    def __init__(self, toolchain: Toolchain, flags: Sequence[str], folder: pathlib.Path) -> None:
        self._tool = toolchain.iree_compile
        self._flags = tuple(flags)
        self._folder = folder
        self._more = joining_flags(self._flags)
        self._phases = not any(flag.partition("=")[0] in (_TO, _FROM) for flag in flags)
        self._runs = 0
        self._lowered: list[_Lowered] = []
        self._merge: frozenset[int] = frozenset()

    def compile(
        self, modules: Sequence[Renamed], left: Left, began: Began, *, merge: Collection[int] = ()
    ) -> list[Part]:
        """Every module that can be compiled with others, in parts; ``left`` hears of the rest.

        Those of the numbers ``merge`` may be put behind common functions.

        What the compiler's errors point at is left out and the others are tried again, also where it crashed after
        them. Where it names a call of several, those are tried without one, and where it says nothing of the kind, the
        halves are. Late errors are dear: modules with rare element types are compiled by themselves. ``began`` is
        called before each run.
        """
        parts: list[Part] = []
        threads = False
        self._merge = frozenset(merge)

        def attempt(numbers: tuple[int, ...]) -> _Run | None:
            nonlocal threads
            part, last = self._part(numbers, tuple(modules[each] for each in numbers), threads, began)
            if part is None:
                self._merge -= {numbers[each] for each in last.suspected}
                threads = True  # whom else it refuses it then names sooner
                return last
            parts.append(part)
            return None

        numbers = tuple(range(len(modules)))
        if self._phases:
            numbers = self._lowerable(modules, left, began)
        odd = frozenset(each for each in numbers if self._phases and modules[each].is_rare)
        for some in (tuple(each for each in numbers if each not in odd), tuple(sorted(odd))):
            _narrow(some, attempt, left)
        return parts

    def refused(self, modules: Sequence[Renamed], name: str, began: Began) -> dict[int, Told]:
        """By number, what the compiler says of modules that it refuses while it lowers them.

        Its words are those that it has for each alone, in a file ``name``. What it says before it crashes does not
        count; whom it blames in other words is not tried again.
        """
        found: dict[int, Told] = {}

        def attempt(numbers: tuple[int, ...]) -> _Run | None:
            if len(numbers) == 1:
                return None  # it is run alone
            run = self._lower(tuple(modules[each] for each in numbers), began)
            told = run.joined.told(run.said, run.source, name) if run.result.exit_code else {}
            share = run.result.seconds / len(numbers)
            found.update({numbers[each]: Told(said, share, len(numbers)) for each, said in told.items()})
            return None if run.result.ok else run

        if self._phases:
            _narrow(tuple(range(len(modules))), attempt, lambda _number, _why, _blame: None)
        return found

    def severally(self, modules: Sequence[pathlib.Path], *, lowered: bool) -> dict[int, Told]:
        """By number, what the compiler says of modules that it refuses, each by itself but in one process.

        They have its flags as alone; of those for joined modules only what leaves plugins out. Modules with one
        function each that it refuses while it lowers them (``lowered``) are read by one thread. Nothing is told where
        it does not refuse all that it has, crashes, is not done in time, or has more to say than is read; what is not
        told of, is compiled alone. Raises OSError where a module cannot be read, or what it reads and says not be
        written.
        """
        texts = {number: path.read_bytes() for number, path in enumerate(modules)}
        numbers = [number for number, text in texts.items() if severally.can_be_among(text)]
        if len(numbers) < _SEVERAL:
            return {}
        self._runs += 1
        source, log, output = (self._folder / f"several_{self._runs}{each}" for each in (".mlir", ".log", ".vmfb"))
        text = severally.text_of([texts[each] for each in numbers])
        source.write_bytes(text)
        how = unneeded_plugins(self._flags, text.decode(errors="replace")) if self._more else ()
        if lowered and all(severally.has_one_function(texts[each]) for each in numbers):
            how = (*how, ONE_THREAD)  # threads would only wait for each other
        argv = [self._tool, str(source), "-o", "-", *self._flags, *how, severally.SPLIT]
        patience = _PATIENCE + _EACH * len(numbers)
        with quick_environment():
            result = run_tool(argv, log=log, stdout=output, timeout=patience, memory=False)
        said = head(log, _SAID + 1)
        if result.exit_code != 1 or result.out_of_memory or output.stat().st_size > 0 or len(said) > _SAID:
            return {}
        words = severally.words_of(said.decode(errors="replace"), [str(modules[each]) for each in numbers])
        share = result.seconds / len(numbers)
        return {numbers[each]: Told(text, share, len(numbers)) for each, text in words.items()}

    def _lowerable(self, modules: Sequence[Renamed], left: Left, began: Began) -> tuple[int, ...]:
        """The numbers of those that the compiler lowers; looking for the others so takes a tenth of the time."""
        found: list[int] = []

        def attempt(numbers: tuple[int, ...]) -> _Run | None:
            run = self._lower(tuple(modules[each] for each in numbers), began)
            found.extend(numbers if run.result.ok else ())
            return None if run.result.ok else run

        _narrow(tuple(range(len(modules))), attempt, left)
        return tuple(sorted(found))

    def _part(
        self, numbers: tuple[int, ...], modules: tuple[Renamed, ...], threads: bool, began: Began
    ) -> tuple[Part | None, _Run]:
        """What is compiled of modules, and the run of the compiler that made it or did not."""
        how, joined, seconds = (NAME_FAILED,) if threads else (NAME_FAILED, ONE_THREAD), join(modules), 0.0
        calls: tuple[Call, ...] = ()
        if self._phases:
            how = (f"{_FROM}={_LOWERED}", *how)
            found, seconds = self._lowered_of(modules)
            if found is None:
                first = self._lower(modules, began)
                if not first.result.ok:
                    return None, first
                found, seconds = self._lowered[-1].joined, first.result.seconds
            joined, calls = merged(found, [at for at, number in enumerate(numbers) if number in self._merge])
        began()
        last = self._compiler(joined, ".vmfb", how)
        made = last.result.ok and last.output.is_file()
        if not made:
            return None, replace(last, late=True, calls=calls)
        share = (seconds + last.result.seconds) / len(numbers)
        calls = tuple(Call(each.function, tuple(numbers[at] for at in each.modules)) for each in calls)
        return Part(numbers, last.output, share, calls), last

    def _lowered_of(self, modules: tuple[Renamed, ...]) -> tuple[Joined | None, float]:
        """What an earlier run made of modules, perhaps with others, and their share of its seconds."""
        for each in reversed(self._lowered):
            if each.modules == modules:
                joined: Joined | None = each.joined
            elif set(modules) <= set(each.modules):
                joined = each.joined.part([each.modules.index(one) for one in modules])
            else:
                continue
            if joined is not None:
                return joined, each.seconds / len(each.modules) * len(modules)
        return None, 0.0

    def _lower(self, modules: tuple[Renamed, ...], began: Began) -> _Run:
        """With its threads: with one, the compiler stops at the first function that it refuses."""
        began()
        joined = join(modules)
        more = (each for each in unneeded_plugins(self._flags, joined.text) if each not in self._more)
        how = (f"{_TO}={_LOWERED}", NAME_FAILED, *more)
        run = self._compiler(joined, ".lowered", how)
        if run.result.ok:
            joined = run.joined.lowered(run.output.read_text())
            self._lowered.append(_Lowered(modules, joined, run.result.seconds))
        return run

    def _compiler(self, joined: Joined, suffix: str, how: tuple[str, ...]) -> _Run:
        self._runs += 1
        source, log, output = (self._folder / f"joined_{self._runs}{each}" for each in (".mlir", ".log", suffix))
        source.write_text(joined.text)
        if not self._more:
            how = tuple(each for each in how if each != NAME_FAILED and each not in plugins_of(how))
        argv = [self._tool, str(source), "-o", str(output), *self._flags, *self._more, *how]
        with quick_environment():
            result = run_tool(argv, log=log, memory=False)
        said = head(log, _SAID).decode(errors="replace")
        if self._more and not result.ok and refuses_flags(said):
            self._more = ()
            return self._compiler(joined, suffix, how)
        return _Run(source, result, said, joined, output)


def _narrow(numbers: tuple[int, ...], attempt: Callable[[tuple[int, ...]], _Run | None], left: Left) -> None:
    """Attempt all, then without those that a failed run blames.

    Where it blames none, those that it suspects and the others, or the halves, down to one.
    """
    waiting = [numbers]
    while waiting:
        some = waiting.pop()
        failed = attempt(some) if some else None
        if failed is None:
            continue
        named = {some[each] for each in failed.blamed}
        blamed = set(some) if not named and len(some) == 1 else named
        for each in sorted(blamed):
            left(each, failed.why, failed.blame if each in named else Blame.NONE)
        half = len(some) // 2
        suspects = set() if blamed else {some[each] for each in failed.suspected}
        rest = tuple(each for each in some if each not in blamed | suspects)
        waiting += [rest, tuple(sorted(suspects))] if blamed or suspects else [some[half:], some[:half]]
