"""What the runs say of a model on a target, and where it stands, become the lists it belongs in. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from results.expectations.gap import Gap
from results.promote.evidence import End, History, Ops, Verdict
from results.promote.standing import E2E_COMPILE, NIGHTLY, NIGHTLY_OPS, WEEKLY_OPS, Standing
from schemas.case import Expectation
from schemas.words import OWN_STAGES, Depth, Outcome, Stage

_ORDER = tuple(Stage)


class Move(StrEnum):
    """The four moves, and none."""

    COMPILES = "all operations compile, not all execute"
    PASSES = "passes end to end"
    NUMERICS = "runs, and fails numerics"
    REGRESSED = "regressed"
    STAYS = "stays"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The lists that have the model on the target afterwards. Of STAYS only ``why`` matters, empty: nothing to tell."""

    model: str
    target: str
    move: Move
    before: frozenset[str]
    lists: frozenset[str]
    why: str = ""
    disable: tuple[str, ...] = ()  # checks, in nightly-execute
    declare: Gap | None = None  # what nightly-execute expects of it from now on
    undeclare: bool = False  # nightly-execute expects no failure of it any more
    key: str = ""  # of the case that speaks for the model
    end: End | None = None
    ops: Ops | None = None
    last_good: End | None = None

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        changed = self.lists != self.before or bool(self.disable) or self.declare is not None or self.undeclare
        return self.move is not Move.STAYS and changed

    @property
    def needs_issue(self) -> bool:
        """Whether somebody has to look after it."""
        return self.changes and (self.move is Move.REGRESSED or bool(self.disable))


def decide(history: History, standing: Standing, runs: int) -> Decision:
    """One decision; ``runs`` is how many passes in a row make a model one that passes. Doubt moves nothing."""
    end = history.ends[-1] if history.ends else None
    if standing.skipped:
        return _stay(history, standing, "nightly-execute skips it")
    if end is None:
        return _by_operations(history, standing)
    match end.verdict:
        case Verdict.UNCLEAR:
            return _stay(history, standing, f"the last run that ran it is no evidence: {end.why}")
        case Verdict.PASSES:
            return _passes(history, standing, end, runs)
        case Verdict.NUMERICS:
            return _numerics(history, standing, end)
        case Verdict.FAILS:
            return _fails(history, standing, end)


def _passes(history: History, standing: Standing, end: End, runs: int) -> Decision:
    lists = (standing.lists - {NIGHTLY_OPS, E2E_COMPILE}) | {NIGHTLY, WEEKLY_OPS}
    declared = NIGHTLY in standing.lists and standing.expected is not None
    streak = 0
    for each in reversed(history.ends):
        if each.verdict is not Verdict.PASSES:
            break
        streak += 1
    if streak < runs:
        pending = lists != standing.lists or declared
        why = f"passes end to end in the last {streak} of {runs} runs that are asked for" if pending else ""
        return _stay(history, standing, why)
    why = f"It passed end to end in the last {streak} runs that ran it."
    return _move(history, standing, Move.PASSES, lists, why=why, end=end, undeclare=declared, key=end.record.key)


def _numerics(history: History, standing: Standing, end: End) -> Decision:
    lists = (standing.lists - {NIGHTLY_OPS, E2E_COMPILE}) | {NIGHTLY, WEEKLY_OPS}
    expected = standing.expected
    if expected is not None and _gap_of(expected) == Gap(Stage.COMPARISON, Outcome.FAIL, end.signature):
        why = "" if lists == standing.lists else f"its numerics are expected to fail ({expected.where or 'declared'})"
        return _stay(history, standing, why)
    if end.fixed_check:
        why = f"runs end to end, and no check can be disabled for what is wrong: {end.fixed_check}"
        return _stay(history, standing, why)
    disable = tuple(name for name in end.failed_checks if getattr(standing.checks, name))
    if not disable and lists == standing.lists:
        return _stay(history, standing, "")
    why = f"It runs end to end, and its outputs fail: {end.signature}."
    return _move(
        history, standing, Move.NUMERICS, lists,
        why=why, end=end, disable=disable, undeclare=expected is not None, key=end.record.key,
    )  # fmt: skip


