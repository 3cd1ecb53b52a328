"""A StableHLO module and its inputs become its expected outputs, in a process of the reference interpreter's own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import re
import select
import subprocess
from collections.abc import Iterator, Sequence

import msgspec

from e2eshard.commands import child
from runner import signature
from runner.failures import StageFailure
from runner.frontends.stablehlo_wire import Ask, Tensor, Told, read_message, write_message
from runner.process import signal_name
from runner.tensors import Array
from schemas.errors import InfraError
from schemas.words import StageStatus

EXTRA = "make install EXTRAS=stablehlo, or pip install e2eshard[stablehlo]"
_PROGRAM = "runner.frontends.stablehlo_evaluator"
_PLACE = re.compile(r'"-":\d+:\d+: ')  # of an error in a module without a file
_END = 1 << 16  # bytes of what the interpreter said that are searched for an error


def is_installed() -> bool:
    """Whether jaxlib is there; found without loading it."""
    return importlib.util.find_spec("jaxlib") is not None


class Reference:
    """jaxlib's interpreter; started when it is first asked, and anew after it has died or was too slow.

    Raises InfraError where jaxlib is not installed. What it prints goes into ``log``.
    """

    def __init__(self, log: pathlib.Path) -> None:
        if not is_installed():
            raise InfraError("StableHLO's expected outputs come from jaxlib, which is not installed here", EXTRA)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def text(self, module: bytes) -> str:
        """The module in StableHLO's generic form, whatever form it has; raises StageFailure."""
        return self._ask(Ask(module=module, evaluate=False), None).module

    def refined(self, module: bytes, types: Sequence[str]) -> str:
        """Likewise, with the open sizes that follow from the types of the arguments (``4x8xf32``)."""
        return self._ask(Ask(module=module, evaluate=False, types=tuple(types)), None).module

    def run(
        self,
        module: bytes,
        entry: str,
        operands: Sequence[Tensor],
        timeout: float | None = None,
        types: Sequence[str] = (),
    ) -> tuple[Array, ...]:
        """The results of the function ``entry``; raises StageFailure with what the interpreter said.

        With ``types``, open sizes are those that follow from these types of the arguments.
        """
        ask = Ask(module=module, entry=entry, operands=tuple(operands), types=tuple(types))
        return tuple(each.array() for each in self._ask(ask, timeout).results)

    def close(self) -> None:
        """End the process; it has nothing to tidy up."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(OSError):
            if self._log.stat().st_size == 0:  # thousands of empty files help nobody
                self._log.unlink()

    def _ask(self, ask: Ask, timeout: float | None) -> Told:
        process, start = self._started(), self._log.stat().st_size
        if process.stdin is None or process.stdout is None:
            msg = "the interpreter was started without pipes"
            raise TypeError(msg)
        try:
            write_message(process.stdin, msgspec.msgpack.encode(ask))
        except BrokenPipeError:
            raise self._death(process, start) from None
        if timeout is not None and not select.select([process.stdout], [], [], timeout)[0]:
            self.close()
            text = "the StableHLO interpreter took too long"
            raise StageFailure(text, f"no answer after {timeout:.0f} s", StageStatus.TIMEOUT)
        message = read_message(process.stdout)
        if message is None:
            raise self._death(process, start)
        told = msgspec.msgpack.decode(message, type=Told)
        if told.error:
            raise refusal(told.error, "the StableHLO interpreter")
        return told

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            with self._log.open("ab") as errors:
                self._process = subprocess.Popen(
                    child(_PROGRAM, "--parent", str(os.getpid())),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    bufsize=-1,
                )
        return self._process

    def _death(self, process: subprocess.Popen[bytes], start: int) -> StageFailure:
        """How the process ended without an answer; the next question goes to a new one."""
        code = process.wait()
        with self._log.open("rb") as file:
            file.seek(max(start, self._log.stat().st_size - _END))
            said = file.read().decode(errors="replace")
        self.close()
        if code < 0:
            text = signature.of_crash(signal_name(-code), "the StableHLO interpreter", said)
            return StageFailure(text, signature.excerpt_of_crash(said) or said, StageStatus.CRASH)
        return StageFailure(f"the StableHLO interpreter exited with {code}", said, StageStatus.CRASH)


def refusal(said: str, tool: str) -> StageFailure:
    """What MLIR's bindings said of a module that has no file of its own."""
    return StageFailure(signature.of_tool(_PLACE.sub("", said), tool, None), said)


@contextlib.contextmanager
def reference(log: pathlib.Path) -> Iterator[Reference]:
    """An interpreter that ends with the block."""
    made = Reference(log)
    try:
        yield made
    finally:
        made.close()
