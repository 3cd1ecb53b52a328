"""The real worker, whose batches meet with the fault that ``E2ESHARD_TEST_FAULT`` names: ``<what>[-<where>]``.

Single cases are run as ever. What happens once only is remembered in the folder for the tests' state.
"""

from __future__ import annotations

import mmap
import os
import pathlib
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from runner import worker
from runner.failures import StageFailure
from runner.fast import compiling, session
from runner.protocol import Event, Job, Toolchain
from runner.stages import steps
from runner.tensors import Array
from runner.work import Told, Work
from schemas.words import Stage
from tests.engine_support.build import CHATTER, FAULT, LIE, state

if TYPE_CHECKING:
    from runner.fast.joining import Renamed

preload = worker.preload


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """A case, or a batch with its fault."""
    what, _, where = os.environ.get(FAULT, "").partition("-")
    if job.batch is None and what == "alone":
        steps.STEPS[Stage.COMPILED_INFERENCE] = _fails
        what = ""
    if what == "alone":
        what = ""
    if job.batch is not None and what:
        _note(job)
        if what in OUTPUTS:
            OUTPUTS[what]()
        elif where == "inference":
            _in_inference(FAULTS[what])
        elif where == "company":
            _in_company(FAULTS[what])
        elif where == "tool":
            _in_tool(what, pathlib.Path(job.folder))
        elif where == "refusals":
            _in_refusals()
        elif where == "solitary":
            job = msgspec.structs.replace(job, toolchain=_when_alone(what, job))
        else:
            _in_compilation(FAULTS[what])
    worker.run(job, emit)


def _fails(_work: Work) -> None:
    raise StageFailure("only alone")


def _note(job: Job) -> None:
    """Say that there was a batch, and of whom."""
    members = job.batch.members if job.batch is not None else ()
    names = " ".join(each.case.model for each in members)
    with (state() / "batches").open("a") as file:
        file.write(f"{names}\n")


def _in_compilation(fault: Callable[[], None]) -> None:
    plain = compiling.Compiler.compile

    def compiled(
        self: Any, modules: Sequence[Renamed], left: compiling.Left, began: compiling.Began, **more: Any
    ) -> Any:
        began()
        fault()
        return plain(self, modules, left, began, **more)

    compiling.Compiler.compile = compiled  # type: ignore[method-assign]


def _in_refusals() -> None:
    """All that are expected to be refused are, it seems, in the words that the tests declare."""

    def refused(_self: Any, modules: Sequence[Renamed], name: str, began: compiling.Began) -> dict[int, Told]:
        began()
        said = f"{name}:1:1: error: {LIE}\n"
        return {number: Told(said, 0.1, len(modules)) for number in range(len(modules))}

    compiling.Compiler.refused = refused  # type: ignore[method-assign]


def _in_inference(fault: Callable[[], None]) -> None:
    """In the second call of a process: the first is of eight cases."""
    plain, calls = session.Session.call, [0]

    def called(self: Any, *given: Any) -> tuple[Array, ...]:
        calls[0] += 1
        if calls[0] == 2:
            fault()
        return plain(self, *given)

    session.Session.call = called  # type: ignore[method-assign]


def _in_company(fault: Callable[[], None]) -> None:
    """In every call of several cases."""
    plain = session.Session.call

    def called(self: Any, *given: Any) -> tuple[Array, ...]:
        if len(given[2]) > 1:  # results
            fault()
        return plain(self, *given)

    session.Session.call = called  # type: ignore[method-assign]


def _in_tool(what: str, folder: pathlib.Path) -> None:
    """A compiler that does so where a module holds an error function, and its work elsewhere."""
    plain = compiling.Compiler.__init__

    def made(self: Any, toolchain: Any, flags: Any, place: Any) -> None:
        plain(self, toolchain, flags, place)
        script = folder / "compiler"
        blame = "echo \"$1:$(grep -n -m1 onnx.Erf $1 | cut -d: -f1):3: error: failed to legalize operation 'it'\" >&2"
        does = {
            "crash": "kill -SEGV $$",
            "late": "kill -SEGV $$",
            "hang": "sleep 3600",
            "blames": f"{blame} && exit 1",
            "mute": "exit 1",
        }[what]
        holds = "math.erf" if what == "late" else "onnx.Erf"  # before it is lowered, and after
        script.write_text(f'#!/bin/sh\ngrep -q {holds} "$1" && {does}\nexec {toolchain.iree_compile} "$@"\n')
        script.chmod(0o755)
        self._tool = str(script)

    compiling.Compiler.__init__ = made  # type: ignore[method-assign]


