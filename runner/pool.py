"""Jobs become running case processes and their endings, through one zygote that is replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
from typing import Self

import msgspec

from e2eshard.commands import child
from runner.memory import children
from runner.process import adopt_orphans, end_strays, tail
from runner.protocol import Job
from runner.wire import PACKET, REPLIES, Ended, Forked, Kill, NotForked, Ready, SayInto, Start, in_memory
from schemas.errors import CannotStartError

#: Runs every case; tests put a function that injects faults in its place (`E2ESHARD_TEST_WORKER=module:function`).
DEFAULT_WORKER = "runner.worker:run"
TORCH_WORKER = "runner.torchworker:run"  # where some case loads a PyTorch model
LIGHT_WORKER = "runner.bundle.light:run"  # for cases that need no model, and so neither onnx nor a compiler
WORKER_VARIABLE = "E2ESHARD_TEST_WORKER"
#: Set where that function knows batches too.
BATCHES_VARIABLE = "E2ESHARD_TEST_BATCHES"

_READY_PATIENCE = 120.0  # seconds for the imports of a cold machine
_EXIT_PATIENCE = 5.0
#: Numerical libraries start a thread per core when they are loaded, and a fork must find one thread only.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ZygoteLostError(Exception):
    """The zygote died; every case it had forked is gone."""


class Zygote:
    """One zygote process and the socket to it. Use as a context manager: leaving it leaves no process behind."""

    def __init__(self, log: pathlib.Path, worker: str = DEFAULT_WORKER) -> None:
        self._log = log
        self._worker = worker
        self._early: pathlib.Path | None = None  # where it said what it had to say before it was settled
        adopt_orphans()  # when a zygote dies, what its cases had started becomes ours to end
        self._spawn()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The socket's descriptor, readable when there are replies."""
        return self._link.fileno()

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until everything heavy is loaded; CannotStartError with the zygote's last words when it is not."""
        self._link.settimeout(_READY_PATIENCE)
        try:
            data = self._link.recv(PACKET)
        except (TimeoutError, ConnectionResetError):
            data = b""
        if not data or not isinstance(REPLIES.decode(data), Ready):
            self.close()
            self._gather()
            said = tail(self._log).decode("utf-8", "replace").strip() or "nothing"
            raise CannotStartError(
                f"the process that runs the cases did not start; it said:\n{said}",
                f"see {self._log}; `python -m e2eshard runner.zygote --help` must work in this environment",
            )
        self._gather()
        self._link.setblocking(False)

    def settle(self, log: pathlib.Path) -> bool:
        """Let what it says, and has said so far, stand in ``log``; False, and its end, where it is gone already."""
        self._early, self._log = self._log, log
        try:
            self._send(msgspec.json.encode(SayInto(log=str(log))))
        except ZygoteLostError:
            self._end()
            return False
        return True

    def abandon(self) -> None:
        """End it at once: it has started nothing."""
        self._end()

    def start(self, number: int, job: Job, log: pathlib.Path) -> int:
        """Ask for a process for ``job``; the reading end of its event pipe. Raises OSError and ZygoteLostError."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        try:
            with in_memory(msgspec.json.encode(job)) as file:
                self._send(msgspec.json.encode(Start(number=number, log=str(log))), writer, file)
        except (OSError, ZygoteLostError):
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return reader

    def kill(self, number: int) -> None:
        """Ask for the end of a case; its ``Ended`` follows. Raises ZygoteLostError."""
        self._send(msgspec.json.encode(Kill(number=number)))

    def replies(self) -> list[Forked | NotForked | Ended]:
        """All replies that are there; raises ZygoteLostError when the zygote is gone and all has been read."""
        found: list[Forked | NotForked | Ended] = []
        while True:
            try:
                data = self._link.recv(PACKET)
            except BlockingIOError:
                return found
            except ConnectionResetError:
                data = b""
            if not data:
                if found:
                    return found  # the next call tells
                raise ZygoteLostError
            reply = REPLIES.decode(data)
            if not isinstance(reply, Ready):
                found.append(reply)

    def restart(self) -> None:
        """End whatever is left of a dead or stuck zygote and start another; wait until it is ready."""
        self._end()
        self._spawn()
        self.wait_ready()

    def close(self) -> None:
        """Close the socket, which ends the zygote and with it every case; make sure of it."""
        self._link.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_PATIENCE)
        self._end()

    def _gather(self) -> None:
        """What was said before there was a log goes into it; nothing is lost where that cannot be."""
        if self._early is not None:
            with contextlib.suppress(OSError), self._log.open("ab") as log:
                log.write(self._early.read_bytes())
            self._early = None

    def _send(self, message: bytes, *descriptors: int) -> None:
        self._link.settimeout(_EXIT_PATIENCE)
        try:
            socket.send_fds(self._link, [message], descriptors)
        except OSError as error:
            raise ZygoteLostError from error
        finally:
            self._link.setblocking(False)

    def _spawn(self) -> None:
        self._others = frozenset(children(os.getpid()))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET)
        self._link = ours
        worker = os.environ.get(WORKER_VARIABLE, self._worker)
        argv = child("runner.zygote", "--socket", str(theirs.fileno()), "--worker", worker)
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,  # the terminal's Ctrl-C reaches the scheduler alone
            )

    def _end(self) -> None:
        """Kill the zygote and all that it had started: with it gone, every one of them is our child."""
        self._link.close()
        self._process.kill()
        self._process.wait()
        end_strays(lambda: self._others, _EXIT_PATIENCE)
