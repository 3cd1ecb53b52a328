"""Models as texts, walked op by op; operations run alone by the installed tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.frontends import frontend_for
from runner.ops.alone import Alone, Wish
from runner.ops.keys import digest_of
from runner.ops.messages import MESSAGES, Done
from runner.ops.program import OpProgram, Place, Walker
from runner.work import Work
from schemas.words import StageStatus
from tests.torch_support import job_of


def work_of(folder: Path, text: str, **settings: Any) -> Work:
    """The work of a case whose model is loaded, and whose inputs are there."""
    job = job_of(folder, text, **settings)
    frontend = frontend_for(job)
    frontend.setup()
    work = Work(job=job, frontend=frontend, folder=Path(job.folder))
    work.inputs = frontend.construct_inputs()
    return work


def walker_of(work: Work) -> Walker:
    """The walker of PyTorch's operators."""
    from runner.ops.torch_walk import TorchWalker  # noqa: PLC0415 - loads torch

    return TorchWalker(work)


def places_of(folder: Path, text: str, **settings: Any) -> list[Place]:
    """All places of a model."""
    return list(walker_of(work_of(folder, text, **settings)).places())


def program_of(place: Place) -> OpProgram:
    """The place's operation; fails for a skipped place."""
    assert place.program is not None, place
    return place.program


def digests(places: list[Place], name: str) -> list[str]:
    """The digests of all operations with this name."""
    return [digest_of(program_of(each).key) for each in places if each.name == name]


def run_alone(work: Work, program: OpProgram, folder: Path) -> Done:
    """The last step of the operation's own run: the verification where all went well."""
    folder.mkdir()
    lines: list[bytes] = []
    Alone(work, program, folder, Wish(executes=True, verifies=True, profiles=False)).run(lines.append)
    return [each for each in map(MESSAGES.decode, lines) if isinstance(each, Done)][-1]


def verified(done: Done) -> bool:
    """Whether the operation came through all steps."""
    return done.step.name == "verify" and done.step.status is StageStatus.PASS
