"""The command line becomes typed options; everything that can be wrong with it alone is told here."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from runner import optionvalues
from runner.arguments import make_parser
from runner.bundle.cleanup import DEFAULT_LIMIT, Cleanup, parse_level
from runner.bundle.options import for_bundles, given_bundles, size_limit
from runner.emit_forms import Form
from runner.folder import Keep
from runner.optionvalues import chosen
from runner.overrides import OVERRIDES, depth_of, pairs_of, settings_of
from schemas.case import Setting
from schemas.errors import UsageError
from schemas.partial import Half
from schemas.words import Depth, Lowering, Mode, Path, Stage


class Engine(StrEnum):
    """How cases are run. docs/engine.md."""

    AUTO = "auto"  # small ones several at a time in one process, whatever does not pass so alone
    SOLO = "solo"  # each alone


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What ``python -m runner`` was asked for. Durations in seconds."""

    names: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()  # the names, where they are folders with a bundle.json
    shard: str | None = None
    half: Half | None = None
    handover: pathlib.Path = pathlib.Path("handover")
    target: str | None = None
    suite: str | None = None
    suites: pathlib.Path = pathlib.Path("suites")
    root: pathlib.Path = pathlib.Path()
    out: pathlib.Path = pathlib.Path("out")
    jobs: int | None = None
    tests: re.Pattern[str] | None = None
    markers: str = ""  # an expression over tags
    collect_only: bool = False
    stages: tuple[Stage, ...] = ()
    skip_stages: tuple[Stage, ...] = ()
    from_stage: Stage | None = None
    depth: Depth | None = None  # the one among the settings
    settings: tuple[Setting, ...] = ()  # what replaces the suites' own, from the command line and the environment
    path: Path | None = None
    mode: Mode | None = None
    lowering: Lowering | None = None
    emit: tuple[Form, ...] = ()
    keep: Keep = Keep.FAILED
    cleanup: Cleanup = Cleanup.LARGE
    bundle_limit: int = DEFAULT_LIMIT
    accept_changes: bool = False
    op: str = ""  # only these operations, of cases that go op by op
    profile_ops: bool = False
    load_inputs: bool = False
    resume: bool = False
    rerun: bool = True
    engine: Engine = Engine.AUTO
    force_recompile: bool = False
    compiler: str | None = None
    timeout: float | None = None
    timeout_scale: float = 1.0
    durations: int = 0
    log_level: str = "warning"


def parse(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> Options:
    """The options of a command line (default: this process'); UsageError for one that cannot be obeyed.

    What stands in ``environ`` counts where the command line says nothing.
    """
    given = vars(make_parser().parse_args(argv))
    environment = {**(environ or {}), **pairs_of(given.pop("overrides"))}
    settings = settings_of({name: given.pop(name) for name in OVERRIDES}, environment)
    names = tuple(given["names"])
    bundles = given_bundles(names)
    keep = Keep(given["keep"]) if given["keep"] else (Keep.NONE if bundles else Keep.FAILED)
    options = Options(
        **{
            **given,
            "names": () if bundles else names,
            "bundles": bundles,
            "half": Half(given["half"]) if given["half"] else None,
            "tests": optionvalues.pattern(given["tests"]),
            "stages": optionvalues.stages("--stages", given["stages"]),
            "skip_stages": optionvalues.stages("--skip-stages", given["skip_stages"]),
            "from_stage": optionvalues.word("--from", Stage, given["from_stage"]),
            "depth": depth_of(settings),
            "settings": settings,
            "path": optionvalues.word("--path", Path, given["path"]),
            "mode": optionvalues.word("--mode", Mode, given["mode"]),
            "emit": optionvalues.words("--emit", Form, given["emit"]),
            "lowering": optionvalues.word("--lowering", Lowering, given["lowering"]),
            "op": chosen(given["op"]),
            "keep": keep,
            "engine": Engine(given["engine"]),
            "cleanup": parse_level(given["cleanup"] or "large"),
            "bundle_limit": size_limit(given["bundle_limit"]),
            "force_recompile": optionvalues.boolean("--force-recompile", given["force_recompile"]),
            "timeout": None if given["timeout"] is None else optionvalues.seconds(given["timeout"]),
        }
    )
    _check(options)
    if given["keep"] not in (None, Keep.NONE) and not options.cleanup.bundles:
        raise UsageError(
            f"--keep {keep} and --cleanup {given['cleanup']}: at that level no bundle is left to keep",
            "leave one of the two out",
        )
    return options


def _check(options: Options) -> None:
    if options.shard and (options.names or options.bundles):
        raise UsageError("--shard and CASE-OR-MODEL exclude each other", "narrow a shard with --tests REGEX")
    if options.op and not options.names:
        raise UsageError("--op needs CASE-OR-MODEL, whose operation it is", "name the model, and --target")
    if options.bundles:
        for_bundles(options)
    elif options.from_stage or options.accept_changes:
        raise UsageError(
            f"{'--from' if options.from_stage else '--accept-changes'} belongs to BUNDLE", "name a bundle's folder"
        )
    if not options.shard and not options.names and not options.bundles:
        raise UsageError("nothing to run", "give --shard SUITE/TARGET[/N], or CASE-OR-MODEL with --target; see --help")
    _check_half(options)
    _check_of_models(options)
    if options.markers:
        optionvalues.markers(options.markers)
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least one case must run at a time", "give 1 or more")
    if not options.timeout_scale > 0:
        raise UsageError(f"--timeout-scale {options.timeout_scale:g}: not above zero", "give a factor such as 2 or 0.5")
    if options.durations < 0:
        raise UsageError(f"--durations {options.durations}: below zero", "give how many cases to print")


def _check_half(options: Options) -> None:
    if options.half is None:
        return
    if not options.shard:
        raise UsageError(f"--half {options.half} belongs to --shard", "name the shard, or leave it out")
    for option, value in (("--stages", options.stages), ("--skip-stages", options.skip_stages)):
        if value:
            raise UsageError(f"{option} and --half: the half says which stages are run", f"leave {option} out")
    if options.resume and options.half is Half.BUILD:
        raise UsageError("--resume: a build is not gone on with", "run it again; it leaves nothing of the first one")


def _check_of_models(options: Options) -> None:
    for option in ("target", "suite", "path", "mode", "lowering"):
        if options.shard and getattr(options, option):
            raise UsageError(f"--{option} belongs to CASE-OR-MODEL", "the shard's name says it already; leave it out")
    if options.emit and not options.names:
        raise UsageError("--emit belongs to CASE-OR-MODEL", "name the models whose artefacts are wanted")
