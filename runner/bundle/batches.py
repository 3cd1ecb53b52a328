"""Bundles of the command line become batches: their cases, what of them to run, and where the results go."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Iterator, Sequence

import msgspec

from runner.bundle.opened import Opened, open_bundle
from runner.bundle.plan import going_on
from runner.bundle.resumption import Resumption
from runner.options import Options
from runner.overrides import COMMAND_LINE, OVERRIDES, apply
from runner.select import Batch
from schemas.case import Case, Setting
from schemas.codec import encode_canonical
from schemas.errors import UsageError
from schemas.target import Target
from schemas.words import Stage

#: Folder of a run of bundles, beside the shards' numbers.
RERUN = "rerun"
_COMPILER_STAGES = frozenset({Stage.PREPROCESS_MODEL, Stage.COMPILATION})


def batches_of(options: Options) -> tuple[Batch, ...]:
    """One batch for each target that the bundles were made for; never empty.

    Raises UsageError for a bundle that is not whole, for two of one case, for stages that cannot be run from what a
    bundle holds, and where this run's folder holds a bundle that it would remove.
    """
    opened = [open_bundle(name, accept=options.accept_changes) for name in options.bundles]
    opened = [each for each in opened if options.tests is None or options.tests.search(each.bundle.case.id)]
    if not opened:
        pattern = options.tests.pattern if options.tests else ""
        raise UsageError(f"--tests {pattern!r} matches no bundle's case", "try --collect-only without --tests")
    _check_different(opened)
    batches = tuple(_batch(suite, target, alike, options) for suite, target, alike in _groups(opened))
    for each in opened:
        for batch in batches:
            if each.folder.is_relative_to(batch.folder.absolute()):
                raise UsageError(
                    f"{each.named} lies in {batch.folder}, which this run empties", "give another --out DIR"
                )
    return batches


def _check_different(opened: Sequence[Opened]) -> None:
    seen: dict[str, Opened] = {}
    for each in opened:
        other = seen.setdefault(each.bundle.case.id, each)
        if other is not each:
            raise UsageError(
                f"{other.named} and {each.named} are both bundles of {each.bundle.case.id}",
                "run them one after the other, each with its own --out DIR",
            )


def _groups(opened: Sequence[Opened]) -> Iterator[tuple[str, Target, list[Opened]]]:
    """Bundles of one suite and one target; a target that was changed between two bundles would be two."""
    groups: dict[tuple[str, bytes], list[Opened]] = {}
    for each in opened:
        groups.setdefault((each.bundle.case.suite, encode_canonical(each.bundle.target)), []).append(each)
    folders = [(suite, alike[0].bundle.target.name) for (suite, _), alike in groups.items()]
    for (suite, _), alike in groups.items():
        target = alike[0].bundle.target
        if folders.count((suite, target.name)) > 1:
            raise UsageError(
                f"{alike[0].named}: its target {target.name} has other settings than that of another bundle",
                "run them one after the other, each with its own --out DIR",
            )
        yield suite, target, alike


def _batch(suite: str, target: Target, opened: Sequence[Opened], options: Options) -> Batch:
    cases: list[Case] = []
    resumed: dict[str, Resumption] = {}
    for each in sorted(opened, key=lambda one: one.bundle.case.id):
        case = apply(msgspec.structs.replace(each.bundle.case, skip=None), options.settings)
        cases.append(case)
        resumed[case.id] = _resumption(each, case, options)
        _check_in_time(each, resumed[case.id].run, options)
    ran = {stage for each in resumed.values() for stage in each.run}
    return Batch(
        suite=suite,
        target=target,
        shard=None,
        digest=hashlib.sha256("".join(each.bundle.digest for each in opened).encode()).hexdigest(),
        cases=tuple(cases),
        matrix=None,
        folder=options.out / suite / target.name / RERUN,
        bundles=resumed,
        needs_compiler=not ran.isdisjoint(_COMPILER_STAGES),
    )


def _check_in_time(opened: Opened, run: Sequence[Stage], options: Options) -> None:
    """A setting must not be said to hold where what it changes was made without it."""
    order = tuple(Stage)
    for each in options.settings:
        row = OVERRIDES[each.name]
        late = (
            row.stage is not Stage.COMPARISON
            and row.stage not in run
            and any(order.index(stage) > order.index(row.stage) for stage in run)
        )
        if late and each.name != "depth" and row.name not in {one.name for one in _held(opened, each)}:
            said = row.option if each.origin == COMMAND_LINE else row.variable
            raise UsageError(
                f"{opened.named}: {said} changes {row.stage}, which would not be run again",
                f"add --from {row.stage}, or leave it out",
            )


def _held(opened: Opened, setting: Setting) -> tuple[Setting, ...]:
    """The same setting, if the bundle was made with it."""
    return tuple(
        each for each in opened.bundle.case.settings if (each.name, each.value) == (setting.name, setting.value)
    )


def _resumption(opened: Opened, case: Case, options: Options) -> Resumption:
    going = going_on(opened, case, options)
    took = {each.stage: each.seconds for each in opened.bundle.stages}
    return Resumption(
        folder=str(opened.folder),
        named=str(pathlib.PurePath(opened.named)),
        source=str(opened.folder / opened.bundle.source),
        load_inputs=opened.bundle.load_inputs,
        run=going.run,
        reused=going.reused,
        seconds=sum(took.get(stage, 0.0) for stage in going.run),
    )
