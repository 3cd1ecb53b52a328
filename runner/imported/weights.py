"""The weights of a definition become archives that the runtime reads: given ones, converted ones, or made-up ones."""

from __future__ import annotations

import os
import pathlib

import msgspec

from runner.cache.room import Room, limit_from
from runner.store import Store, default_store
from runner.work import Work
from schemas.errors import Location, UsageError
from schemas.imported import FileWeights, RandomWeights, SplatWeights, Weights


def archive_of(work: Work, weights: Weights) -> pathlib.Path:
    """The archive of one entry of `weights`.

    Raises ManifestError, with the definition's place, for a file that nothing here can read; StageFailure where the
    module of made-up weights cannot be read; InfraError where there is no room.
    """
    if isinstance(weights, FileWeights):
        return _readable(work, pathlib.Path(work.job.places[weights.place]))
    return _made_up(work, weights)


def _readable(work: Work, path: pathlib.Path) -> pathlib.Path:
    from runner.parameters.convert import readable  # noqa: PLC0415 - loads numpy

    return readable(path, Location(work.job.source), *_store(work))


def _made_up(work: Work, weights: RandomWeights | SplatWeights) -> pathlib.Path:
    """All parameters of a module in the scope that is named; whatever their scope, where it knows that one not.

    Their own tool puts all into one file in any case, so that a definition may give any scope.
    """
    from runner.parameters.provide import Filling, Kind, archives_for  # noqa: PLC0415 - loads numpy
    from runner.parameters.wanted import wanted_by  # noqa: PLC0415

    module = pathlib.Path(work.job.places[weights.source])
    found = wanted_by(module, work.job.toolchain.iree_opt)
    own = tuple(each for each in found if each.scope == weights.scope)
    chosen = own or tuple({each.key: msgspec.structs.replace(each, scope=weights.scope) for each in found}.values())
    if not chosen:
        raise UsageError(f"{module.name} has no parameters to make up", "take `weights` out of the definition")
    filling = Filling(kind=Kind.SPLAT)
    if isinstance(weights, RandomWeights):
        filling = Filling(kind=Kind.RANDOM, seed=weights.seed)
    force = work.job.caching is not None and work.job.caching.force
    return archives_for(chosen, *_store(work), filling, force=force)[weights.scope]


def _store(work: Work) -> tuple[Store, Room]:
    caching = work.job.caching
    if caching is not None:
        store = Store(pathlib.Path(caching.store))
        return store, Room(store, caching.limit)
    store = default_store()
    return store, Room(store, limit_from(os.environ))
