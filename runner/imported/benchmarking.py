"""A definition's modules run by iree-benchmark-module, and the times that it prints."""

from __future__ import annotations

import pathlib
import statistics

import msgspec

from runner.failures import StageFailure
from runner.imported import arguments, goldens, running
from runner.imported.compiling import named
from runner.tools import invoke
from runner.work import Work
from schemas.errors import InfraError
from schemas.figures import FIGURES, measured_of
from schemas.imported import Definition, GoldenKind, TestType

_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
_TOOL = "iree-benchmark-module"


class _Sample(msgspec.Struct):
    """One entry of `benchmarks` in Google Benchmark's JSON."""

    name: str = ""
    run_type: str = ""
    aggregate_name: str = ""
    real_time: float = 0.0
    time_unit: str = "ns"
    error_occurred: bool = False
    error_message: str = ""


class _Printed(msgspec.Struct):
    benchmarks: list[_Sample] = []


def benchmark(work: Work, definition: Definition) -> None:
    """Time the function where a time is asked for, then hold all figures against the goldens.

    Raises StageFailure where the tool fails, and where a golden is missed.
    """
    if definition.type is TestType.BENCHMARK:
        _measure(work, definition)
    found = goldens.against(definition.goldens, _figures(work, definition))
    for each in definition.goldens:
        figure = goldens.BY_KIND[each.kind]
        work.metrics |= {figure.golden: each.value, figure.limit: each.value * each.factor}
    work.notes = (*work.notes, *found.notes)
    if found.missed:
        raise StageFailure(found.signature, "\n".join(found.lines))


def _figures(work: Work, definition: Definition) -> dict[GoldenKind, float]:
    """Those of the judged module, where there are several; the time is that of all."""
    modules, metrics = named(definition), work.metrics
    judged = next((name for name, each in modules if each.name == definition.judged), modules[0][0])
    for each in FIGURES:
        own = metrics.get(f"{each.metric}/{judged}")
        if own is not None and each.judged != each.metric:
            metrics[each.judged] = own
    found = ((each.kind, measured_of(each, metrics)) for each in FIGURES)
    return {kind: value for kind, value in found if value is not None}


def _measure(work: Work, definition: Definition) -> None:
    tool = pathlib.Path(work.job.toolchain.iree_run_module).with_name(_TOOL)
    if not tool.is_file():
        raise InfraError(f"there is no {tool}", "build the target iree-benchmark-module, or use the released packages")
    work.runtime_flags = running.own_flags(work, definition)
    argv = [
        *running.command(work, definition, str(tool)),
        *arguments.expected(work, definition),
        "--benchmark_format=json",
        *work.runtime_flags,
    ]
    printed = work.folder / "benchmark.json"
    invoke(work, argv, stdout=printed)
    work.metrics |= times(printed.read_bytes())


def times(printed: bytes) -> dict[str, float]:
    """Figures in milliseconds of all samples that are no aggregates; raises StageFailure where there are none."""
    try:
        entries = msgspec.json.decode(printed, type=_Printed).benchmarks
    except msgspec.MsgspecError as error:
        raise StageFailure(f"{_TOOL} printed no JSON", f"{error}\n{printed[:400].decode(errors='replace')}") from error
    failed = next((each for each in entries if each.error_occurred), None)
    if failed is not None:
        raise StageFailure(f"{_TOOL}: a benchmark ended with an error", failed.error_message)
    samples = [
        each.real_time * _MILLISECONDS[each.time_unit]
        for each in entries
        if not each.aggregate_name and each.run_type != "aggregate" and each.time_unit in _MILLISECONDS
    ]
    if not samples:
        raise StageFailure(f"{_TOOL} printed no samples", "leave out --benchmark_report_aggregates_only")
    return {
        "time_min_ms": min(samples),
        "time_median_ms": statistics.median(samples),
        "time_mean_ms": statistics.fmean(samples),
        "time_spread_ms": max(samples) - min(samples),
        "repetitions": float(len(samples)),
    }
