from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import signature
from runner.failures import classify
from schemas.errors import InfraError
from schemas.words import StageStatus

WARNING = (
    "warning: using default host CPU target with no feature detection; the resulting module may run slowly\n"
    "m.mlir:1:1: warning: something that is no error: really\n"
)

#: What iree-compile 3.13 really printed (paths shortened), and what is left of it.
COMPILER = [
    (
        (
            "/a/b/model.mlir:4:10: error: failed to legalize operation 'torch.operator' that was explicitly marked"
            ' illegal: %1 = "torch.operator"(%arg0) <{name = "onnx.Cast"}> {torch.onnx.to = 22 : si64} :'
            " (!torch.vtensor<[5,5],f32>) -> !torch.vtensor<[5,5],si4>"
        ),
        "failed to legalize operation 'torch.operator': onnx.Cast",
    ),
    (
        (
            "m.mlir:4:12: error: failed to legalize operation 'torch.operator' that was explicitly marked illegal:"
            ' %0:3 = "torch.operator"(%arg0, %arg1) <{name = "onnx.Attention"}> {torch.onnx.is_causal = 1 : si64} : ()'
        ),
        "failed to legalize operation 'torch.operator': onnx.Attention",
    ),
    (
        (
            "m.mlir:9:12: error: failed to legalize operation 'torch.operator' that was explicitly marked illegal:"
            ' %55 = "torch.operator"(%46) <{name = "onnx.If"}> ({...}, {...}) : (!torch.vtensor<[],i1>) -> ()'
        ),
        "failed to legalize operation 'torch.operator': onnx.If",
    ),
    (
        (
            "m.mlir:4:10: error: failed to legalize operation 'arith.extf' that was explicitly marked illegal:"
            ' %42 = "arith.extf"(%41) : (vector<15xf8E4M3FNUZ>) -> vector<15xf16>'
        ),
        "failed to legalize operation 'arith.extf'",
    ),
    (
        (
            "m.mlir:6:10: error: failed to legalize operation 'torch.vtensor.literal':"
            ' %0 = "torch.vtensor.literal"() <{value = dense<1.0> : tensor<1x4x4x4xf32>}> : () -> ()'
        ),
        "failed to legalize operation 'torch.vtensor.literal'",
    ),
    (
        "m.mlir:7:11: error: failed to legalize operation 'torch.constant.bool'",
        "failed to legalize operation 'torch.constant.bool'",
    ),
    (
        (
            "<unknown>:0: error: loc(\"test\"): failed to legalize operation 'torch.runtime.assert' that was explicitly"
            ' marked illegal: "torch.runtime.assert"(%39) <{message = "onnx.Expand"}> : (!torch.bool) -> ()'
        ),
        "failed to legalize operation 'torch.runtime.assert'",
    ),
    (
        (
            "m.mlir:4:10: error: 'stream.tensor.sizeof' op failed to calculate total byte count: 'tensor<25xi4>' does"
            " not have integral number of total bytes"
        ),
        (
            "'stream.tensor.sizeof' op failed to calculate total byte count: 'tensor<*xi4>' does not"
            " have integral number of total bytes"
        ),
    ),
    (
        (
            "m.mlir:8:1: error: 'tensor.cast' op operand type 'tensor<?x1xi1>' and result type 'tensor<1xi1>' are cast"
            " incompatible"
        ),
        "'tensor.cast' op operand type 'tensor<*xi1>' and result type 'tensor<*xi1>' are cast incompatible",
    ),
    (
        (
            "m.mlir:4:10: error: 'linalg.generic' op inferred input/output operand #1 has shape's dimension #0 to be 4,"
            " but found 3"
        ),
        "'linalg.generic' op inferred input/output operand #N has shape's dimension #N to be N, but found N",
    ),
    (
        "m.mlir:5:10: error: 'tensor.collapse_shape' op number of elements must be preserved: 120 != 1320",
        "'tensor.collapse_shape' op number of elements must be preserved: N != N",
    ),
    (
        "m.mlir:5:10: error: unhandled torch type: '!torch.optional<vtensor<[2,3],si32>>'",
        "unhandled torch type: '!torch.optional<vtensor<*xsi32>>'",
    ),
    ("m.mlir:9:3: error: operand #0 does not dominate this use", "operand #N does not dominate this use"),
    ("m.mlir:9:3: error: unimplemented: dim is not constant", "unimplemented: dim is not constant"),
    (
        (
            "<unknown>:0: error: failed to run translation of source executable to target executable for backend"
            ' #hal.executable.target<"llvm-cpu", "embedded-elf-x86_64", {cpu = "rocketlake", cpu_features = "+avx"}>'
        ),
        "failed to run translation of source executable to target executable for backend #hal.executable.target",
    ),
    (
        "error opening input file: failed to open '/home/x/y/model.mlir': no such file",
        "error opening input file: failed to open '<path>': no such file",
    ),
    ("LLVM ERROR: unsupported width 17 at 0x7f00aa", "LLVM ERROR: unsupported width N at 0x*"),
    ("\x1b[31mm.mlir:1:1: error: \x1b[0mexpected ':'", "expected ':'"),
]

