"""A zygote is started before it is known what it will run, and taken by the first shard that can use it.

It loads for half a second what nearly every case needs; meanwhile the suites are read.
"""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

from runner.options import Options
from runner.pool import DEFAULT_WORKER, LIGHT_WORKER, Zygote
from schemas.partial import Half

_waiting: list[tuple[str, Zygote]] = []  # and what each can run


@contextlib.contextmanager
def started_ahead(options: Options) -> Iterator[None]:
    """Have one while the body runs, where cases of the suites will be run; end it if nobody has taken it."""
    if options.collect_only or options.bundles or any(name.startswith("torch/") for name in options.names):
        yield
        return
    worker = LIGHT_WORKER if options.half is Half.DEVICE else DEFAULT_WORKER
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # whoever needs one starts it and says what is wrong
            log = pathlib.Path(stack.enter_context(tempfile.NamedTemporaryFile(prefix="e2eshard-zygote-")).name)
            _waiting.append((worker, Zygote(log, worker)))
        try:
            yield
        finally:
            _abandon()


def zygote_for(log: pathlib.Path, worker: str) -> Zygote:
    """One for ``worker``: the waiting one if it is of that kind, else a new one. What it says stands in ``log``."""
    if [worker] == [kind for kind, _ in _waiting]:
        _, found = _waiting.pop()
        if found.settle(log):
            return found
    _abandon()  # it would hold what it has loaded for nothing
    return Zygote(log, worker)


def _abandon() -> None:
    while _waiting:
        _waiting.pop()[1].abandon()