#: Says what ends a part as often as it is asked for, and before each that the module is refused.
LIES = (
    'for _ in $(grep no_module "$1"); do [ $_ = module ] || printf "%s\\n" "{says}" '
    '"within split at $1:9 offset :2:30: error: no" "module $_" "   ^"; done >&2; exit 1'
)


def _when_alone(what: str, job: Job) -> Toolchain:
    """A compiler that refuses an error function among others, and meets with something when it has it alone."""
    script, real = pathlib.Path(job.folder) / "compiler", job.toolchain
    refuses = "3:5: error: failed to legalize operation 'it'"
    does = {
        "crash": "kill -SEGV $$",
        "hang": "sleep 3600",
        "works": f'exec {real.iree_compile} "$@"',
        "lies": LIES.format(says=f"within split at $1:1 offset :{refuses}"),
        "full": "echo 'error: cannot write: No space left on device' >&2; exit 1",
        "chatty": f'echo "$1:{refuses}" >&2; head -c {CHATTER} /dev/zero | tr "\\0" "x" >&2; exit 1',
    }[what]
    lines = (
        "#!/bin/sh",
        'grep -q onnx.Erf "$1" || exec ' + real.iree_compile + ' "$@"',
        f'case "$1" in *joined_*) echo "$1:$(grep -n -m1 onnx.Erf $1 | cut -d: -f1):{refuses[2:]}" >&2; exit 1;; esac',
        does,
    )
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    return msgspec.structs.replace(real, iree_compile=str(script))


def none() -> None:
    """No fault."""


def crash() -> None:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


def killed() -> None:
    """End as if somebody else had."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """Never end."""
    time.sleep(3600)


def exit0() -> None:
    """Leave without a word."""
    os._exit(0)


def raises() -> None:
    """A bug of ours."""
    raise RuntimeError("a bug of ours")


def eat() -> None:
    """Take memory without end."""
    hoard = []
    while True:
        piece = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        piece.write(b"x" * (8 << 20))
        hoard.append(piece)
        time.sleep(0.001)


def zygote() -> None:
    """Kill the process that starts all others."""
    if not (state() / "killed").exists():
        (state() / "killed").touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(3600)


def garbage() -> None:
    """Write something that is no event."""
    for entry in pathlib.Path("/proc/self/fd").iterdir():
        try:
            if str(entry.readlink()).startswith("pipe:") and int(entry.name) > 2:
                os.write(int(entry.name), os.urandom(64) + b"\n")
        except OSError:
            continue
    time.sleep(3600)


def wrong() -> None:
    """Compute something else from now on."""
    plain = session.Session.call

    def called(self: Any, *given: Any) -> tuple[Array, ...]:
        return tuple(each + 1 for each in plain(self, *given))

    session.Session.call = called  # type: ignore[method-assign]


def _reads_behind() -> None:
    """Compute what depends on the byte behind the inputs, but for the first of several outputs."""
    plain = session.Session.call

    def called(self: Any, function: str, inputs: Any, results: Any, behind: int = session.BEHIND) -> tuple[Array, ...]:
        outputs = plain(self, function, inputs, results, behind)
        right = outputs[:1] if len(outputs) > 1 else ()
        return (*right, *(each + (1 + behind) for each in outputs[len(right) :]))

    session.Session.call = called  # type: ignore[method-assign]


OUTPUTS: dict[str, Callable[[], None]] = {"wrong": wrong, "behind": _reads_behind}
FAULTS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (none, crash, killed, hang, exit0, raises, eat, zygote, garbage, wrong)
}
