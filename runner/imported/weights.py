"""The weights of a definition become archives that the runtime reads."""

from __future__ import annotations

import pathlib

from runner.tools import invoke
from runner.work import Work
from schemas.errors import InfraError
from schemas.imported import FileWeights, RandomWeights, SplatWeights, Weights


def archive_of(work: Work, weights: Weights) -> pathlib.Path:
    """The archive: as it was given, or made up from the parameters of a module."""
    if isinstance(weights, FileWeights):
        return pathlib.Path(work.job.places[weights.place])
    if isinstance(weights, RandomWeights):
        raise InfraError("random weights are not made yet", "wait")
    return _splat(work, weights)


def _splat(work: Work, weights: SplatWeights) -> pathlib.Path:
    archive = work.folder / f"splat_{weights.scope}.irpa"
    invoke(
        work,
        [
            work.job.toolchain.iree_compile,
            work.job.places[weights.source],
            "--compile-to=global-optimization",
            "--iree-hal-target-device=local",
            "--iree-hal-local-target-device-backends=vmvx",
            f"--iree-parameter-splat={archive}",
            "-o",
            str(work.folder / "splat.mlirbc"),
        ],
    )
    return archive
