"""A case's requests become answers of the process that has the plug-in loaded, or the failure that it died of."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Mapping
from typing import IO

import msgspec

from e2eshard.commands import child
from runner import signature
from runner.failures import StageFailure
from runner.memory import oom_kills
from runner.ortep.messages import ANSWERS, Answer, Doing, Open, Opened, Ran, Refused, Request, Run
from runner.process import signal_name
from schemas.errors import InfraError
from schemas.words import StageStatus

#: How much of what the process and the compiler said is searched for an error, in bytes.
_END = 1 << 18


class Client:
    """One such process. It stays in the case's process group, and ends with the case's process."""

    def __init__(self, environment: Mapping[str, str], log: pathlib.Path) -> None:
        self._oom_kills = oom_kills()
        self._doing = "starting"
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                child("runner.ortep.host", "--parent", str(os.getpid())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
            )

    def open(self, request: Open) -> Opened:
        """Raises StageFailure with what the process answered, or with how it died."""
        answer = self._ask(request)
        if not isinstance(answer, Opened):
            raise TypeError(answer)
        return answer

    def run(self, request: Run) -> Ran:
        """Likewise."""
        answer = self._ask(request)
        if not isinstance(answer, Ran):
            raise TypeError(answer)
        return answer

    def close(self) -> None:
        """End the process; it has nothing to tidy up."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _ask(self, request: Request) -> Opened | Ran | Refused:
        log = pathlib.Path(request.log)
        start = log.stat().st_size if log.exists() else 0
        requests, answers = self._pipes()
        try:
            requests.write(msgspec.json.encode(request) + b"\n")
            requests.flush()
        except BrokenPipeError:
            raise self._death(log, start) from None
        for line in answers:
            answer: Answer = ANSWERS.decode(line)
            if isinstance(answer, Refused):
                raise _refusal(answer, _said(log, start))
            if not isinstance(answer, Doing):
                return answer
            self._doing = answer.what
        raise self._death(log, start)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = self._process
        if process.stdin is None or process.stdout is None:
            msg = "the process was started without pipes"
            raise TypeError(msg)
        return process.stdin, process.stdout

    def _death(self, log: pathlib.Path, start: int) -> StageFailure:
        """How the process ended without an answer."""
        code, said = self._process.wait(), _said(log, start)
        excerpt = f"the process with ONNX Runtime ended while {self._doing}"
        if code == -signal.SIGKILL and (oom_kills() or 0) > (self._oom_kills or 0):
            return StageFailure(f"{signature.OUT_OF_MEMORY} while {self._doing}", excerpt, StageStatus.OOM)
        if code < 0:
            text = signature.of_crash(signal_name(-code), f"ONNX Runtime while {self._doing}", said)
            return StageFailure(text, f"{excerpt}\n{signature.excerpt_of_crash(said)}", StageStatus.CRASH)
        text = f"ONNX Runtime's process exited with {code} while {self._doing}"
        return StageFailure(text, f"{excerpt}\n{said}", StageStatus.CRASH)


def _refusal(answer: Refused, said: str) -> StageFailure:
    """The answer; where the plug-in's compiler wrote an error into the log, that is what failed."""
    error = answer.error
    if answer.status is StageStatus.FAIL and signature.has_error(said):
        text = signature.of_tool(said, "iree-compile", None)
        return StageFailure(text, f"{signature.excerpt_of_tool(said)}\n{error.excerpt}", answer.status)
    return StageFailure(error.signature, error.excerpt, answer.status)


def _said(log: pathlib.Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _END))
        return file.read().decode(errors="replace")


def environment_of(iree_compile: str, folder: pathlib.Path) -> dict[str, str]:
    """This process' own, in which the plug-in finds the case's compiler, and puts its files into the case's folder."""
    tools = pathlib.Path(iree_compile).parent
    if not iree_compile:
        raise InfraError("the execution provider compiles, and there is no compiler", "name one with --compiler DIR")
    path = os.pathsep.join(filter(None, (str(tools), os.environ.get("PATH", ""))))
    return os.environ | {"PATH": path, "TMPDIR": str(folder)}
