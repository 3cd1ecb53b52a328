"""A device's driver keeps the code that it compiles in the store, where the next night finds it."""

from __future__ import annotations

import hashlib
import os
import pathlib

import msgspec

from runner.backends import backend_of
from runner.cache.inventory import DRIVERS
from runner.cache.room import limit_from
from runner.protocol import Job
from runner.store import default_store
from schemas.case import Case
from schemas.words import Stage

_ON_DEVICE = {Stage.COMPILED_INFERENCE, Stage.BENCHMARK, Stage.OP_BY_OP}


def keep_code(job: Job, environment: dict[str, str] | os._Environ[str]) -> None:
    """Tell the drivers of a job's target, through its process's environment, where to keep code, or to use none kept.

    What the environment says of it already stays. Without room for the folder, or where the store's limit is 0, the
    drivers do as they would by themselves. Each driver finds what it kept by the code it was given, its own version and
    the device; what target and case set in the environment, which may change the code, is in the folder's name. A trial
    has a folder of its own, whatever the environment says.
    """
    if not _ON_DEVICE.intersection(job.stages):
        return
    for each in backend_of(job.target).kept:
        if job.anew:
            environment.setdefault(*each.unused)
        elif job.trial is not None or (each.variable not in environment and limit_from(environment) > 0):
            root = pathlib.Path(job.trial.folder) if job.trial is not None else default_store().root / DRIVERS
            folder = root / f"{each.folder}{_suffix(job.case)}"
            try:
                folder.mkdir(parents=True, exist_ok=True)  # Mesa makes one folder, and none above it
                os.utime(folder)  # used now, also where the driver only reads
            except OSError:
                continue
            environment[each.variable] = os.fspath(folder)
            for name, value in each.layout:
                environment.setdefault(name, value)


def _suffix(case: Case) -> str:
    """A case's variables are its target's too, but for those of a machine that builds: they change no code."""
    own = case.environment
    return f"-{hashlib.sha256(msgspec.json.encode(own)).hexdigest()[:8]}" if own else ""
