"""Cases become those that may share a process and a compilation, by family, and those that go alone."""

from __future__ import annotations

import pathlib
from collections.abc import Collection

import msgspec

from runner.folder import Keep
from runner.options import Engine, Options
from schemas.case import Case, Expectation, Tuning
from schemas.target import Target
from schemas.words import Depth, Lowering, Mode, Outcome, Path, SourceKind, Stage

#: Bytes of a model above which joining gains nothing: its own compilation outweighs the start of the compiler.
LARGEST_MODEL = 256 * 1024
#: Bytes of a compiled module above which running it outweighs the start of a process for it.
LARGEST_MODULE = 1024 * 1024
_ON_DEVICE = {Stage.COMPILED_INFERENCE, Stage.POSTPROCESSING, Stage.COMPARISON}
_KINDS = (SourceKind.ONNX_NODE, SourceKind.ONNX_DATA, SourceKind.ONNX_FILE)
_DEPTHS = (Depth.COMPILE, Depth.EXECUTE)
_BACKENDS = ("llvm-cpu", "vmvx")  # whose devices run in any process; a lost GPU would take the whole batch with it
_PLAIN = Tuning()
_QUICK = (Outcome.FAIL, Outcome.CRASH)


def engine_runs(options: Options, target: Target) -> bool:
    """Whether this run may have batches at all: one that wants something of single cases has none."""
    return (
        options.engine is Engine.AUTO
        and options.half is None  # a build hands over each case's own bundle
        and target.backend in _BACKENDS
        and not target.exclusive_device
        and options.timeout is None
        and not (options.bundles or options.stages or options.skip_stages or options.load_inputs or options.emit)
        and not (options.op or options.profile_ops or options.keep is Keep.ALL)
    )


def mark(case: str, *, expected: bool) -> str:
    """How a case is remembered that is to go alone: another way to end would be as it should once it is declared."""
    return f"{case} expected" if expected else case


def joinable(case: Case, alone: Collection[str]) -> bool:
    """Whether a case may be tried with others; ``alone`` are the marks of those that did not end so when last tried."""
    return (
        mark(case.id, expected=case.expectation is not None) not in alone
        and case.skip is None
        and _may_fail(case.expectation)
        and case.source.kind in _KINDS
        and case.depth in _DEPTHS
        and case.path is Path.ONNX
        and case.lowering is Lowering.TORCH
        and case.mode is Mode.EVAL
        and case.tuning == _PLAIN
        and not (case.run_flags or case.import_flags or case.files)
    )


def _may_fail(expectation: Expectation | None) -> bool:
    """Whether what a case is expected to do costs nobody else anything: one that hangs has to wait for its deadline."""
    return expectation is None or (expectation.outcome in _QUICK and not expectation.anyhow)


def device_runs(options: Options) -> bool:
    """Whether a device's half may have batches: not one that wants something of single cases."""
    wanted = options.timeout is not None or options.stages or options.skip_stages or options.emit
    return options.engine is Engine.AUTO and options.keep is not Keep.ALL and not wanted


def resumable(case: Case, run: Collection[Stage], alone: Collection[str]) -> bool:
    """Whether a case that goes on from its bundle with the stages ``run`` may share a process with others."""
    return (
        case.id not in alone
        and case.skip is None
        and case.expectation is None
        and case.definition is None
        and case.depth is Depth.EXECUTE
        and case.mode is Mode.EVAL
        and case.tuning == _PLAIN
        and not (case.run_flags or case.files)
        and set(run) <= _ON_DEVICE
    )


def is_small(compiled: pathlib.Path) -> bool:
    """Whether a module is so small that the start of a process is much of what running it takes."""
    try:
        return 0 < compiled.stat().st_size <= LARGEST_MODULE
    except OSError:
        return False


def refusal_is_expected(case: Case) -> bool:
    """Whether the compiler is expected to refuse the case's model in so many words, and not to crash on it."""
    expected = case.expectation
    return expected is not None and expected.outcome is Outcome.FAIL and expected.stage is Stage.COMPILATION


def comparison_is_expected(case: Case) -> bool:
    """Whether the case is expected to run, and to have other outputs than the golden ones."""
    expected = case.expectation
    return expected is not None and expected.outcome is Outcome.FAIL and expected.stage is Stage.COMPARISON


def is_joined(case: Case) -> bool:
    """Whether a member of a batch is compiled and called with others as far as it goes."""
    return case.expectation is None or comparison_is_expected(case)


def family(case: Case) -> bytes:
    """Equal for cases that one process and one run of the compiler can serve."""
    what = (case.depth, case.compile_flags, case.environment, case.memory_limit, case.timeout, case.stage_timeouts)
    return msgspec.json.encode(what)


def model_file(source: str) -> pathlib.Path | None:
    """The model of a prepared source if it is small and one file; None where it is not."""
    path = pathlib.Path(source)
    path = path / "model.onnx" if path.is_dir() else path
    try:
        return path if 0 < path.stat().st_size <= LARGEST_MODEL else None
    except OSError:
        return None
