"""One call of the compiler becomes its module or its failure, from the cache where that knows it."""

from __future__ import annotations

import contextlib
import pathlib
from dataclasses import dataclass

from runner.cache.compiled import LARGEST_REST, CompileCache, Uncacheable
from runner.cache.entries import Entry, Failure, Hit
from runner.cache.neutral import Own
from runner.disk import complaint
from runner.process import ToolResult
from runner.tools import Attempt, attempt, failure_of, repeat, said_since
from runner.work import Told, Work
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, StageStatus

SECONDS = "compile_seconds"
PEAK = "compile_peak_rss_bytes"


@dataclass(frozen=True)
class Order:
    """What is to be compiled. ``extra`` are flags that only name places: of the statistics, and of the IR.

    ``entry`` is what the importer has called its entry point, where another model's module may be equal but for that.
    """

    module: pathlib.Path
    output: pathlib.Path
    flags: tuple[str, ...]
    extra: tuple[str, ...]
    statistics: pathlib.Path
    ir: pathlib.Path | None = None
    entry: str = ""

    def argv(self, compiler: str) -> list[str]:
        """The command line."""
        return [compiler, str(self.module), "-o", str(self.output), *self.flags, *self.extra]


def compile_once(work: Work, order: Order) -> None:
    """Make ``order.output``, or raise StageFailure as the compiler's own failure would; counts in the metrics."""
    caching = work.job.caching
    cache = CompileCache(caching) if caching is not None and caching.limit > 0 else None
    own = _own(work, order)
    nameless = b"" if any(order.entry in flag for flag in order.flags) else own.nameless()
    key, common = _keys(cache, order, nameless) if cache is not None else ("", "")
    if cache is None or not key:
        _finish(work, _run(work, order)[0])
        return
    for known in (key, common) if caching is not None and not caching.force else ():
        found = cache.find(known, order.output) if known else None
        if found is not None:
            _repeat(work, order, known, found)
            return
    made, entry = _run(work, order)
    if entry is not None and _keys(cache, order)[0] == key:  # no file that the flags name was changed meanwhile
        of_all = own.nameless_failure(entry) if common and isinstance(entry, Failure) else None
        if _keep(cache, order, common if of_all else key, of_all or entry):
            _forget(cache, key if of_all else common)
    elif caching is not None and caching.force:
        _forget(cache, key, common)  # a crash now contradicts what was known
    _finish(work, made)


def _keep(cache: CompileCache, order: Order, key: str, entry: Hit | Failure) -> bool:
    if isinstance(entry, Hit):
        return cache.keep_module(key, entry, order.output)
    return cache.keep_failure(key, entry)


def _forget(cache: CompileCache, *keys: str) -> None:
    for each in filter(None, keys):
        cache.forget(each)


def _keys(cache: CompileCache, order: Order, nameless: bytes = b"") -> tuple[str, str]:
    """The module's key, and that of how all fail that are equal but for the name, where there is one.

    Empty where the compiler has to be started in any case.
    """
    printed = tuple(flag for flag in order.extra if "elide" in flag)
    keeps = "ir" if order.ir is not None else ""
    with contextlib.suppress(Uncacheable):
        return cache.keys_of((*order.flags, *printed), order.module, keeps, nameless)
    return "", ""


def _run(work: Work, order: Order) -> tuple[Attempt, Hit | Failure | None]:
    """Start the compiler; how it ended, and that as an entry if it may be kept."""
    order.output.unlink(missing_ok=True)
    argv, told, work.told = order.argv(work.job.toolchain.iree_compile), work.told, None
    made = attempt(work, argv) if told is None else _elsewhere(work, argv, told)
    result = made.result
    _count(work, MODULES_COMPILED, result.seconds, result.peak_rss_bytes)
    failure = failure_of(work, made)
    if result.exit_code is None or result.timed_out or (failure is not None and failure.status is not StageStatus.FAIL):
        return made, None
    said = _own(work, order).neutral(said_since(work, made.start))
    extras = _extras(order)
    if complaint(said) or extras is None:
        return made, None
    entry = Entry(
        seconds=result.seconds,
        peak_rss_bytes=result.peak_rss_bytes,
        said=said,
        statistics=order.statistics.read_bytes() if order.statistics.is_file() else b"",
        extras=extras,
    )
    about = {name: getattr(entry, name) for name in entry.__struct_fields__}
    if result.ok:
        return made, Hit(**about) if order.output.is_file() else None
    return made, Failure(**about, exit_code=result.exit_code)


def _elsewhere(work: Work, argv: list[str], told: Told) -> Attempt:
    """How the compiler has refused the module in a run for several, which it had each by itself."""
    result = ToolResult(exit_code=1, signal=None, seconds=told.seconds, peak_rss_bytes=None)
    return repeat(work, argv, f"run for {told.modules} modules in one process, each by itself", told.said, result)


def _repeat(work: Work, order: Order, key: str, found: Hit | Failure) -> None:
    """Leave behind what the compiler would have: its words in the log, its statistics, its IR, its failure."""
    code = found.exit_code if isinstance(found, Failure) else 0
    result = ToolResult(exit_code=code, signal=None, seconds=0, peak_rss_bytes=None)
    argv, said = order.argv(work.job.toolchain.iree_compile), _own(work, order).restored(found.said)
    made = repeat(work, argv, f"not run: from the cache, {key}", said, result)
    if found.statistics:
        order.statistics.write_bytes(found.statistics)
    if order.ir is not None and found.extras:
        order.ir.mkdir(parents=True, exist_ok=True)
        for name, data in found.extras.items():
            (order.ir / name).write_bytes(data)
    _count(work, MODULES_FROM_CACHE, found.seconds, found.peak_rss_bytes)
    _finish(work, made)


def _finish(work: Work, made: Attempt) -> None:
    failure = failure_of(work, made)
    if failure is not None:
        raise failure


def _count(work: Work, which: str, seconds: float, peak: int | None) -> None:
    metrics = work.metrics
    metrics.setdefault(MODULES_COMPILED, 0.0)
    metrics.setdefault(MODULES_FROM_CACHE, 0.0)
    metrics[which] += 1.0
    metrics[SECONDS] = metrics.get(SECONDS, 0.0) + seconds
    if peak is not None:
        metrics[PEAK] = max(metrics.get(PEAK, 0.0), float(peak))


def _own(work: Work, order: Order) -> Own:
    return Own(work.folder, order.module, order.entry)


def _extras(order: Order) -> dict[str, bytes] | None:
    """The IR that was written; None where that is too much to be kept."""
    if order.ir is None or not order.ir.is_dir():
        return {}
    files = [each for each in sorted(order.ir.iterdir()) if each.is_file()]
    if sum(each.stat().st_size for each in files) > LARGEST_REST:
        return None
    return {each.name: each.read_bytes() for each in files}
