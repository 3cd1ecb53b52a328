"""A case and the options of its run become the command that runs it alone."""

from __future__ import annotations

import os
import pathlib
import shlex

from e2eshard.commands import command
from runner.bundle.resumption import Resumption
from runner.options import Options
from runner.overrides import as_options
from schemas.case import Case
from schemas.words import Lowering, Mode
from suites.manifest import ADHOC


def command_of(case: Case, resumed: Resumption | None, options: Options) -> str:
    """The command that runs a case of this run alone: by its name, or by the bundle from which it goes on."""
    return reproduce_command(case, options) if resumed is None else bundle_command(resumed.named, options)


def reproduce_command(case: Case, options: Options) -> str:
    """``python -m runner MODEL@PATH --target T --suite S`` with every option that changes what happens in the case."""
    if case.suite == ADHOC and case.definition is not None:
        named = [os.path.relpath(options.suites / case.source.locator)]
    elif case.suite == ADHOC or options.path or options.mode or options.lowering:  # may be in no suite
        named = [case.model, "--path", case.path]
        named += ["--mode", case.mode] if options.mode or case.mode is not Mode.EVAL else []
        named += ["--lowering", case.lowering] if options.lowering or case.lowering is not Lowering.TORCH else []
    else:
        named = [case.key]
    return _with_options([*command("runner"), *named, "--target", case.target, "--suite", case.suite], options)


def bundle_command(bundle: str, options: Options | None = None) -> str:
    """``python -m runner BUNDLE``, with the options of a run of that bundle, or as one begins with a kept one."""
    argv = [*command("runner"), bundle]
    if options is None:
        return shlex.join(argv)
    if options.from_stage is not None:
        argv += ["--from", options.from_stage]
    return _with_options(argv, options)


def _with_options(argv: list[str], options: Options) -> str:
    if options.suites != pathlib.Path("suites") and not options.bundles:
        argv += ["--suites", str(options.suites)]
    if options.depth is not None:
        argv += ["--depth", str(options.depth)]
    argv += as_options(options.settings)
    if options.stages:
        argv += ["--stages", ",".join(options.stages)]
    if options.skip_stages:
        argv += ["--skip-stages", ",".join(options.skip_stages)]
    if options.load_inputs:
        argv += ["--load-inputs"]
    if options.compiler is not None:
        argv += ["--compiler", options.compiler]
    if options.timeout is not None:
        argv += ["--timeout", f"{options.timeout:g}s"]
    if options.timeout_scale != 1:
        argv += ["--timeout-scale", f"{options.timeout_scale:g}"]
    return shlex.join(argv)
