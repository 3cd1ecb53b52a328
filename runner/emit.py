"""A batch's models become the artefacts of `--emit`, in a folder beside the records, each by a process of its own."""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from e2eshard.commands import child
from e2eshard.ending import die_with_parent
from runner.closing import shown
from runner.emit_forms import Answer, Form, Request
from runner.options import Options
from runner.process import kill_group, signal_name, tail
from runner.protocol import Job, Toolchain
from runner.select import Batch
from runner.supply import Sources, Supplier
from schemas.case import Case
from schemas.record import ErrorInfo
from schemas.words import Mode

FOLDER = "emit"
_LOOK_EVERY = 0.1  # seconds between two questions whether the run was stopped


class Limits(NamedTuple):
    """When a process has to be ended: after so many seconds, or when the run is stopped."""

    seconds: float
    stopped: Callable[[], bool]


class Emitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one form of one model: its files, or the error."""

    model: str
    form: Form
    folder: pathlib.Path
    files: tuple[str, ...] = ()
    error: ErrorInfo | None = None

    def said(self) -> str:
        """For a person."""
        if self.error is None:
            return f"emitted {self.model} as {self.form}: {', '.join(self.files)} in {shown(self.folder)}"
        where = shown(self.folder / f"{self.form}.log")
        return f"not emitted: {self.model} as {self.form}: {self.error.signature}\n    it said: {where}"


def emit(batch: Batch, options: Options, tools: Toolchain, stopped: Callable[[], bool]) -> Iterator[Emitted]:
    """Every form of every model of the batch; one that fails does not keep the others from being made."""
    folder = batch.folder.absolute() / FOLDER
    cases = _models(batch.cases)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "prepare.log"
    supplier = Supplier(log, options.suites, batch.target.environment)  # the run has made them anew where it was to
    sources = Sources({}, {each.id for each in cases.values()}, supplier)
    sources.find(tuple(cases.values()), stopped)
    if log.exists() and log.stat().st_size == 0:
        log.unlink()
    for name, case in cases.items():
        errors = "\n".join(sources.errors(case))
        for form in options.emit:
            if not stopped():
                job = _job(case, batch, sources.of(case).path, tools, options)
                limits = Limits((options.timeout or case.timeout) * options.timeout_scale, stopped)
                yield _emitted(job, form, folder / name, errors, limits)


def _models(cases: Sequence[Case]) -> dict[str, Case]:
    """The first case of each model and mode, whatever its path: by the folder's name."""
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(case.model if case.mode is Mode.EVAL else f"{case.model}.{case.mode}", case)
    return found


def _job(case: Case, batch: Batch, source: str, tools: Toolchain, options: Options) -> Job:
    return Job(
        case=case,
        target=batch.target,
        toolchain=tools,
        source=source,
        folder="",
        logs="",
        stages=(),
        load_inputs=options.load_inputs,
    )


def _emitted(job: Job, form: Form, folder: pathlib.Path, errors: str, limits: Limits) -> Emitted:
    log, scratch = folder / f"{form}.log", folder / f".{form}"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "work").mkdir(parents=True)
    (scratch / "done").mkdir()
    made = functools.partial(Emitted, model=job.case.model, form=form, folder=folder)
    try:
        if errors:
            log.write_text(errors)
            return made(error=ErrorInfo(signature="source not available", excerpt=errors))
        log.unlink(missing_ok=True)
        job = msgspec.structs.replace(job, folder=str(scratch / "work"), logs=str(scratch))
        request = Request(job=job, form=form, out=str(scratch / "done"), log=str(log))
        answer = _ask(request, scratch, limits)
        if answer.error is not None:
            return made(error=answer.error)
        log.unlink()
        return made(files=tuple(_settle(scratch / "done", folder)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _settle(done: pathlib.Path, folder: pathlib.Path) -> Iterator[str]:
    """Move finished files to their place."""
    for path in sorted(done.iterdir()):
        path.replace(folder / path.name)
        yield path.name


def _ask(request: Request, scratch: pathlib.Path, limits: Limits) -> Answer:
    """Have it made, within the case's time; how the process ended where it gave no answer."""
    case, target = request.job.case, request.job.target
    log = pathlib.Path(request.log)
    question, answer = scratch / "request.json", scratch / "answer.json"
    question.write_bytes(msgspec.json.encode(request))
    environment = {each.name: each.value for each in (*target.environment, *case.environment)}
    with log.open("ab") as said:
        process = subprocess.Popen(
            child("runner.emit_form", str(question), str(answer)),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=os.environ | environment,
            start_new_session=True,  # one group with the tools that it starts
            preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        why = _wait(process, limits)
    if why:
        return Answer(error=ErrorInfo(signature=why, excerpt=tail(log).decode(errors="replace")))
    try:
        return msgspec.json.decode(answer.read_bytes(), type=Answer)
    except (OSError, msgspec.MsgspecError):
        code = process.returncode
        how = signal_name(-code) if code < 0 else f"exit code {code}"
        return Answer(error=ErrorInfo(signature=f"ended with {how}", excerpt=tail(log).decode(errors="replace")))


def _wait(process: subprocess.Popen[bytes], limits: Limits) -> str:
    """Wait for its end; why it had to be ended, where it had to."""
    why, deadline = "", time.monotonic() + limits.seconds
    while True:
        try:
            process.wait(timeout=_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                why = "no time left"
            elif not limits.stopped():
                continue
            kill_group(process.pid)
            process.wait()
            return why or "the run was stopped"
        kill_group(process.pid)
        return why
