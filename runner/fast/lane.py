"""A shard's cases become batches and those that go alone, and an ended batch becomes verdicts and cases to be run."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from runner.backends import compile_flags
from runner.fast import eligible, sample
from runner.fast.forming import Candidate, batches, turn
from runner.fast.known import Alone, Keys, Known, Noted, Refusal, keys_for
from runner.protocol import Batch, Caching, Ending, Event, Failed, Left, Member, Passed, StageEnded, StageStarted
from runner.running import Limits, RunningCase
from runner.schedule import Planned
from schemas.case import Case
from schemas.record import AGREED, Record, Together
from schemas.target import Target
from schemas.words import Outcome, Stage

#: What a batch may take for a stage, beside many times what it should: it only decides when its cases go alone.
_PATIENCE, _TIMES = 60.0, 10.0  # seconds, and a factor

_GOOD = (Outcome.PASS, Outcome.XFAIL)
_FAILED = (Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM)


Said = Passed | Failed


class Plan(NamedTuple):
    """Batches, longest first; the cases that go alone; and those that are known to be refused, with how."""

    batches: list[Planned]
    alone: list[Case]
    refused: list[tuple[Case, Failed]]


class Lane:
    """The batches of one shard."""

    def __init__(
        self,
        target: Target,
        caching: Caching | None,
        seconds: Callable[[Case], float],
        *,
        digest: str,
        name: str,
        known: Known | None = None,
    ) -> None:
        own = Known(pathlib.Path(caching.store)) if caching is not None and caching.limit > 0 else None
        self._target = target
        self._caching = caching
        self._known = known or own
        self._seconds = seconds
        self._digest = digest
        self._name = name
        self._alone = self._known.alone(name) if self._known is not None else Alone()
        self._drawn: frozenset[str] = frozenset()
        self._doubted: dict[str, tuple[str, Said]] = {}  # drawn cases: their keys, and what was said of them
        self._told: dict[str, int] = {}  # cases refused by themselves, in a process that had so many modules
        self._left: dict[str, bool] = {}  # by id, whether only another model or compiler may change that
        self._keys_of: dict[str, str] = {}
        self._notes: dict[str, Noted] = {}  # by id, what a batch has found out, in this run or an earlier one

    def plan(self, cases: Sequence[Case], source: Callable[[Case], str], limits: Callable[[Case], Limits]) -> Plan:
        """What becomes of each case."""
        candidates, rest, refused = self._candidates(cases, source)
        self._notes = {case.id: note for case in rest if (note := self._noted(case, source(case)))}
        hopeful = [each.member for each in candidates if each.member.case.expectation is None]
        expected = [each.member for each in candidates if each.member.case.expectation is not None]
        refusals = [each.case.id for each in expected if eligible.refusal_is_expected(each.case)]
        unequal = [each.case.id for each in expected if eligible.is_joined(each.case) and not each.compiled]
        seed = f"{self._digest} {self._caching.build}" if self._caching is not None else self._digest
        self._drawn = sample.drawn([each.case.id for each in hopeful], seed, self._anew(hopeful))
        self._drawn |= sample.drawn(refusals, seed, len(refusals)) | sample.drawn(unequal, seed, len(unequal))
        candidates = [each.drawn() if each.member.case.id in self._drawn else each for each in candidates]
        store = str(self._known.folder.parent) if self._known is not None else ""
        planned = []
        found = batches(candidates, store, at_once=not self._target.exclusive_device)
        for batch, seconds in sorted(found, key=turn):
            if self._pointless(batch):
                rest.append(batch.members[0].case)
                continue
            each = limits(batch.members[0].case)
            planned.append(Planned(case=batch.members[0].case, limits=_scaled(each, batch, seconds), batch=batch))
        return Plan(planned, rest, refused)

    def accepted(self, case: RunningCase, limits: Callable[[Case], Limits]) -> list[tuple[Member, Said]]:
        """What an ended batch said of its members within their own deadlines."""
        members = case.job.batch.members if case.job.batch is not None else ()
        return [
            (members[event.member], event)
            for event in case.events
            if isinstance(event, Said)
            and 0 <= event.member < len(members)
            and _within(event, limits(members[event.member].case))
        ]

    def believes(self, member: Member, said: Said) -> bool:
        """Whether a member that ended as it should needs no run alone; if it is drawn, that has to agree first."""
        if said.modules and member.case.id in self._drawn:
            self._doubted[member.case.id] = member.key, said
            return False
        if member.case.expectation is not None:
            self._keep(member.key, said)
        elif isinstance(said, Failed) and said.modules:
            self._told[member.case.id] = said.modules
        return True

    def doubts_refusal(self, case: Case) -> bool:
        """Whether a case is drawn, and was refused in a batch."""
        return case.id in self._doubted and isinstance(self._doubted[case.id][1], Failed)

    def settled(self, record: Record) -> Record:
        """The record of a case that ended by itself, with what a batch has told of it."""
        record = self._agreed(record)
        noted = self._notes.get(record.case) if record.outcome is not Outcome.INFRA else None
        return msgspec.structs.replace(record, notes=(*record.notes, noted.note)) if noted else record

    def _agreed(self, record: Record) -> Record:
        """Of a drawn case, the record with how the two runs agree."""
        told = self._told.pop(record.case, 0)
        if told and record.outcome is Outcome.FAIL:
            return msgspec.structs.replace(record, together=Together(modules=told))
        if record.case not in self._doubted:
            return record
        key, said = self._doubted.pop(record.case)
        record = sample.settled(record, said)
        if record.together is not None and record.together.again == AGREED:
            if record.expectation is not None:
                self._keep(key, said)
        elif record.together is not None:
            self._left[record.case] = True
        return record

    def _keep(self, key: str, said: Said) -> None:
        """Keep for later runs how a member was refused together with others, now that it counts."""
        refusal = Refusal.of(said) if isinstance(said, Failed) and said.modules else None
        if self._known is not None and refusal is not None and key:
            with contextlib.suppress(OSError):  # a full store: it is heard again in the next run
                self._known.keep(key, refusal)

    def leave(self, left: Mapping[str, Left], members: int) -> None:
        """Cases that a batch of so many named as what cannot be run with others.

        One that names all of them tells nothing of any.
        """
        self._left.update({case: not each.passing and len(left) < members for case, each in left.items()})
        self._notes |= {case: Noted(key=self._key(case), note=each.note) for case, each in left.items() if each.note}

    def close(self, records: Iterable[Record]) -> None:
        """Remember for the next run which cases to run alone at once: what did not pass, and what a batch named.

        What was named and passes alone is remembered by its model and compiler, and tried again with others of them;
        where something else may have been the cause, in the run after the next.
        """
        if self._known is None:
            return
        failed, left, notes = set(self._alone.failed), dict(self._alone.left), dict(self._alone.notes)
        for record in records:
            notes.pop(record.case, None)
            if record.outcome in _GOOD or record.outcome in _FAILED:  # declared or not: that may have changed since
                failed -= {eligible.mark(record.case, expected=each) for each in (False, True)}
            key = self._keys_of.get(record.case, "")  # of what was compiled here
            if self._left.get(record.case) and record.outcome in _GOOD and key:
                left[record.case] = key
            elif record.case in self._left or record.outcome in _FAILED:
                failed.add(eligible.mark(record.case, expected=record.expectation is not None))
        notes |= {case: noted for case, noted in self._notes.items() if noted.key}
        alone = Alone(failed=frozenset(failed), left=left, notes=notes)
        if alone != self._alone:
            self._known.remember_alone(self._name, alone)

    def _pointless(self, batch: Batch) -> bool:
        """Whether a batch's only member had better go alone."""
        return len(batch.members) == 1 and not batch.members[0].compiled

    def _anew(self, hopeful: Sequence[Member]) -> int:
        """How many of those that should pass do what the sample is drawn for."""
        return sum(not each.compiled for each in hopeful)

    def _candidates(
        self, cases: Sequence[Case], source: Callable[[Case], str]
    ) -> tuple[list[Candidate], list[Case], list[tuple[Case, Failed]]]:
        found: list[Candidate] = []
        rest: list[Case] = []
        refused: list[tuple[Case, Failed]] = []
        keys: dict[bytes, Keys | None] = {}
        for case in cases:
            place = source(case)
            model = eligible.model_file(place) if eligible.joinable(case, self._alone.failed) else None
            if model is None:
                rest.append(case)
                continue
            family = eligible.family(case)
            if family not in keys:
                keys[family] = self._keys(case, model)
            member = self._member(case, place, model, keys[family])
            if isinstance(member, Failed):
                refused.append((case, member))
            elif member.key and self._alone.left.get(case.id) == member.key:
                rest.append(case)
            else:
                self._keys_of[case.id] = member.key
                found.append(Candidate(member=member, family=family, seconds=self._seconds(case)))
        return found, rest, refused

    def _noted(self, case: Case, source: str) -> Noted | None:
        """What an earlier run has found out of a case that goes alone, if model and compiler are the same."""
        noted = self._alone.notes.get(case.id)
        if noted is not None and case.id not in self._keys_of:
            model = eligible.model_file(source)
            keys = self._keys(case, model) if model is not None else None
            self._keys_of[case.id] = keys.of(model) if keys is not None and model is not None else ""
        return noted if noted is not None and self._key(case.id) == noted.key else None

    def _key(self, case: str) -> str:
        """The key of a case that may be noted; empty where there is none."""
        return self._keys_of.get(case, "")

    def _keys(self, case: Case, model: pathlib.Path) -> Keys | None:
        if self._known is None or self._caching is None:
            return None
        own = {each.name: each.value for each in (*self._target.environment, *case.environment)}
        environment: Mapping[str, str] = os.environ | own
        return keys_for(self._caching, compile_flags(self._target, case.compile_flags), environment, model)

    def _member(self, case: Case, source: str, model: pathlib.Path, keys: Keys | None) -> Member | Failed:
        """The case as a member; what is known of it already where it is expected to fail and is known to."""
        if self._known is None or self._caching is None or keys is None:
            return Member(case=case, source=source)
        key = keys.of(model)
        place = None if self._caching.force else self._known.find(key)
        if isinstance(place, Refusal) and case.expectation is not None:
            return place.told(0)
        if place is None or isinstance(place, Refusal) or not eligible.is_joined(case):
            return Member(case=case, source=source, key=key)
        return Member(
            case=case,
            source=source,
            key=key,
            compiled=str(self._known.module(place.module)),
            function=place.function,
            results=place.results,
            modules=place.modules,
            company=place.company,
        )