#: The same for iree-run-module.
RUNTIME = [
    (
        (
            "c/runtime/src/iree/hal/buffer_view.c:47: OUT_OF_RANGE; buffer view byte length 96 exceeds backing buffer"
            " byte length 48; while invoking native function hal.buffer_view.create; while calling import;\n"
            "[ 1] bytecode module@1:332 -"
        ),
        "OUT_OF_RANGE; buffer view byte length N exceeds backing buffer byte length N",
    ),
    (
        (
            "c/runtime/src/iree/tooling/numpy_io.c:420: UNIMPLEMENTED; unsupported data encoding; outputting results;"
            " processing function outputs; `sync func @f(%input0: tensor<3x5xbf16>) -> (%output0: tensor<3x5xbf16>)`"
        ),
        "UNIMPLEMENTED; unsupported data encoding",
    ),
    (
        (
            "c/runtime/src/iree/hal/string_util.c:67: INVALID_ARGUMENT; shape[2] invalid value 'comple' of"
            " '3x5xcomple'; parsing input `3x5xcomplex<f32>=@x.bin`; parsing function inputs"
        ),
        "INVALID_ARGUMENT; shape[N] invalid value 'comple' of '3x5xcomple'",
    ),
    (
        "OUT_OF_RANGE; outputting results; processing function outputs; `sync func @f() -> ()`",
        "OUT_OF_RANGE",
    ),
    (
        "runtime/src/iree/vm/context.c:99: NOT_FOUND; function 'nope' not exported by module",
        "NOT_FOUND; function 'nope' not exported by module",
    ),
    (
        "c/runtime/src/iree/hal/drivers/vulkan/symbols.c:10: UNAVAILABLE; Vulkan `libvulkan.so.1` not available",
        "UNAVAILABLE; Vulkan `libvulkan.so.1` not available",
    ),
]


@pytest.mark.parametrize(("said", "expected"), COMPILER)
def test_what_the_compiler_says(said: str, expected: str) -> None:
    assert signature.of_tool(said + "\nnote: see current operation: %0\n", "iree-compile", 1) == expected
    assert signature.of_tool(WARNING + said, "iree-compile", 1) == expected


@pytest.mark.parametrize(("said", "expected"), RUNTIME)
def test_what_the_runtime_says(said: str, expected: str) -> None:
    assert signature.of_tool(said, "iree-run-module", 1) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("Unknown ONNX tensor element type: 25"), "ValueError: Unknown ONNX tensor element type: UINT2"),
        (ValueError("Unknown ONNX tensor element type: 99"), "ValueError: Unknown ONNX tensor element type: N"),
        (ValueError("Unsupported builtin tensor type"), "ValueError: Unsupported builtin tensor type"),
        (KeyError("onnx.Thing"), "KeyError: 'onnx.Thing'"),
        (RuntimeError(""), "RuntimeError"),
        (
            FileNotFoundError(2, "No such file", "/home/me/x/y.bin"),
            "FileNotFoundError: [Errno N] No such file: '<path>'",
        ),
        (ValueError("first line\nsecond line"), "ValueError: first line"),
    ],
)
def test_what_python_says(error: Exception, expected: str) -> None:
    assert signature.of_exception(error) == expected


