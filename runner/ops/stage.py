"""The stage ``op_by_op``: a loaded model becomes its operations' results, and their totals."""

from __future__ import annotations

import pathlib
import time

from runner.failures import StageFailure
from runner.ops import WALKERS, backend_of, profile
from runner.ops.alone import Wish
from runner.ops.engine import Engine, summary
from runner.ops.store import OpStore, identity_of
from runner.ops.totals import Tally
from runner.store import Store
from runner.work import Work, present
from schemas.words import Depth


def op_by_op(work: Work) -> None:
    """Walk the model. What its operations come to is in the journal and in ``work.ops``; it fails no case.

    A model that cannot be walked does: the walker raises.
    """
    job = work.job
    settings = present(job.ops, "place for the operations' results")
    wish = Wish(
        executes=job.case.depth is Depth.EXECUTE_OP_BY_OP,
        verifies=job.case.tuning.verify,
        profiles=settings.profile,
    )
    identity = identity_of(job.case, job.target, settings.made)
    store = OpStore(Store(pathlib.Path(settings.store)), pathlib.Path(settings.shared), identity, job.case, wish)
    begun = time.perf_counter()
    walker = WALKERS[backend_of(job.case)](work)
    engine = Engine(work, settings, walker, wish, store)
    try:
        engine.run()
    finally:
        seconds = time.perf_counter() - begun
        work.ops = engine.tally.totals(seconds)
        work.metrics |= summary(seconds, engine)
        work.notes = (*work.notes, *walker.notes(), *engine.lane.notes(), *_notes(work, engine.tally, store))
    if not engine.tally.uses and not settings.only:
        raise StageFailure("the model has no operations", "a walk found nothing that computes a tensor")


def _notes(work: Work, tally: Tally, store: OpStore) -> tuple[str, ...]:
    """What could not be stored, and of a profile the shares."""
    notes = [f"results of operations could not be stored: {store.trouble}"] if store.trouble else []
    measured = ((each.key.name, tally.uses[each.digest], each.profile) for each in tally.results.values())
    total, largest = profile.shares((name, uses, found) for name, uses, found in measured if found is not None)
    if total:
        work.metrics["ops_profile_seconds"] = total
        notes.append(f"profile: {1000 * total:.3g} ms in all operations, one after the other: {largest}")
    return tuple(notes)
