"""Requests on stdin become answers on stdout: the process that has ONNX Runtime loaded with the plug-in.

A process of its own, because a library is registered for the whole process, and because a bad one ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import pathlib
import resource
import sys
import traceback
from collections.abc import Sequence
from typing import IO, Any

import msgspec

from e2eshard.ending import die_with_parent
from runner.bundle import arrays
from runner.failures import classify
from runner.memory import high_water_bytes
from runner.ortep.messages import REQUESTS, Answer, Doing, Open, Opened, Ran, Refused, Request, Run


class Host:
    """The one session of this process. ``answers`` is where it speaks."""

    def __init__(self, answers: IO[bytes]) -> None:
        self._answers = answers
        self._session: Any = None

    def obey(self, request: Request) -> None:
        """One request, answered whatever happens short of the end of this process."""
        _write_into(request.log)
        try:
            self._say(self._open(request) if isinstance(request, Open) else self._run(request))
        except Exception as failure:  # noqa: BLE001 - whatever the plug-in makes ONNX Runtime raise is the answer
            traceback.print_exc()
            status, error = classify(failure)
            self._say(Refused(status=status, error=error, peak_rss_bytes=_peak()))
        finally:
            sys.stderr.flush()

    def _open(self, request: Open) -> Answer:
        from runner.ortep import session  # noqa: PLC0415 - loads ONNX Runtime, whose failure is then an answer too

        library = pathlib.Path(request.library)
        self._doing(f"loading {library.name}")
        session.register(library)
        self._doing(f"asking {library.name} for its devices")
        device = session.device_of(request.device, library.name)
        model = pathlib.Path(request.model)
        self._session, assigned = session.open_session(model, device, request.options, self._doing)
        return Opened(
            assigned=tuple(assigned),
            device=session.uri_of(device),
            version=device.ep_metadata.get("version", ""),
            peak_rss_bytes=_peak(),
        )

    def _run(self, request: Run) -> Answer:
        from runner.ortep import session  # noqa: PLC0415 - likewise

        folder = pathlib.Path(request.folder)
        inputs = [arrays.load(each, folder) for each in request.inputs]
        self._doing("running the session")
        outputs = session.run(self._session, inputs)
        stored = tuple(arrays.store(each, folder / f"ort_output_{n}", ".") for n, each in enumerate(outputs))
        return Ran(outputs=stored, peak_rss_bytes=_peak())

    def _doing(self, what: str) -> None:
        self._say(Doing(what=what))

    def _say(self, answer: Answer) -> None:
        self._answers.write(msgspec.json.encode(answer) + b"\n")
        self._answers.flush()


def _peak() -> int:
    """Of this process or of the largest that it started: the compiler."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return max(started, high_water_bytes(os.getpid()) or 0)


def _write_into(log: str) -> None:
    """Send both output streams, native code's and the compiler's included, into a file from now on."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def main(argv: Sequence[str] | None = None) -> int:
    """Started by the case only; ends when its stdin does."""
    parser = argparse.ArgumentParser(prog="python -m e2eshard runner.ortep.host", description=__doc__)
    parser.add_argument("--parent", type=int, required=True, help="the case's process, with which this one ends")
    die_with_parent(parser.parse_args(argv).parent)
    # Whatever the plug-in starts inherits neither of the two: their descriptors are closed on exec.
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as answers:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        faulthandler.enable()
        host = Host(answers)
        with contextlib.suppress(BrokenPipeError):
            for line in requests:
                host.obey(REQUESTS.decode(line))
    os._exit(0)  # the plug-in's own end may crash, and all is said


if __name__ == "__main__":
    sys.exit(main())