STACK = """Please report issues to https://example.org/issues and include the crash backtrace.
Stack dump:
0.\tProgram arguments: iree-compile m.mlir
 #0 0x00007fc885d5a0ab llvm::sys::PrintStackTrace(llvm::raw_ostream&, int) Signals.cpp:0:0
 #1 0x00007fc885d571fe llvm::sys::RunSignalHandlers() Signals.cpp:0:0
 #2 0x00007fc885d5ac10 SignalHandler(int, siginfo_t*, void*) Signals.cpp:0:0
 #3 0x00007fc87fe5a050 (/lib/x86_64-linux-gnu/libc.so.6+0x3c050)
 #4 0x00007fc886fe1377 mlir::torch::Pattern::matchAndRewrite(mlir::Operation*) const Patterns.cpp:0:0
"""


def test_a_crash_is_named_the_same_with_and_without_symbols() -> None:
    bare = "Stack dump without symbol names\n0  libIREECompiler.so 0x00007f72e695a0ab\n"
    for output in (STACK, bare, ""):
        assert signature.of_crash("SIGSEGV", "iree-compile", output) == "SIGSEGV in iree-compile"
    assert signature.excerpt_of_crash(STACK).startswith(" #4 0x00007fc886fe1377 mlir::torch")
    assert signature.excerpt_of_crash(bare) == bare.rstrip()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("LLVM ERROR: Cannot select: t7", "SIGABRT in iree-compile: LLVM ERROR: Cannot select: t7"),
        (
            'iree-compile: /b/c/Foo.cpp:12: void f(): Assertion `x > 3 && "y"\' failed.\nStack dump:',
            'SIGABRT in iree-compile: Assertion `x > N && "y"\' failed',
        ),
        (
            "terminate called after throwing an instance of 'std::out_of_range'",
            "SIGABRT in iree-compile: std::out_of_range",
        ),
    ],
)
def test_last_words_of_an_abort_are_kept(said: str, expected: str) -> None:
    assert signature.of_crash("SIGABRT", "iree-compile", said) == expected


def test_a_silent_tool_and_one_without_the_word_error() -> None:
    assert signature.of_tool("", "iree-compile", 3) == "iree-compile exited with 3 and said nothing"
    assert signature.of_tool(WARNING + "cannot do it\nreally", "iree-compile", 1) == "cannot do it"


def test_the_excerpt_begins_at_the_first_error() -> None:
    excerpt = signature.excerpt_of_tool(WARNING + "m.mlir:1:1: error: no\n  here\n")
    assert excerpt == "m.mlir:1:1: error: no\n  here"


@given(st.text(max_size=400))
def test_normalising_ends_in_one_short_line_and_is_stable(text: str) -> None:
    once = signature.normalise(text)
    assert len(once) <= signature.LENGTH
    assert "\n" not in once
    assert signature.normalise(text) == once


@given(st.integers(0, 10**9), st.sampled_from(["/tmp/a1", "/home/u/x-2", "~/w.d/k"]), st.integers(0, 2**60))  # noqa: S108
def test_numbers_paths_and_addresses_do_not_matter(number: int, folder: str, address: int) -> None:
    where = f"{folder}/model.mlir:{number}:3"
    text = f"{where}: error: op #{number} at {folder}/x/f.bin failed at 0x{address:x} of %arg{number}"
    assert signature.of_tool(text, "t", 1) == "op #N at <path> failed at 0x* of %"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("no"), StageStatus.FAIL),
        (MemoryError(), StageStatus.OOM),
        (RuntimeError("std::bad_alloc"), StageStatus.OOM),
        (OSError(28, "No space left on device"), StageStatus.INFRA),
        (InfraError("the network is down", "wait"), StageStatus.INFRA),
        (FileNotFoundError(2, "No such file"), StageStatus.FAIL),
    ],
)
def test_exceptions_become_a_status(error: Exception, status: StageStatus) -> None:
    found, info = classify(error)
    assert found is status
    assert info.signature


@pytest.mark.parametrize(
    ("status", "killed"),
    [(9, 9), (11, 11), (137 << 8, 9), (139 << 8, 11), (134 << 8, 6), (1 << 8, None), (128 << 8, None), (0, None)],
)
def test_the_signal_that_ended_a_linker_is_read_from_the_shells_wait_status(status: int, killed: int | None) -> None:
    said = f"Killed\nLinking failed; escaped command line returned exit code {status}:\n\nLLD_VERSION=IREE lld\n"
    assert signature.killed_linker(said) == killed


def test_words_about_a_linker_elsewhere_are_none() -> None:
    said = "a.mlir:1:1: error: Linking failed; escaped command line returned exit code 9:"
    assert signature.killed_linker(said) is None
