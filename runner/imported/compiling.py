"""The modules of a definition become compiled ones, each with exactly the definition's flags, and their figures."""

from __future__ import annotations

import pathlib

import msgspec

from runner.backends import iree
from runner.backends.tuning import ir_flags, tuning_flags
from runner.cache.use import Order, compile_once
from runner.work import Work
from schemas.imported import Definition, ModuleDefinition

_STATISTICS = "--iree-scheduling-dump-statistics"
_LIBRARY = "--iree-codegen-transform-dialect-library"


def compile_modules(work: Work, definition: Definition) -> None:
    """Compile every module in order; raises StageFailure for the first that cannot be.

    Figures of all modules add up; of several, each one's own are kept as ``<figure>/<module>`` too.
    """
    made: list[pathlib.Path] = []
    work.compiler_flags = ()
    for name, module in named(definition):
        compiled, figures = _compile(work, name, module)
        made.append(compiled)
        for figure, value in figures.items():
            work.metrics[figure] = value + work.metrics.get(figure, 0.0)
            if len(definition.modules) > 1:
                work.metrics[f"{figure}/{name}"] = value
    work.compiled, *further = made
    work.further_compiled = tuple(further)


def named(definition: Definition) -> tuple[tuple[str, ModuleDefinition], ...]:
    """The modules with names that can be those of files, each once."""
    names: list[str] = []
    for module in definition.modules:
        base = module.name.replace("/", "_")
        name, number = base, 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return tuple(zip(names, definition.modules, strict=True))


def _compile(work: Work, name: str, module: ModuleDefinition) -> tuple[pathlib.Path, dict[str, float]]:
    job = work.job
    compiled, statistics = work.folder / f"{name}.vmfb", work.folder / f"{name}.statistics.json"
    flags, counted = _flags(work, module, statistics)
    work.compiler_flags = tuple(dict.fromkeys((*work.compiler_flags, *flags)))
    source, ir = pathlib.Path(job.places[module.source]), pathlib.Path(job.logs) / iree.IR_FOLDER / name
    extra = (*counted, *ir_flags(job.case.tuning, ir, flags))
    compile_once(work, Order(source, compiled, flags, extra, statistics, ir if job.case.tuning.save_ir else None))
    return compiled, {"vmfb_bytes": float(compiled.stat().st_size)} | _figures(statistics)


def _flags(work: Work, module: ModuleDefinition, statistics: pathlib.Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The definition's flags, then the manifest's own; and those for statistics that it has not itself.

    A file of statistics that it names by a relative path would be written among the suite's own files, by all cases at
    once: it goes into the case's folder.
    """
    job, here = work.job, f"{_STATISTICS}-file={statistics}"
    library = (f"{_LIBRARY}={job.places[module.library]}",) if module.library else ()
    tuned = tuning_flags(job.case.tuning, None)
    given = tuple(here if _is_relative_file(each) else each for each in module.flags)
    flags = (*given, *library, *tuned, *job.case.compile_flags)
    named_file = any(each.startswith(f"{_STATISTICS}-file=") for each in flags)
    named_format = any(each.startswith(f"{_STATISTICS}-format=") for each in flags)
    more = (*(() if named_file else (here,)), *(() if named_format else (f"{_STATISTICS}-format=json",)))
    return flags, more


def _is_relative_file(flag: str) -> bool:
    name, _, value = flag.partition("=")
    return name == f"{_STATISTICS}-file" and bool(value) and not value.startswith("/")


def _figures(statistics: pathlib.Path) -> dict[str, float]:
    """None where the definition has them in another format, or elsewhere."""
    try:
        return iree.metrics_of(
            msgspec.json.decode(statistics.read_bytes(), type=dict[str, dict[str, dict[str, float]]])
        )
    except (OSError, ValueError):
        return {}
