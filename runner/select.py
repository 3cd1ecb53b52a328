"""Options and a workspace become batches: the cases of one shard each, or the named cases of one target."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

import msgspec

from runner import handshake
from runner.bundle.resumption import Resumption
from runner.options import Options
from schemas.case import Case, case_id, case_key
from schemas.errors import StaleError, UsageError
from schemas.matrix import Matrix, cases_digest
from schemas.target import Target
from schemas.words import Lowering
from suites.findings import did_you_mean
from suites.select import is_glob, matching
from suites.targets import at_depth
from suites.workspace import Suite, Workspace

#: Folder of a run that no matrix asked for, beside the shards' numbers.
UNPLANNED = "selected"


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Cases that one run of the scheduler takes, and where their results go."""

    suite: str
    target: Target
    shard: int | None
    digest: str
    cases: tuple[Case, ...]
    matrix: Matrix | None
    folder: pathlib.Path
    bundles: dict[str, Resumption] = {}  # by case id, where cases go on from bundles
    needs_compiler: bool = True

    @property
    def name(self) -> str:
        """``suite/target/N``."""
        return f"{self.suite}/{self.target.name}/{self.folder.name if self.shard is None else self.shard}"


def select(workspace: Workspace, options: Options) -> tuple[Batch, ...]:
    """What the command line asks for; never empty.

    Raises UsageError for unknown names (with close ones) and for a selection of nothing, StaleError for a matrix that
    does not fit the manifests.
    """
    batches = _shards(workspace, options) if options.shard else _named(workspace, options)
    narrowed = tuple(_narrow(batch, options) for batch in batches)
    chosen = tuple(batch for batch in narrowed if batch.cases)
    if not chosen:
        pattern = options.tests.pattern if options.tests else ""
        raise UsageError(
            f"--tests {pattern!r} matches no case", "try --collect-only without --tests to see the case ids"
        )
    return chosen


def _narrow(batch: Batch, options: Options) -> Batch:
    """Only the cases that --tests takes, to the depth that --depth gives; the digest stays the manifests'."""
    cases = [case for case in batch.cases if options.tests is None or options.tests.search(case.id)]
    if options.depth is not None:
        cases = [msgspec.structs.replace(case, depth=options.depth) for case in cases]
    return msgspec.structs.replace(batch, cases=tuple(cases))


def _shards(workspace: Workspace, options: Options) -> Iterable[Batch]:
    suite_name, target_name, number = _split_shard(options.shard or "")
    suite = workspace.suite(suite_name)
    if target_name not in suite.targets:
        raise UsageError(
            f"the suite {suite.name} has no target {target_name}",
            did_you_mean(target_name, suite.targets, f"it has {', '.join(suite.targets)}"),
        )
    mend = handshake.generate_command(options.root, options.suites)
    matrix = handshake.read_matrix(options.root, options.suites, suite.name)
    cases = suite.cases_for(target_name)
    plan = handshake.agree(matrix, target_name, cases, mend)
    by_key = {case.key: case for case in cases}
    for shard in handshake.shards_of(plan, suite.name, number):
        unknown = [key for key in shard.cases if key not in by_key]
        if unknown:
            raise StaleError(
                f"shard {shard.shard} of {suite.name}/{target_name} plans unknown {unknown[0]}", f"run {mend}"
            )
        yield Batch(
            suite=suite.name,
            target=at_depth(workspace.target(target_name), options.depth or suite.depth),
            shard=shard.shard,
            digest=plan.digest,
            cases=tuple(by_key[key] for key in shard.cases),
            matrix=matrix,
            folder=options.out / suite.name / target_name / str(shard.shard),
        )


def _split_shard(text: str) -> tuple[str, str, str | None]:
    match text.split("/"):
        case [suite, target] if suite and target:
            return suite, target, None
        case [suite, target, number] if suite and target and number:
            return suite, target, number
        case _:
            raise UsageError(f"--shard {text}: not a shard", "write SUITE/TARGET/N, or SUITE/TARGET for all its shards")


def _named(workspace: Workspace, options: Options) -> Iterable[Batch]:
    """One batch for each suite that the names lead to; all on one target."""
    target = workspace.target(_target_of(workspace, options))
    searched = (workspace.suite(options.suite),) if options.suite else workspace.suites
    chosen: dict[str, dict[str, Case]] = {}
    for name in options.names:
        suite, found = _find(searched, target.name, name)
        lowered = [_lowered(case, suite, options.lowering) for case in found]
        chosen.setdefault(suite.name, {}).update((case.id, case) for case in lowered)
    for suite_name, cases in chosen.items():
        ordered = tuple(cases[each] for each in sorted(cases))
        yield Batch(
            suite=suite_name,
            target=at_depth(target, options.depth or workspace.suite(suite_name).depth),
            shard=None,
            digest=cases_digest(ordered),
            cases=ordered,
            matrix=None,
            folder=options.out / suite_name / target.name / UNPLANNED,
        )


def _target_of(workspace: Workspace, options: Options) -> str:
    """--target, or the target that every given case id begins with."""
    if options.target:
        return options.target
    ids = {case.id: case.target for suite in workspace.suites for case in suite.cases}
    targets = {ids.get(name) for name in options.names}
    if len(targets) == 1 and None not in targets:
        return str(targets.pop())
    raise UsageError(
        "--target is missing", f"add --target with one of {', '.join(each.name for each in workspace.targets)}"
    )


def _find(suites: Sequence[Suite], target: str, name: str) -> tuple[Suite, list[Case]]:
    """The first suite that knows the name on this target, with the cases it stands for."""
    for suite in suites:
        cases = suite.cases_for(target)
        if is_glob(name):
            models = set(matching(name, [case.model for case in cases]))
            found = [case for case in cases if case.model in models]
        else:
            found = [case for case in cases if name in (case.id, case.key, case.model)]
        if found:
            return suite, found
    known = {case.model for suite in suites for case in suite.cases_for(target)}
    where = f"of the suite {suites[0].name}" if len(suites) == 1 else "of any suite"
    raise UsageError(
        f"no model or case {where} is called {name!r} on the target {target}",
        did_you_mean(name, sorted(known), "`python -m generator list` shows what there is"),
    )


def _lowered(case: Case, suite: Suite, lowering: Lowering | None) -> Case:
    """The model through another lowering: the suite's own case if it has one, else this one without expectation."""
    if lowering is None or lowering is case.lowering:
        return case
    wanted = case_id(case.suite, case.target, case_key(case.model, case.path, lowering))
    known = {each.id: each for each in suite.cases_for(case.target)}
    return known.get(wanted) or msgspec.structs.replace(case, id=wanted, lowering=lowering, expectation=None)