def events_of(said: Said) -> tuple[Event, ...]:
    """What the member's own process would have said."""
    told: list[Event] = []
    for result in said.stages:
        told += [StageStarted(stage=result.stage), StageEnded(result=result)]
    if isinstance(said, Failed):
        told[-1] = StageEnded(result=said.stages[-1], error=said.error)
    return (*told, said.last_word)


def ending_of(said: Said) -> Ending:
    """How the member's own process would have ended; its time is its own stages' and its share of the compilation."""
    return Ending(exit_code=0, seconds=sum(each.seconds for each in said.stages if not each.built_on))


def left_of(case: RunningCase) -> dict[str, Left]:
    """What an ended batch said of members that did not end as they should, as far as it said so, by their ids."""
    batch = case.job.batch
    told = [event for event in case.events if isinstance(event, Left)]
    return {batch.members[each.member].case.id: each for each in told} if batch is not None else {}


def _scaled(each: Limits, batch: Batch, seconds: float) -> Limits:
    """A batch's deadlines: patience and many times what it should take, but never more than all of its cases may."""
    alone = each.stages.get(Stage.COMPILATION, each.case)
    compilation = min(_PATIENCE + _TIMES * seconds, alone * len(batch.members))
    inference = min(_PATIENCE, each.stages.get(Stage.COMPILED_INFERENCE, each.case))
    stages = {Stage.COMPILATION: compilation, Stage.COMPILED_INFERENCE: inference}
    return Limits(case=2 * compilation + _PATIENCE, stages=stages, memory=each.memory)


def _within(said: Said, limits: Limits) -> bool:
    took = {each.stage: each.seconds for each in said.stages if not each.built_on}
    return sum(took.values()) < limits.case and all(took.get(each, 0.0) < most for each, most in limits.stages.items())
