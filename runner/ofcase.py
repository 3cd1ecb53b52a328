"""A case of a batch becomes what this run does of it: its stages, and what may still be expected of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from runner.options import Options
from runner.pool import DEFAULT_WORKER, LIGHT_WORKER, TORCH_WORKER
from runner.select import Batch
from runner.stages.plan import plan
from schemas.case import Case
from schemas.words import Path, Stage


def stages_of_case(case: Case, batch: Batch, options: Options) -> tuple[Stage, ...]:
    """The stages that this run has of a case: as its bundle goes on, or as planned."""
    if case.id in batch.bundles:
        return batch.bundles[case.id].run
    return plan(case, options.stages, options.skip_stages)


def worker_for(cases: Sequence[Case], stages: Mapping[str, Collection[Stage]]) -> str:
    """Without onnx and the compiler where no case loads a model: a machine that only runs may lack both."""
    loaded = [case for case in cases if Stage.SETUP in stages[case.id]]
    if all(case.definition is not None for case in loaded):
        return LIGHT_WORKER
    return TORCH_WORKER if any(_is_torch(case) for case in loaded) else DEFAULT_WORKER


def _is_torch(case: Case) -> bool:
    """Whether the case's model is a PyTorch module; a wrong guess costs seconds, no more."""
    return case.skip is None and (case.path is Path.TORCH_MLIR or case.model.startswith("torch/"))


def expecting(case: Case, stages: tuple[Stage, ...]) -> Case:
    """Without its expectation where the failing stage is not run: passing is no surprise then."""
    if case.expectation is None or set(case.expectation.stages) & set(stages):
        return case
    return msgspec.structs.replace(case, expectation=None)
