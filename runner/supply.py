"""The sources of a shard's cases become local paths, or reasons why not, before any case's clock starts."""

from __future__ import annotations

import functools
import logging
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable

import msgspec

from e2eshard.commands import child
from runner.process import die_with_parent, tail
from runner.protocol import Prepared
from schemas.case import Source
from schemas.codec import encode
from schemas.errors import CannotStartError

log = logging.getLogger("runner.supply")

_LOOK_EVERY = 0.2  # seconds between two questions whether the run was stopped


def prepare_sources(
    sources: Iterable[Source], log_file: pathlib.Path, *, base: pathlib.Path, force: bool, stopped: Callable[[], bool]
) -> dict[Source, Prepared]:
    """Make or download every source in a child process (it loads onnx; this one does not).

    ``base`` is the folder of the manifests, where relative paths of ``.onnx`` files start; ``force`` makes or downloads
    again what the store has. When the run is stopped meanwhile: the answers so far. Raises CannotStartError when the
    child itself fails.
    """
    wanted = sorted(set(sources), key=lambda source: (source.kind, source.locator))
    if not wanted:
        return {}
    argv = child("runner.prepare", "--base", str(base), *(["--force"] if force else []))
    code, output = _ask(argv, encode(wanted), log_file, stopped)
    answers: dict[Source, Prepared] = {}
    for line in output.splitlines():
        try:
            answer = msgspec.json.decode(line, type=Prepared)
        except msgspec.MsgspecError:
            log.warning("runner.prepare printed what is no answer: %r", line[:200])
            continue
        answers[answer.source] = answer
    if stopped():
        return answers
    if code != 0 and len(answers) < len(wanted):
        said = tail(log_file).decode("utf-8", "replace").strip() or "nothing"
        raise CannotStartError(
            f"models could not be made ready: `{' '.join(argv[1:])}` ended with {code} and said:\n{said}",
            f"see {log_file}",
        )
    lost = [source for source in wanted if source not in answers]
    answers.update((each, Prepared(source=each, error="runner.prepare did not answer for it")) for each in lost)
    return answers


def _ask(argv: list[str], question: bytes, log_file: pathlib.Path, stopped: Callable[[], bool]) -> tuple[int, bytes]:
    """The exit code and the output of a child that is killed when the run is stopped, or when this process dies."""
    with (
        log_file.open("ab") as errors,
        tempfile.TemporaryFile() as asked,  # a pipe would not do: `communicate` stops writing after its first timeout
    ):
        asked.write(question)
        asked.seek(0)
        with subprocess.Popen(
            argv,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # the terminal's Ctrl-C reaches this process alone
            preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
        ) as process:
            while True:
                try:
                    output, _ = process.communicate(timeout=_LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    if stopped():
                        process.kill()
                else:
                    return process.returncode, output
