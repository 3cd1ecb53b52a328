"""The command line becomes typed options; everything that can be wrong with it alone is told here."""

from __future__ import annotations

import argparse
import pathlib
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from runner.bundle.cleanup import DEFAULT_LIMIT, Cleanup, parse_level
from runner.bundle.options import for_bundles, given_bundles, size_limit
from runner.folder import Keep
from schemas.errors import UsageError
from schemas.words import Depth, Lowering, Stage

_EXAMPLES = """\
examples:
  python -m runner --shard presubmit/cpu                     every shard of a target, one after the other
  python -m runner --shard nightly-execute/cpu/3 --resume    go on with a shard that was cut off
  python -m runner onnx/node/test_abs --target cpu           one model, no matrix
  python -m runner 'onnx/node/test_softmax*' --target cpu --depth compile --keep all
  python -m runner out/s/cpu/0/bundles/onnx/abs__onnx        go on from a kept bundle, wherever it lies now
  python -m runner BUNDLE --from compiled_inference          with the bundle's compiled module: no compiler is needed

exit codes: 0 all as expected, 1 unexpected outcomes, 2 bad manifest or usage, 3 stale matrix or journal,
            4 nothing could start, 70 a bug of the runner, 130 interrupted
"""
_LOG_LEVELS = ("debug", "info", "warning", "error")
W = TypeVar("W", Depth, Lowering, Stage)
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What ``python -m runner`` was asked for. Durations in seconds."""

    names: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()  # the names, where they are folders with a bundle.json
    shard: str | None = None
    target: str | None = None
    suite: str | None = None
    suites: pathlib.Path = pathlib.Path("suites")
    root: pathlib.Path = pathlib.Path()
    out: pathlib.Path = pathlib.Path("out")
    jobs: int | None = None
    tests: re.Pattern[str] | None = None
    collect_only: bool = False
    stages: tuple[Stage, ...] = ()
    skip_stages: tuple[Stage, ...] = ()
    from_stage: Stage | None = None
    depth: Depth | None = None
    lowering: Lowering | None = None
    keep: Keep = Keep.FAILED
    cleanup: Cleanup = Cleanup.LARGE
    bundle_limit: int = DEFAULT_LIMIT
    accept_changes: bool = False
    load_inputs: bool = False
    resume: bool = False
    rerun: bool = True
    force_recompile: bool = False
    compiler: str | None = None
    timeout: float | None = None
    timeout_scale: float = 1.0
    durations: int = 0
    log_level: str = "warning"


def parse(argv: Sequence[str] | None = None) -> Options:
    """The options of a command line (default: this process'); UsageError for one that cannot be obeyed."""
    given = vars(_parser().parse_args(argv))
    names = tuple(given["names"])
    bundles = given_bundles(names)
    keep = Keep(given["keep"]) if given["keep"] else (Keep.NONE if bundles else Keep.FAILED)
    options = Options(
        **{
            **given,
            "names": () if bundles else names,
            "bundles": bundles,
            "tests": _pattern(given["tests"]),
            "stages": _stages("--stages", given["stages"]),
            "skip_stages": _stages("--skip-stages", given["skip_stages"]),
            "from_stage": _word("--from", Stage, given["from_stage"]),
            "depth": _word("--depth", Depth, given["depth"]),
            "lowering": _word("--lowering", Lowering, given["lowering"]),
            "keep": keep,
            "cleanup": parse_level(given["cleanup"] or "large"),
            "bundle_limit": size_limit(given["bundle_limit"]),
            "force_recompile": _boolean("--force-recompile", given["force_recompile"]),
            "timeout": None if given["timeout"] is None else _seconds(given["timeout"]),
        }
    )
    _check(options)
    if given["keep"] not in (None, Keep.NONE) and not options.cleanup.bundles:
        raise UsageError(
            f"--keep {keep} and --cleanup {given['cleanup']}: at that level no bundle is left to keep",
            "leave one of the two out",
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runner",
        description="Run one shard, single models, or kept bundles, and leave one record a case.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to run")
    what.add_argument(
        "names",
        nargs="*",
        metavar="CASE-OR-MODEL | BUNDLE",
        help="case ids, case keys, model names or globs; or folders with a bundle.json",
    )
    what.add_argument(
        "--shard", metavar="SUITE/TARGET[/N]", help="a shard of the suite's matrix; without /N all of them"
    )
    what.add_argument("--target", metavar="TARGET", help="where to run CASE-OR-MODEL")
    what.add_argument("--suite", metavar="SUITE", help="which suite's settings CASE-OR-MODEL has (default: the first)")
    what.add_argument("--tests", metavar="REGEX", default="", help="only cases whose id matches (anywhere in it)")
    what.add_argument("--depth", metavar="DEPTH", default="", help="how far to go, instead of the suite's depth")
    what.add_argument("--lowering", metavar="L", default="", help="torch, linalg or stablehlo; with CASE-OR-MODEL")
    what.add_argument("--stages", metavar="A,B", default="", help="only these stages")
    what.add_argument("--skip-stages", metavar="A,B", default="", help="all stages but these")
    what.add_argument(
        "--from", dest="from_stage", metavar="STAGE", default="", help="with BUNDLE: this stage and all after it"
    )
    what.add_argument(
        "--accept-changes",
        action="store_true",
        help="with BUNDLE: take its files as they are now, and write their hashes into its bundle.json",
    )
    what.add_argument("--load-inputs", action="store_true", help="take inputs and golden from the model's stored data")
    what.add_argument("--collect-only", action="store_true", help="print the case ids and stop")
    where = parser.add_argument_group("where things lie")
    where.add_argument(
        "--suites", metavar="DIR", type=pathlib.Path, default=pathlib.Path("suites"), help="(default: suites)"
    )
    where.add_argument(
        "--root", metavar="DIR", type=pathlib.Path, default=pathlib.Path(), help="folder of .github (default: .)"
    )
    where.add_argument("--out", metavar="DIR", type=pathlib.Path, default=pathlib.Path("out"), help="(default: out)")
    where.add_argument("--compiler", metavar="DIR", help="a compiler's build or installation, instead of the package's")
    where.add_argument(
        "--keep", choices=[str(k) for k in Keep], help="whose bundles to keep (default: failed; with BUNDLE: none)"
    )
    where.add_argument(
        "--cleanup",
        metavar="LEVEL",
        default="",
        help="what is removed of a kept case: 0 nothing, 1 large (files above --bundle-limit; the default), 2 modules "
        "(those too), 3 artefacts (all but logs), 4 everything",
    )
    where.add_argument(
        "--bundle-limit", metavar="SIZE", default="", help="of one file in a bundle, such as 2GiB (default: 500MiB)"
    )
    how = parser.add_argument_group("how to run")
    how.add_argument("--jobs", type=int, metavar="N", help="cases at a time (default: the target's, else one a core)")
    how.add_argument("--resume", action="store_true", help="keep the records of a run that was cut off")
    how.add_argument(
        "--no-rerun", dest="rerun", action="store_false", help="do not run unexpected failures a second time, alone"
    )
    how.add_argument(
        "--force-recompile",
        nargs="?",
        const="true",
        default="false",
        metavar="BOOL",
        help="make or download models again",
    )
    how.add_argument("--timeout", metavar="T", help="of each case: 90s, 10m; instead of the manifest's")
    how.add_argument(
        "--timeout-scale", type=float, default=1.0, metavar="X", help="multiply every timeout, of stages too"
    )
    how.add_argument("--durations", type=int, default=0, metavar="N", help="print the N slowest cases at the end")
    how.add_argument("--log-level", choices=_LOG_LEVELS, default="warning", help="(default: warning)")
    return parser


def _check(options: Options) -> None:
    if options.shard and (options.names or options.bundles):
        raise UsageError("--shard and CASE-OR-MODEL exclude each other", "narrow a shard with --tests REGEX")
    if options.bundles:
        for_bundles(options)
    elif options.from_stage or options.accept_changes:
        raise UsageError(
            f"{'--from' if options.from_stage else '--accept-changes'} belongs to BUNDLE", "name a bundle's folder"
        )
    if not options.shard and not options.names and not options.bundles:
        raise UsageError("nothing to run", "give --shard SUITE/TARGET[/N], or CASE-OR-MODEL with --target; see --help")
    for option in ("target", "suite", "lowering"):
        if options.shard and getattr(options, option):
            raise UsageError(f"--{option} belongs to CASE-OR-MODEL", "the shard's name says it already; leave it out")
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least one case must run at a time", "give 1 or more")
    if not options.timeout_scale > 0:
        raise UsageError(f"--timeout-scale {options.timeout_scale:g}: not above zero", "give a factor such as 2 or 0.5")
    if options.durations < 0:
        raise UsageError(f"--durations {options.durations}: below zero", "give how many cases to print")


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise UsageError(
            f"--tests {text!r} is no regular expression: {error}", "escape special characters with \\"
        ) from error


def _stages(option: str, text: str) -> tuple[Stage, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return tuple(stage for stage in (_word(option, Stage, name) for name in names) if stage is not None)


def _word(option: str, kind: type[W], text: str) -> W | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        from suites.findings import did_you_mean  # noqa: PLC0415 - only a mistake needs it

        raise UsageError(
            f"{option}: there is no {kind.__name__.lower()} {text!r}", did_you_mean(text, list(kind))
        ) from None


def _boolean(option: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise UsageError(f"{option}={text}: neither true nor false", f"write {option} or {option}=false")


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    seconds = float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2] or "s"] if match else 0.0
    if not seconds:
        raise UsageError(f"--timeout {text}: not a duration above zero", "write 90s, 10m or 1.5h")
    return seconds
