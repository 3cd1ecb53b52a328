"""A case's stages become those that its build runs, those that are left to the device, and what these must load."""

from __future__ import annotations

import msgspec

from runner.stages.artefacts import flow_of
from runner.stages.plan import plan
from schemas.bundle import Artefact
from schemas.case import Case
from schemas.words import Stage
from suites.buildon import built_stages, whole_because


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """``whole``: why it is not split at all. ``model``: whether the device has to load the model once more."""

    built: tuple[Stage, ...]
    left: tuple[Stage, ...]
    model: bool
    whole: str


def split(case: Case) -> Split:
    """How a case is shared between two machines."""
    stages = plan(case)
    built = built_stages(case, stages)
    left = tuple(stage for stage in stages if stage not in built)
    model = any(Artefact.MODEL in flow_of(case, stage).reads for stage in left)
    return Split(built=built, left=left, model=model, whole=whole_because(case))
