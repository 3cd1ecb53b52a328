"""Error output becomes a signature: one line, equal on every machine and in every run, that names what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable

OUT_OF_MEMORY = "out of memory"
NOTHING_COMPARED = "nothing compared (empty outputs)"
LENGTH = 160

#: TensorProto.DataType of onnx.proto, by number: the importer's message has the number only.
# fmt: off
_ONNX_TYPES = (
    "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
    "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ",
    "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2", "FLOAT6E2M3",
    "FLOAT6E3M2",
)
# fmt: on

_ALLOCATION = re.compile(
    r"std::bad_alloc|LLVM ERROR: out of memory|Cannot allocate memory|bad allocation", re.IGNORECASE
)
_WARNING = re.compile(r"(?:^|: )(?:warning|remark|note): ")
_MLIR_ERROR = re.compile(r"(?:^|: )error: (?P<text>.*)")
_LLVM_ERROR = re.compile(r"^(?P<text>LLVM ERROR: .*)")
_ASSERTION = re.compile(r"(?P<text>Assertion `.*' failed)")
_RUNTIME_ERROR = re.compile(r"^(?:\S+\.(?:c|cc|cpp|h):\d+: )?(?P<text>[A-Z][A-Z_]+;.*)")
_TERMINATE = re.compile(r"^terminate called after throwing an instance of '(?P<text>.*)'")

#: What is dropped or put in a neutral form, in this order.
_NEUTRAL: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"^(?:loc\((?:[^()]|\([^()]*\))*\): )+"), ""),
    (re.compile(r"(element type: )(\d+)\b"), lambda m: m.group(1) + _onnx_type(int(m.group(2)))),
    (
        re.compile(
            r"(failed to legalize (?:unresolved )?(?:operation|op)) '(torch\.operator)'.*?name = \"([\w.]+)\".*"
        ),
        r"\1 '\2': \3",
    ),
    (re.compile(r"(failed to legalize operation '[\w.]+')(?: that was explicitly marked illegal)?: [%\"].*"), r"\1"),
    (re.compile(r"(#[\w.]+)<.*"), r"\1"),
    (re.compile(r"; (?:while|invoking|parsing|processing|outputting|`|\[ ?\d).*"), ""),
    (re.compile(r"(?:file://)?(?:~|\.{1,2})?(?:/[\w.@+~-]+){2,}(?::\d+)*"), "<path>"),
    (re.compile(r"\b(tensor|vector|memref|vtensor)<(?:\[[^\]]*\],|(?:[\d?]+x|\[\d+\]x)+)"), r"\1<*x"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "0x*"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"), "*"),
    (re.compile(r"%[\w$.#:-]*\w"), "%"),
    (re.compile(r"(?<![\w.'`])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]*['`\w])"), "N"),
    (re.compile(r"\s+"), " "),
)

#: What the compiler says of its linker, with the number that ``system`` gave: the shell's wait status.
_LINKER = re.compile(r"^Linking failed; escaped command line returned exit code (?P<status>\d+):", re.MULTILINE)
_OF_SHELL = 128

#: Frames of the crash handler itself, above the frame that matters.
_HANDLER = re.compile(r"PrintStackTrace|SignalHandler|__restore_rt|/libc\.so|\braise\b|gsignal|\babort\b|pthread_kill")
_FRAME = re.compile(r"^ *#\d+ 0x[0-9a-f]+ ")


def has_error(output: str) -> bool:
    """Whether a line of a tool's output is an error, in the form of the compiler or of the runtime."""
    return any(not _WARNING.search(line) and _error_in(line) for line in map(str.strip, output.splitlines()))


def is_allocation_failure(text: str) -> bool:
    """Whether a message is that of an allocator that gave up."""
    return _ALLOCATION.search(text) is not None


def of_exception(exception: BaseException) -> str:
    """``TypeName: first line of the message``, normalised."""
    lines = str(exception).strip().splitlines()
    return normalise(f"{type(exception).__name__}: {lines[0]}" if lines else type(exception).__name__)


def of_tool(output: str, tool: str, exit_code: int | None) -> str:
    """The first error in a tool's output, warnings left out; its first line where nothing looks like an error."""
    line = _first_error(output)
    return normalise(line) if line else f"{tool} exited with {exit_code} and said nothing"


def of_crash(signal: str, tool: str, output: str) -> str:
    """``SIGSEGV in iree-compile``, and the assertion or LLVM's own last words where there are any.

    No frame of the stack: whether those have names depends on whether llvm-symbolizer is on the machine's PATH.
    """
    crash = f"{signal} in {tool}"
    for line in output.splitlines():
        for pattern in (_LLVM_ERROR, _ASSERTION, _TERMINATE):
            if match := pattern.search(line):
                return normalise(f"{crash}: {match.group('text')}")
    return crash


def killed_linker(output: str) -> int | None:
    """The signal that ended the linker which the compiler had called, or the shell between; None where none did.

    The shell says 128 and the signal (POSIX, "Exit Status for Commands"); a wait status has that in its second byte,
    and in the lower seven bits of its first one the signal that ended the shell itself.
    """
    match = _LINKER.search(output)
    if match is None:
        return None
    status = int(match.group("status"))
    return status & 0x7F or max(0, (status >> 8) - _OF_SHELL) or None


def excerpt_of_tool(output: str) -> str:
    """The output from its first error on, without the warnings before it."""
    return _from_first(output, lambda line: _error_in(line) is not None)


def excerpt_of_crash(output: str) -> str:
    """The output from the frame of the stack that crashed on; all of it where there is no stack."""
    return _from_first(output, lambda line: bool(_FRAME.match(line)) and not _HANDLER.search(line))


def _from_first(output: str, matches: Callable[[str], bool]) -> str:
    lines = output.splitlines()
    first = next((number for number, line in enumerate(lines) if matches(line)), 0)
    return "\n".join(lines[first:])


def normalise(text: str) -> str:
    """What is left of a message when everything is taken out that differs between machines, runs and shapes."""
    for pattern, neutral in _NEUTRAL:
        text = pattern.sub(neutral, text)
    text = text.strip().rstrip(" :;,.")
    return text if len(text) <= LENGTH else text[: LENGTH - 1].rstrip() + "…"


def _first_error(output: str) -> str | None:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not _WARNING.search(line)]
    found = next(filter(None, map(_error_in, lines)), None)
    return found or (lines[0] if lines else None)


def _error_in(line: str) -> str | None:
    for pattern in (_MLIR_ERROR, _LLVM_ERROR, _RUNTIME_ERROR):
        if match := pattern.search(line):
            return match.group("text")
    return None


def _onnx_type(number: int) -> str:
    return _ONNX_TYPES[number] if number < len(_ONNX_TYPES) else str(number)
