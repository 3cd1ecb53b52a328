"""``python -m runner``: options become batches, batches become records, records become an exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from results.text import log_lines
from runner.options import Options, parse
from schemas.errors import E2EShardError, Exit

if TYPE_CHECKING:
    from runner.outcome import Outcome
    from runner.select import Batch
    from schemas.case import Case

_INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code; see ``--help``."""
    try:
        return _main(parse(argv, os.environ))
    except E2EShardError as error:
        print(log_lines(f"error: {error}"), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 - the one place that turns a bug of ours into its exit code
        traceback.print_exc()
        print("error: this is a bug of the runner; the journal has every result so far", file=sys.stderr)
        return Exit.BUG


def _main(options: Options) -> int:
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    from runner.ahead import started_ahead  # noqa: PLC0415 - keeps --help quick

    with started_ahead(options):
        return _half(options) if options.half is not None else _whole(options)


def _whole(options: Options) -> int:
    """What is asked for, on this machine alone."""
    batches = _batches(options)
    if options.op or options.profile_ops:
        from runner.opcases import check_chosen  # noqa: PLC0415 - keeps --help quick

        check_chosen(options, (case for batch in batches for case in batch.cases))
    if options.collect_only:
        return _collect(batches)
    outcomes, emitted = _run(batches, options)
    return max(_exit_code(outcomes, batches), Exit.OK if emitted else Exit.UNEXPECTED)


def _half(options: Options) -> int:
    """One half of a shard whose target builds on another one's machines."""
    from runner.halves.run import run_half  # noqa: PLC0415 - keeps --help quick
    from runner.select import select  # noqa: PLC0415 - likewise
    from suites import workspace  # noqa: PLC0415

    loaded = workspace.load(options.suites)
    batches = select(loaded, options)
    if options.collect_only:
        return _collect(batches)
    with _stop_on_signals() as stopped:
        outcomes = run_half(loaded, batches, options, stopped)
    return _exit_code(outcomes, batches)


def _batches(options: Options) -> tuple[Batch, ...]:
    """What to run: of bundles alone, or of the suites."""
    if options.bundles:
        from runner.bundle.batches import batches_of  # noqa: PLC0415 - keeps --help quick

        return batches_of(options)
    from runner.select import part_of, select  # noqa: PLC0415 - likewise
    from suites import workspace  # noqa: PLC0415

    # Whoever writes a model runs it before any suite names it.
    return select(workspace.load(options.suites, unlisted=bool(options.names), part=part_of(options)), options)


def _collect(batches: Sequence[Batch]) -> int:
    for batch in batches:
        for case in batch.cases:
            print(case.id if case.skip is None else f"{case.id}  (skip: {case.skip.detail or case.skip.reason})")
    return Exit.OK


def _run(batches: Sequence[Batch], options: Options) -> tuple[list[Outcome], bool]:
    """Run batch after batch, each to its reports, and whether all of --emit was written; a stop ends the row."""
    from runner import closing, emit, toolchain  # noqa: PLC0415
    from runner.schedule import Stop  # noqa: PLC0415
    from runner.shard import ShardRun  # noqa: PLC0415

    on_ci = os.environ.get("GITHUB_ACTIONS") == "true" or bool(os.environ.get("CI"))
    outcomes: list[Outcome] = []
    complete = True
    with _stop_on_signals() as stopped:
        for batch in batches:
            tools = toolchain.find(options.compiler, batch.target, compiler=batch.needs_compiler)
            shard = ShardRun(batch, options, tools, on_ci=on_ci)
            outcome = shard.run(_expected_seconds(batch, options), stopped)
            closing.show(outcome, options, os.environ)
            outcomes.append(outcome)
            if outcome.stop is Stop.INTERRUPTED:
                break
            for each in emit.emit(batch, options, tools, stopped) if options.emit else ():
                print(log_lines(each.said()))
                complete = complete and each.error is None
    return outcomes, complete


def _expected_seconds(batch: Batch, options: Options) -> Callable[[Case], float]:
    """How long each case should take: as recorded, or as a bundle's own run did."""
    if batch.bundles:
        return lambda case: batch.bundles[case.id].seconds
    from suites import timings  # noqa: PLC0415 - a repository with bundles only may have no suites

    recorded = timings.load(options.suites)
    return lambda case: recorded.seconds(case.target, case)


def _exit_code(outcomes: Sequence[Outcome], batches: Sequence[Batch]) -> int:
    from runner.schedule import Stop  # noqa: PLC0415

    if any(outcome.stop is Stop.INTERRUPTED for outcome in outcomes):
        return _INTERRUPTED
    if outcomes and all(outcome.hindrance is not None and not outcome.hindrance.skip for outcome in outcomes):
        return Exit.CANNOT_START
    red = any(record.outcome.is_red for outcome in outcomes for record in outcome.records)
    short = len(outcomes) < len(batches) or any(outcome.missing or outcome.trouble for outcome in outcomes)
    return Exit.UNEXPECTED if red or short else Exit.OK


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM asks for an orderly end; the second has its usual effect, and leaves no process."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    for number in before:
        signal.signal(number, stop)
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
