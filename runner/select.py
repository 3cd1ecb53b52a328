"""Options and a workspace become batches: the cases of one shard each, or the named cases of one target."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

import msgspec

from runner import handshake, optionvalues
from runner.bundle.resumption import Resumption
from runner.options import Options
from runner.overrides import apply
from schemas.case import Case, case_id, case_key
from schemas.errors import StaleError, UsageError
from schemas.matrix import Matrix, cases_digest
from schemas.target import Target
from schemas.words import Depth, Mode
from suites.adhoc import Wish, adhoc_suite, as_suite, definition_suite
from suites.assemble import EVERYTHING, Part
from suites.findings import did_you_mean
from suites.imported.adhoc import is_definition
from suites.manifest import ADHOC
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
        said = [f"--tests {options.tests.pattern!r}"] if options.tests else []
        said += [f"-m {options.markers!r}"] if options.markers else []
        raise UsageError(f"{' and '.join(said)} matches no case", "try --collect-only without it to see the case ids")
    return chosen


def part_of(options: Options) -> Part:
    """What of the suites can be meant, so that no more has to be read."""
    if options.shard:
        suite, target, _ = _split_shard(options.shard)
        return Part(suite=suite, target=target)
    if not options.target:
        return EVERYTHING  # the names say it, and only all cases say which are names of cases
    return Part(suite=None if options.suite == ADHOC else options.suite, target=options.target)


def _narrow(batch: Batch, options: Options) -> Batch:
    """Only the cases that --tests and -m take, with what this run sets instead; the digest stays the manifests'."""
    cases = [case for case in batch.cases if options.tests is None or options.tests.search(case.id)]
    if options.markers:
        fits = optionvalues.markers(options.markers)
        cases = [case for case in cases if fits(frozenset(case.tags))]
    cases = [apply(case, options.settings) for case in cases]
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
    wish = Wish(path=options.path, mode=options.mode, lowering=options.lowering)
    chosen: dict[str, dict[str, Case]] = {}
    depths: dict[str, Depth] = {}
    for name in options.names:
        suite, found = _find(workspace, options, target.name, name)
        wanted = [_as_wished(case, suite, wish, workspace) for case in _able(found, wish, workspace)]
        chosen.setdefault(suite.name, {}).update((case.id, case) for case in wanted)
        depths[suite.name] = suite.depth
    for suite_name, cases in chosen.items():
        ordered = tuple(cases[each] for each in sorted(cases))
        yield Batch(
            suite=suite_name,
            target=at_depth(target, options.depth or depths[suite_name]),
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


def _find(workspace: Workspace, options: Options, target: str, name: str) -> tuple[Suite, list[Case]]:
    """The first suite that knows the name on this target, with the cases it stands for; else the suite `adhoc`."""
    if options.suite == ADHOC:
        suites: tuple[Suite, ...] = ()
    else:
        suites = (workspace.suite(options.suite),) if options.suite else workspace.suites
    for suite in suites:
        found = _meant(suite.cases_for(target), name)
        if found:
            return suite, found
    if options.suite in (None, ADHOC):
        adhoc = _adhoc(workspace, options, target, name)
        if adhoc.cases:
            return adhoc, list(adhoc.cases)
    known = dict.fromkeys(case.model for suite in suites for case in suite.cases_for(target))
    known |= {} if len(suites) == 1 and options.suite else dict.fromkeys(workspace.known)
    where = f"of the suite {suites[0].name}" if options.suite and suites else "of any suite"
    raise UsageError(
        f"no model or case {where} is called {name!r} on the target {target}",
        did_you_mean(name, sorted(known), "`python -m generator list` shows what there is"),
    )


def _meant(cases: Sequence[Case], name: str) -> list[Case]:
    if not is_glob(name):
        return [case for case in cases if name in (case.id, case.key, case.model)]
    models = set(matching(name, [case.model for case in cases]))
    return [case for case in cases if case.model in models]


def _able(cases: Sequence[Case], wish: Wish, workspace: Workspace) -> Sequence[Case]:
    """Less those whose mode lacks the wished path, where the same name stands for others that have it."""
    if wish.path is None or wish.mode is not None or any(case.definition is not None for case in cases):
        return cases
    able = [case for case in cases if wish.path in workspace.model(case.model).paths_in(case.mode)]
    return able or cases


def _adhoc(workspace: Workspace, options: Options, target: str, name: str) -> Suite:
    """Models that no suite has there, in a suite of their own: a model file runs before any manifest names it.

    So does a definition of another suite, by its file or folder.
    """
    if is_definition(name):
        return definition_suite(workspace, target, name)
    model = name.rpartition("@")[0] or name
    models = matching(name, workspace.known) if is_glob(name) else [model] if model in workspace.known else []
    wish = Wish(path=options.path, mode=options.mode, lowering=options.lowering)
    cases = [case for each in models for case in adhoc_suite(workspace, target, each, wish).cases]
    if model != name and not is_glob(name):
        cases = [case for case in cases if name in (case.id, case.key)]
    return as_suite(tuple(cases), workspace.root, target)


def _as_wished(case: Case, suite: Suite, wish: Wish, workspace: Workspace) -> Case:
    """The same model on another path, in another mode or lowering.

    The suite's own case if it has one, else this one without expectation. Raises UsageError where the model has no such
    path or mode.
    """
    path, mode, lowering = wish.path or case.path, wish.mode or case.mode, wish.lowering or case.lowering
    if (path, mode, lowering) == (case.path, case.mode, case.lowering):
        return case
    if case.definition is not None:
        raise UsageError(
            f"{case.model} is a definition that is run as it is", "leave --path, --mode and --lowering out"
        )
    model = workspace.model(case.model)
    if mode not in model.modes:
        raise UsageError(f"{case.model} has no mode {mode}", f"use {' or '.join(model.modes)}")
    there = model.paths_in(mode)
    if path not in there and wish.path is None:
        path = there[0]  # the one it was named for has no such mode
    if path not in there:
        where = "" if mode is Mode.EVAL else f" in mode {mode}"
        raise UsageError(f"{case.model} has no path {path}{where}", f"use {' or '.join(there)}")
    wanted = case_id(case.suite, case.target, case_key(case.model, path, lowering, mode))
    known = {each.id: each for each in suite.cases_for(case.target)}
    return known.get(wanted) or msgspec.structs.replace(
        case, id=wanted, path=path, mode=mode, lowering=lowering, expectation=None
    )