def _fails(history: History, standing: Standing, end: End) -> Decision:
    good = next((each for each in reversed(history.ends) if each.verdict in (Verdict.PASSES, Verdict.NUMERICS)), None)
    stage = end.stage or Stage.SETUP
    told = f"{end.kind} at {stage}: {end.signature}"
    ops = history.ops[-1] if history.ops else None
    # Operations that were walked before the model last ran say nothing of why it does not run now.
    partly = ops is not None and ops.all_compile and not ops.all_execute and (good is None or ops.run > good.run)
    compiled = _ORDER.index(stage) > _ORDER.index(Stage.COMPILATION)
    if partly and compiled and ops is not None:
        return _compiles(history, standing, ops, end)
    if stage in OWN_STAGES:
        return _stay(history, standing, f"{told}; that stage is not the compiler's: mend the model, or what it needs")
    if good is not None or standing.trusted:
        return _regressed(history, standing, end, good)
    if partly:
        return _stay(history, standing, f"all its operations compile alone, and the whole model does not: {told}")
    if not standing.lists:
        return _stay(history, standing, f"{told}; no list has it: add it to {NIGHTLY_OPS}.yaml")
    return _stay(history, standing, "")


def _regressed(history: History, standing: Standing, end: End, good: End | None) -> Decision:
    told = f"{end.kind} at {end.stage}: {end.signature}"
    lists = (standing.lists - {WEEKLY_OPS}) | {NIGHTLY_OPS}
    nightly = NIGHTLY in standing.lists
    if nightly and not end.signature.strip():
        return _stay(history, standing, f"regressed, and its error has no signature ({told}): run it again")
    gap = Gap(end.stage or Stage.SETUP, end.kind, end.signature) if nightly else None
    expected = standing.expected
    if gap is not None and expected is not None and _gap_of(expected) == gap:
        gap = None  # declared already
    before = "It passed before" if good is not None else f"{NIGHTLY} counts on it"
    why = f"{before}, and now ends before its outputs are compared: {told}."
    return _move(
        history, standing, Move.REGRESSED, lists, why=why, end=end, declare=gap, last_good=good, key=end.record.key
    )


def _gap_of(expected: Expectation) -> Gap:
    return Gap(expected.stage, expected.outcome, expected.signature)


def _compiles(history: History, standing: Standing, ops: Ops, end: End | None) -> Decision:
    lists = (standing.lists - {NIGHTLY, WEEKLY_OPS}) | {E2E_COMPILE}
    if WEEKLY_OPS in standing.lists:
        lists |= {NIGHTLY_OPS}  # its operations stay under observation
    executed = "nobody executed them" if ops.record.depth is Depth.COMPILE_OP_BY_OP else f"{ops.executed} execute"
    why = f"All {ops.count} uses of operations compile, {executed}"
    why += f"; the whole model: {end.kind} at {end.stage}: {end.signature}." if end is not None else "."
    return _move(history, standing, Move.COMPILES, lists, why=why, ops=ops, end=end)


def _by_operations(history: History, standing: Standing) -> Decision:
    """No run ran the model end to end."""
    ops = history.ops[-1] if history.ops else None
    if ops is None or not ops.all_compile:
        return _stay(history, standing, "")
    if ops.all_execute:
        why = f"all {ops.count} uses of operations execute: run it end to end (--depth execute), and promote that too"
        return _stay(history, standing, why if NIGHTLY not in standing.lists else "")
    doubt = _nightly_speaks_against(standing, ops) if NIGHTLY in standing.lists else None
    if doubt is None and history.compiles and not history.compiles[-1][1]:
        doubt = "all its operations compile alone, and the whole model does not"
    return _compiles(history, standing, ops, None) if doubt is None else _stay(history, standing, doubt)


def _nightly_speaks_against(standing: Standing, ops: Ops) -> str | None:
    """Why a model that nightly-execute has is not taken out of it for what its operations say; empty: nothing new."""
    expected = standing.expected
    if standing.trusted or expected is None:
        return f"{NIGHTLY} counts on it, and no run here ran it end to end"
    if _ORDER.index(expected.stage) <= _ORDER.index(Stage.COMPILATION):
        return f"the whole model is expected to fail at {expected.stage}"
    return "" if ops.record.depth is Depth.COMPILE_OP_BY_OP else None


def _stay(history: History, standing: Standing, why: str) -> Decision:
    return Decision(
        model=history.model, target=history.target, move=Move.STAYS,
        before=standing.lists, lists=standing.lists, why=why,
    )  # fmt: skip


def _move(history: History, standing: Standing, move: Move, lists: frozenset[str], **rest: object) -> Decision:
    fields = {"model": history.model, "target": history.target, "move": move, "before": standing.lists, "lists": lists}
    made = msgspec.convert(fields, Decision, from_attributes=True)
    return msgspec.structs.replace(made, **rest)
