"""Turns a command line into one of the generator's programs: generate, list, explain, select, init."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from schemas.errors import E2EShardError, Exit

Program = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one program; returns its exit code. Errors that a user can mend are printed without a traceback."""
    top = parser()
    arguments = top.parse_args(argv)
    program: Program = arguments.program
    if program is not generate and (arguments.check or arguments.rebalance):
        top.error("--check and --rebalance belong to `python -m generator` without COMMAND")
    try:
        return program(arguments)
    except E2EShardError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001  # whatever it is, it is our bug, and says so
        traceback.print_exc()
        return Exit.BUG


def generate(arguments: argparse.Namespace) -> int:
    """Load, check, shard, render, compare; then write, or with ``--check`` complain."""
    from generator import plan, write  # noqa: PLC0415  # --help stays quick
    from suites import catalog, workspace  # noqa: PLC0415

    root, suites = _folders(arguments)
    with _without_collector():
        loaded = workspace.load(suites)
        catalog.require_version()
        naming = plan.naming(root, suites)
        planned = plan.plan(loaded, loaded.timings, root, naming, rebalance=arguments.rebalance)
    changes = write.compare(root, planned)
    if arguments.check:
        write.require_none(changes, naming.command)
    write.apply(root, changes)
    for change in changes:
        print(f"{'pruned ' if change.new is None else 'written'} {change.path}")
    print(f"{len(planned)} generated files are up to date" if not changes else f"{len(changes)} files changed")
    return Exit.OK


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Many values are made, and none is garbage in a cycle: looking for such takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def show_list(arguments: argparse.Namespace) -> int:
    """What runs where, and for how long."""
    from generator import listing, plan  # noqa: PLC0415
    from suites import workspace  # noqa: PLC0415

    root, suites = _folders(arguments)
    loaded = workspace.load(suites)
    chosen = (loaded.suite(arguments.suite),) if arguments.suite else loaded.suites
    durations, naming = loaded.timings, plan.naming(root, suites)
    matrices = [plan.build_matrix(loaded, suite, durations, root, naming) for suite in chosen]
    print(listing.suite_page(matrices[0]) if arguments.suite else listing.overview(matrices, chosen))
    return Exit.OK


def show_explanation(arguments: argparse.Namespace) -> int:
    """Where each value of a suite, target, model or case comes from."""
    from suites import explain  # noqa: PLC0415

    _, suites = _folders(arguments)
    print(explain.explain(suites, arguments.name))
    return Exit.OK


def show_selection(arguments: argparse.Namespace) -> int:
    """Writes the matrices of one run to the job's outputs, and the selection to its file."""
    from generator import select  # noqa: PLC0415
    from schemas import codec  # noqa: PLC0415

    root, _ = _folders(arguments)
    matrix = select.read_matrix(root, arguments.suite)
    wishes = select.Wishes(
        targets=tuple(name for name in arguments.targets.replace(",", " ").split() if name),
        tests=arguments.tests,
        depth=arguments.depth,
        compiler_version=arguments.compiler_version,
        force_recompile=arguments.force_recompile,
        hosted_only=arguments.hosted_only,
    )
    selection = select.select(matrix, wishes)
    lines = "".join(f"{name}={value}\n" for name, value in select.outputs(matrix, selection).items())
    if arguments.selection:
        arguments.selection.write_bytes(codec.encode_pretty(selection))
    output = arguments.output or os.environ.get("GITHUB_OUTPUT")
    if output:
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(lines)
        print(select.summary(matrix, selection))
    else:
        print(lines, end="")
    return Exit.OK


