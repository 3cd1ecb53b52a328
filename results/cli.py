"""The command line of what comes after a run: arguments in, one call, an exit code out."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from results.text import log_line, log_lines
from schemas.errors import E2EShardError, Exit

if TYPE_CHECKING:
    from results.patch import Patch

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (``schemas.errors.Exit``)."""
    arguments = parser().parse_args(argv)
    command: Command = arguments.call
    try:
        return command(arguments)
    except E2EShardError as error:
        print(log_lines(f"error: {error}"), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        return Exit.OK
    except Exception:  # noqa: BLE001  (exit code 70 tells a bug of ours from a bad run)
        traceback.print_exc()
        return Exit.BUG


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="python -m results", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for add in (_merge, _compare, _expectations, _goldens, _timings, _promote, _fetch):
        add(commands)
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, example: str, call: Command
) -> argparse.ArgumentParser:
    made = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(call=call)
    return made


def _merge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "merge",
        "join a matrix with its shards' results into one report",
        "python -m results merge out/presubmit --matrix .github/matrices/presubmit.json --out out/report",
        _run_merge,
    )
    made.add_argument(
        "inputs", metavar="DIR-OR-ZIP", nargs="+", type=Path, help="folders with shards below, or artifacts"
    )
    made.add_argument(
        "--matrix", metavar="FILE", nargs="+", action="extend", default=[], type=Path, help="what was planned"
    )
    made.add_argument("--selection", metavar="FILE", type=Path, help="what was chosen of it (the report says PARTIAL)")
    made.add_argument("--out", metavar="DIR", required=True, type=Path, help="where the report is written")


def _run_merge(arguments: argparse.Namespace) -> int:
    from results.merge import merge  # noqa: PLC0415  (--help stays quick)
    from results.step_summary import append_summary  # noqa: PLC0415
    from results.writers.registry import OP_WRITERS, WRITERS  # noqa: PLC0415

    head = merge(arguments.inputs, arguments.matrix, arguments.selection, arguments.out)
    append_summary(os.environ, arguments.out / "summary.md")
    counts = " ".join(f"{outcome}={count}" for outcome, count in head.totals.items() if count)
    counts += f" flaky={head.flaky}" if head.flaky else ""
    told = "RED" if head.red else "as expected"
    marks = "".join([", PARTIAL" if head.partial else "", "" if head.planned else ", unplanned"])
    print(f"{sum(head.totals.values())} cases {told}{marks}: {counts or 'no records'}")
    for problem in head.problems:
        kind = "problem" if problem.red else "note"
        print(log_line(f"{kind}: {problem.kind}: {problem.file}: {problem.text}"), file=sys.stderr)
    names = (*WRITERS, *(OP_WRITERS if head.ops is not None else ()))
    print("report: " + " ".join(str(arguments.out / name) for name in names))
    return Exit.UNEXPECTED if head.red else Exit.OK


def _compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "compare",
        "say what changed between two runs; exit 1 on a regression",
        "python -m results compare out/yesterday out/report",
        _run_compare,
    )
    made.add_argument("old", metavar="OLD", type=Path, help="a results.json, or a folder of a report or of shards")
    made.add_argument("new", metavar="NEW", type=Path, help="likewise")
    made.add_argument("--format", choices=("md", "json"), default="md", help="what is printed (default: md)")


def _run_compare(arguments: argparse.Namespace) -> int:
    from results.compare import compare  # noqa: PLC0415
    from results.compare_text import markdown  # noqa: PLC0415
    from results.load import load  # noqa: PLC0415
    from schemas.codec import encode_pretty  # noqa: PLC0415

    found = compare(load(arguments.old), load(arguments.new))
    print(encode_pretty(found).decode().rstrip() if arguments.format == "json" else log_lines(markdown(found)))
    return Exit.UNEXPECTED if found.red else Exit.OK


def _expectations(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "expectations",
        "refresh the expected failures from a run; prints the patch, exit 1 if a failure cannot be declared",
        "python -m results expectations out/report --write",
        _run_expectations,
    )
    made.add_argument("run", metavar="DIR", type=Path, help="a results.json, or a folder of a report or of shards")
    made.add_argument("--suites", metavar="DIR", type=Path, default=Path("suites"), help="where expectations/ is")
    made.add_argument("--write", action="store_true", help="change the files instead of printing the patch")
    made.add_argument(
        "--cause",
        metavar="TEXT",
        default="",
        help="why new failures at setup, construct_inputs or native_inference are expected; else they are refused",
    )


def _run_expectations(arguments: argparse.Namespace) -> int:
    from results.expectations.command import propose  # noqa: PLC0415

    found = propose(arguments.run, arguments.suites, arguments.cause.strip())
    _hand_over(found.patches, write=arguments.write)
    if found.partial:
        print("note: a PARTIAL run; cases that did not run keep their entries", file=sys.stderr)
    if found.flaky:
        print(f"note: {found.flaky} flaky case(s) keep what the files say of them", file=sys.stderr)
    for one in found.refused:
        print(f"{log_line(f'not declared: {one.case}: {one.why}')}\n    mend: {one.remedy}", file=sys.stderr)
    return Exit.UNEXPECTED if found.refused else Exit.OK


