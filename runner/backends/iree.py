"""A module becomes a compiled one by the native iree-compile, and its inputs become outputs by iree-run-module."""

from __future__ import annotations

import json
import pathlib

from runner.backends import compile_flags
from runner.backends.tuning import ir_flags, tuning_flags
from runner.backends.values import output_flag, read_npy, read_text, write_input
from runner.cache.use import Order, compile_once
from runner.spinners import Spinners
from runner.tensors import Array
from runner.tools import invoke
from runner.work import Imported, Work

#: Below a case's logs: the IR after each phase of the compiler.
IR_FOLDER = "ir"
_STATISTICS_FLAG = "--iree-scheduling-dump-statistics"
_STATISTICS = (
    ("dispatch_count", "execution", "dispatch-count"),
    ("executable_count", "executable", "executable-count"),
    ("constant_bytes", "global", "constant-size"),
    ("transient_bytes", "execution", "transient-memory-size"),
)


def compile_module(work: Work, imported: Imported, module: pathlib.Path, prefix: str = "") -> pathlib.Path:
    """Compile ``module``, which ``imported`` was lowered to, for the case's target.

    Metrics come from the compiler's own statistics, which cost nothing. ``prefix`` begins the names of files of one
    module among several, whose metrics add up.
    """
    case, target = work.job.case, work.job.target
    compiled = work.folder / f"{prefix}module.vmfb"
    statistics = work.folder / f"{prefix}statistics.json"
    flags = compile_flags(target, case.compile_flags, tuning_flags(case.tuning, imported.parameters))
    work.compiler_flags = tuple(dict.fromkeys((*work.compiler_flags, *flags))) if prefix else flags
    wanted = [f"{_STATISTICS_FLAG}-file={statistics}", f"{_STATISTICS_FLAG}-format=json"]
    if any(flag.startswith(_STATISTICS_FLAG) for flag in flags):  # the case wants them for itself
        wanted = []
    ir = pathlib.Path(work.job.logs) / IR_FOLDER / prefix.rstrip("_")
    wanted += ir_flags(case.tuning, ir, flags)
    saved = ir if case.tuning.save_ir else None
    order = Order(module, compiled, flags, tuple(wanted), statistics, saved, entry=imported.entry.name)
    compile_once(work, order)
    found = {"vmfb_bytes": float(compiled.stat().st_size)}
    if statistics.is_file():
        found |= metrics_of(json.loads(statistics.read_bytes()))
    for name, value in found.items():
        work.metrics[name] = value + (work.metrics.get(name, 0.0) if prefix else 0.0)
    return compiled


def metrics_of(statistics: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """What a record shows of the compiler's statistics."""
    aggregate = statistics.get("stream-aggregate", {})
    return {
        name: float(aggregate[group][key])
        for name, group, key in _STATISTICS
        if group in aggregate and key in aggregate[group]
    }


def run_module(
    work: Work, imported: Imported, compiled: pathlib.Path, inputs: tuple[Array, ...], prefix: str = ""
) -> tuple[Array, ...]:
    """Call the entry point on ``inputs``; its results in order, with the types that the module really gave."""
    job, entry = work.job, imported.entry
    parameters = ["--parameters={}={}".format(*imported.parameters)] if imported.parameters else []
    flags = (f"--device={job.target.device}", *parameters, *job.case.run_flags)
    work.runtime_flags = tuple(dict.fromkeys((*work.runtime_flags, *flags))) if prefix else flags
    stems = [work.folder / f"{prefix}output_{index}" for index in range(len(entry.results))]
    outputs = [output_flag(element, stem) for element, stem in zip(entry.results, stems, strict=True)]
    texts = work.folder / f"{prefix}outputs.txt"
    invoke(
        work,
        [
            job.toolchain.iree_run_module,
            f"--module={compiled}",
            f"--function={entry.name}",
            *flags,
            *(f"--input={write_input(each, work.folder / f'{prefix}input_{n}')}" for n, each in enumerate(inputs)),
            *(f"--output={each}" for each in outputs),
            *(("--output_max_element_count=2147483647",) if "-" in outputs else ()),
        ],
        stdout=texts,
        looked=Spinners().look if job.target.device.startswith("vulkan") else None,
    )
    printed = read_text(texts.read_text()) if "-" in outputs else []
    if len(printed) != outputs.count("-"):
        msg = f"iree-run-module printed {len(printed)} values where {outputs.count('-')} were asked for"
        raise ValueError(msg)
    values = iter(printed)
    return tuple(
        next(values) if flag == "-" else read_npy(pathlib.Path(flag[1:]), element)
        for flag, element in zip(outputs, entry.results, strict=True)
    )