def make_repository(arguments: argparse.Namespace) -> int:
    """Suites, workflows and their setup for a repository that has none; says what to do next."""
    from generator import init, pins  # noqa: PLC0415

    arguments.root = arguments.directory or arguments.root
    root, suites = _folders(arguments)
    requirement = pins.require_pinned(arguments.requirement) if arguments.requirement else None
    for path in init.init(root, suites, requirement, force=arguments.force):
        print(f"written {path}")
    print(*init.next_steps(root, suites, requirement), sep="\n")
    return Exit.OK


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m generator``."""
    top = _described(
        argparse.ArgumentParser(prog="python -m generator"),
        "Writes .github/matrices/<suite>.json, .github/workflows/suite-<suite>.yml and shard.yml from the suites.",
        "python -m generator --check",
    )
    top.set_defaults(program=generate)
    _add_folders(top, root=".", suites=None)
    top.add_argument("--check", action="store_true", help="write nothing; exit 3 with a diff when a file is stale")
    top.add_argument(
        "--rebalance", action="store_true", help="assign every case anew, whatever the committed matrices say"
    )
    commands = top.add_subparsers(title="other programs", metavar="COMMAND")
    _add_list(commands)
    _add_explain(commands)
    _add_select(commands)
    _add_init(commands)
    return top


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _described(
        commands.add_parser("list", help="what runs where, and for how many minutes"),
        "Lists all suites; with a SUITE, its shards and their cases.",
        "python -m generator list presubmit",
    )
    command.set_defaults(program=show_list)
    command.add_argument("suite", nargs="?", metavar="SUITE")
    _add_folders(command)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _described(
        commands.add_parser("explain", help="where each value comes from (file:line)"),
        "Shows every setting of a suite, target, model or case, with the place that gives it.",
        "python -m generator explain onnx/node/test_abs",
    )
    command.set_defaults(program=show_explanation)
    command.add_argument("name", metavar="NAME")
    _add_folders(command)


def _add_select(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _described(
        commands.add_parser("select", help="the matrices of one run, for a workflow's first job"),
        "Reads the committed matrix of SUITE, keeps the shards that hold a chosen case, and writes one line NAME=JSON "
        "per shard job to $GITHUB_OUTPUT. Empty values mean: everything, as the manifest says.",
        "python -m generator select presubmit --tests='onnx/node/test_(abs|add)@'",
    )
    command.set_defaults(program=show_selection)
    command.add_argument("suite", metavar="SUITE")
    command.add_argument("--targets", default="", metavar="A,B", help="only these targets")
    command.add_argument("--tests", default="", metavar="REGEX", help="only cases whose id matches somewhere")
    command.add_argument("--depth", default="", metavar="DEPTH", help="how far cases go, instead of the suite's depth")
    command.add_argument(
        "--compiler-version", default="", metavar="V", help="instead of the pinned compiler, one exact version"
    )
    _add_switch(command, "--force-recompile", "the shards make, download and compile everything again")
    _add_switch(command, "--hosted-only", "only targets on machines that GitHub hosts, as for a pull request")
    command.add_argument(
        "--output", metavar="FILE", help="append here instead of $GITHUB_OUTPUT; without either: print"
    )
    command.add_argument("--selection", type=Path, metavar="FILE", help="write what was selected, for `results merge`")
    _add_folders(command)


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _described(
        commands.add_parser("init", help="targets, a manifest and workflows for another repository"),
        "Writes a small suite, its target, its workflows, and the action that installs this e2eshard in them, into the "
        "repository DIR (default: here). Nothing is written when one of the files is there already.",
        "python -m generator init ../my-compiler --requirement 'e2eshard==0.1.0'",
    )
    command.set_defaults(program=make_repository)
    command.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="the repository (default: here)")
    command.add_argument(
        "--suites",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FOLDER",
        help="where targets.yaml and the manifest go (default: DIR/suites)",
    )
    command.add_argument(
        "--requirement",
        default="",
        metavar="SPEC",
        help="what the workflows install, as in a requirement file (default: the e2eshard that is running)",
    )
    command.add_argument("--force", action="store_true", help="replace files that are in the way")


def _add_switch(command: argparse.ArgumentParser, name: str, text: str) -> None:
    """A switch that also takes true or false, so that a workflow can hand on a boolean input."""
    command.add_argument(
        name, nargs="?", type=_boolean, const=True, default=False, metavar="true|false", help=f"{text} (bare: true)"
    )


def _boolean(text: str) -> bool:
    values = {"true": True, "false": False, "": False}
    if text not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return values[text]


def _add_folders(command: argparse.ArgumentParser, **defaults: str | None) -> None:
    # A subcommand must not overwrite what was given before it: only the top parser has defaults.
    suppress = {"root": argparse.SUPPRESS, "suites": argparse.SUPPRESS} | defaults
    command.add_argument(
        "--suites",
        type=Path,
        default=suppress["suites"],
        metavar="DIR",
        help="folder of targets.yaml and manifests (default: ROOT/suites)",
    )
    command.add_argument(
        "--root",
        type=Path,
        default=suppress["root"],
        metavar="DIR",
        help="repository that holds .github (default: here)",
    )


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path]:
    root: Path = Path(arguments.root)
    return root, arguments.suites or root / "suites"


def _described(command: argparse.ArgumentParser, description: str, example: str) -> argparse.ArgumentParser:
    command.formatter_class = argparse.RawDescriptionHelpFormatter  # an example that is wrapped cannot be copied
    command.description = textwrap.fill(description, width=100)
    command.epilog = f"example: {example}"
    return command