def _goldens(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "goldens",
        "refresh the goldens of imported suites from a run; prints the patch",
        "python -m results goldens out/report --write",
        _run_goldens,
    )
    made.add_argument("run", metavar="DIR", type=Path, help="a results.json, or a folder of a report or of shards")
    made.add_argument("--suites", metavar="DIR", type=Path, default=Path("suites"), help="where the manifests are")
    made.add_argument("--worse", action="store_true", help="also goldens that were missed, not only improved ones")
    made.add_argument("--write", action="store_true", help="change the definitions instead of printing the patch")


def _run_goldens(arguments: argparse.Namespace) -> int:
    from results.goldens import refresh  # noqa: PLC0415

    found = refresh(arguments.run, arguments.suites, worse=arguments.worse)
    for line in found.lines:
        print(log_line(line), file=sys.stderr)
    _hand_over(found.patches, write=arguments.write)
    for one in found.refused:
        print(f"{log_line(f'not changed: {one.case}: {one.why}')}\n    mend: {one.remedy}", file=sys.stderr)
    return Exit.UNEXPECTED if found.refused else Exit.OK


def _timings(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "timings",
        "refresh the recorded durations from runs; prints the patch",
        "python -m results timings out/monday out/tuesday out/wednesday --write",
        _run_timings,
    )
    made.add_argument(
        "runs", metavar="DIR", nargs="+", type=Path, help="results.json files, folders of reports or shards"
    )
    made.add_argument("--suites", metavar="DIR", type=Path, default=Path("suites"), help="where timings/ is")
    made.add_argument("--write", action="store_true", help="change the files instead of printing the patch")


def _run_timings(arguments: argparse.Namespace) -> int:
    from results.timings import refresh  # noqa: PLC0415

    found = refresh(arguments.runs, arguments.suites)
    print(f"{found.measured} durations measured", file=sys.stderr)
    _hand_over(found.patches, write=arguments.write)
    return Exit.OK


def _promote(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "promote",
        "move models between lists as runs say; prints the reasons and the patch",
        "python -m results promote out/monday out/tuesday out/wednesday --out out/promotion",
        _run_promote,
    )
    made.add_argument(
        "runs",
        metavar="DIR",
        nargs="+",
        type=Path,
        help="results.json files, folders of reports or shards, oldest first",
    )
    made.add_argument("--suites", metavar="DIR", type=Path, default=Path("suites"), help="where the manifests are")
    made.add_argument("--write", action="store_true", help="change the manifests instead of printing the patch")
    made.add_argument(
        "--runs", dest="needed", metavar="N", type=_positive, default=3, help="passes in a row that count (default: 3)"
    )
    made.add_argument("--out", metavar="DIR", type=Path, help="write promotion.md, promotion.patch and issues/ there")
    made.add_argument(
        "--repository",
        metavar="URL",
        default=_repository(os.environ),
        help="where issues are filed (default: on GitHub, the repository of the job)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return int(text)


def _repository(environment: Mapping[str, str]) -> str:
    server, name = (environment.get(key, "") for key in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    return f"{server}/{name}" if server and name else ""


def _run_promote(arguments: argparse.Namespace) -> int:
    from results.promote.command import propose, save  # noqa: PLC0415
    from results.step_summary import append_summary  # noqa: PLC0415

    found = propose(arguments.runs, arguments.suites, runs=arguments.needed, repository=arguments.repository)
    print(log_lines(found.explanation))
    for each in found.issues if arguments.out is None else ():
        print(f"{log_lines(each.text())}\n")
    if arguments.out is not None:
        for file in save(found, arguments.out):
            print(f"wrote {file}")
        append_summary(os.environ, arguments.out / "promotion.md")
    _hand_over(found.patches, write=arguments.write)
    return Exit.OK


def _fetch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = _command(
        commands,
        "fetch",
        "fetch the merged reports of suites' last runs from GitHub, with gh",
        "python -m results fetch nightly-execute nightly-op-by-op --runs 3 --out out/reports",
        _run_fetch,
    )
    made.add_argument("suites", metavar="SUITE", nargs="+", help="names of suites")
    made.add_argument("--runs", metavar="N", type=_positive, default=3, help="runs of each suite (default: 3)")
    made.add_argument("--branch", default="main", help="only runs of this branch (default: main)")
    made.add_argument("--event", default="", help="only runs that this started: schedule, workflow_dispatch, …")
    made.add_argument("--out", metavar="DIR", required=True, type=Path, help="one folder a run, named by its time")


def _run_fetch(arguments: argparse.Namespace) -> int:
    from results.promote.fetch import fetch  # noqa: PLC0415

    found = fetch(arguments.suites, arguments.out, runs=arguments.runs, branch=arguments.branch, event=arguments.event)
    for folder in found.folders:
        print(folder)
    for run in found.without:
        print(f"note: no report of {run} is there any more", file=sys.stderr)
    return Exit.OK


def _hand_over(patches: Sequence[Patch], *, write: bool) -> None:
    for patch in patches:
        if write:
            patch.apply()
            print(f"wrote {patch.file}")
        else:
            print(patch.diff(), end="")
    if not patches:
        print("nothing to change", file=sys.stderr)
