"""Turns start requests into case processes: loads everything heavy once, then forks; ends with its scheduler.

One thread only, so that a fork copies no held lock. It adopts every process that a case leaves behind and kills it, and
when the scheduler's end of the socket closes, however that came about, it kills all cases before it exits.
"""

from __future__ import annotations

import argparse
import array
import gc
import importlib
import os
import pathlib
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence

import msgspec

from runner.caseprocess import Worker, run_case
from runner.process import adopt_orphans, end_strays, kill_group
from runner.wire import PACKET, REQUESTS, Ended, Forked, Kill, NotForked, Ready, Reply, SayInto, Start

_STRAY_PATIENCE = 2.0  # seconds to wait for a killed stray; only one in an uninterruptible sleep takes longer


class _Zygote:
    """The live cases of this zygote: by number their process id, by pidfd their number."""

    def __init__(self, link: socket.socket, worker: Worker) -> None:
        self._link = link
        self._worker = worker
        self._poll = select.poll()
        self._poll.register(link, select.POLLIN)
        self._pids: dict[int, int] = {}
        self._handles: dict[int, int] = {}

    def serve(self) -> None:
        """Answer requests until the scheduler is gone; leave no process behind."""
        try:
            self._say(Ready())
            while True:
                for handle, _ in self._poll.poll():
                    if handle != self._link.fileno():
                        self._reap(handle)
                    elif not self._obey():
                        return
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            self._end_all()

    def _obey(self) -> bool:
        """One request; False when the scheduler is gone."""
        data, ancillary, _, _ = self._link.recvmsg(PACKET, socket.CMSG_SPACE(2 * array.array("i").itemsize))
        if not data:
            return False
        fds = array.array("i")
        for _, _, payload in ancillary:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        request = REQUESTS.decode(data)
        if isinstance(request, Kill):
            if request.number in self._pids:
                kill_group(self._pids[request.number])
        elif isinstance(request, SayInto):
            _say_into(request.log)
        else:
            self._fork(request, *fds)
        return True

    def _fork(self, start: Start, events: int, job: int) -> None:
        parent = os.getpid()
        pid = -1
        try:
            pid = os.fork()
            if pid == 0:
                self._link.close()
                for handle in self._handles:
                    os.close(handle)
                run_case(self._worker, start, events, job, parent)  # never returns
            handle = os.pidfd_open(pid)
        except OSError as error:  # the machine's limits of processes, memory or descriptors
            if pid > 0:
                kill_group(pid)
                os.waitpid(pid, 0)
            self._say(NotForked(number=start.number, why=error.strerror or str(error)))
            return
        finally:
            os.close(events)
            os.close(job)
        self._pids[start.number] = pid
        self._handles[handle] = start.number
        self._poll.register(handle, select.POLLIN)
        self._say(Forked(number=start.number, pid=pid))

    def _reap(self, handle: int) -> None:
        """A case's process has ended: end all that it left, then say so."""
        number = self._handles[handle]
        pid = self._pids[number]
        kill_group(pid)  # before the wait: until then no other process can be given this id
        _, status, usage = os.wait4(pid, 0)
        self._poll.unregister(handle)
        os.close(handle)
        del self._handles[handle], self._pids[number]
        end_strays(self._pids.values, _STRAY_PATIENCE)
        self._say(Ended(number=number, status=status, peak_rss=usage.ru_maxrss * 1024))

    def _end_all(self) -> None:
        for pid in self._pids.values():
            kill_group(pid)
        self._pids.clear()
        end_strays(self._pids.values, _STRAY_PATIENCE)

    def _say(self, reply: Reply) -> None:
        self._link.send(msgspec.json.encode(reply))


def _say_into(log: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)


def load_worker(name: str) -> Worker:
    """``module:function`` becomes the function that runs a case, after the module's ``preload()``, if it has one."""
    module_name, _, function = name.partition(":")
    module = importlib.import_module(module_name)
    preload: Callable[[], None] | None = getattr(module, "preload", None)
    if preload is not None:
        preload()
    worker: Worker = getattr(module, function)
    return worker


def _threads() -> Iterator[str]:
    for task in pathlib.Path("/proc/self/task").iterdir():
        yield (task / "comm").read_text().strip()


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m runner.zygote --socket FD --worker MODULE:FUNCTION``; started by the scheduler only."""
    parser = argparse.ArgumentParser(prog="python -m runner.zygote", description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the scheduler's socket")
    parser.add_argument("--worker", required=True, help="module:function that runs one case")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the scheduler decides what an interrupt ends
    adopt_orphans()
    worker = load_worker(options.worker)
    threads = list(_threads())
    if len(threads) != 1:
        print(f"the zygote must have one thread before it forks, but preloading left {threads}", file=sys.stderr)
        return 70
    gc.collect()
    gc.freeze()  # what is loaded now stays: keep the collector from copying its pages in every case
    with socket.socket(fileno=options.socket) as link:
        _Zygote(link, worker).serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # no process is left, and nothing to tidy: native libraries would complain of what is still loaded


if __name__ == "__main__":
    sys.exit(main())
