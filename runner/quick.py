"""Compilations of small modules are made quicker: by the allocator, and where many are joined by flags, too."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
from collections.abc import Iterator, Mapping, Sequence

#: Each torch function becomes one function instead of two: no variant with fences, and no wrapper that waits for it.
#: The functions' bodies, and so the kernels, are the same; the compiler's cost for each function is not.
SYNCHRONOUS = "--iree-torch-emit-async-entry-points"
#: ``-name`` leaves a plugin out. Those for devices that no flag mentions bring dialects with them, whose patterns every
#: canonicalisation collects anew: a twentieth of the time. Plugins for the CPU stay: constants are evaluated there.
PLUGIN = "--iree-plugin"
_DEVICES = {
    "hal_target_cuda": ("cuda", "nvptx"),
    "hal_target_metal_spirv": ("metal",),
    "hal_target_rocm": ("rocm", "hip", "amdgpu"),
    "hal_target_vulkan_spirv": ("vulkan",),
}
#: Plugins that read other dialects than torch's, and the words by which one sees that they are needed.
_INPUTS = {"input_stablehlo": ("stablehlo", "chlo", "vhlo", "xla"), "input_tosa": ("tosa",)}
#: Two batches at a time keep two cores busy: threads within one of them would only wait for each other.
ONE_THREAD = "--mlir-disable-threading"
#: A function that a pass has failed on is printed, with its name, which not every error has.
NAME_FAILED = "--mlir-print-ir-after-failure"
_PRELOAD = "LD_PRELOAD"
#: Where `llvm-symbolizer` is installed, it takes three times as long as the compiler took to crash; nobody reads what
#: it says of joined modules.
_NAMELESS = "LLVM_DISABLE_SYMBOLIZATION"
#: Where distributions put jemalloc 5, with which the compiler needs a fifth less time than with glibc's malloc.
_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_LIBRARIES = ("libjemalloc.so.2", f"{platform.machine()}-linux-gnu/libjemalloc.so.2")  # not another machine's


def joining_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """What a compilation of joined modules adds to ``flags``, the case's own."""
    names = {flag.partition("=")[0] for flag in flags}
    synchronous = () if SYNCHRONOUS in names else (f"{SYNCHRONOUS}=false",)
    if PLUGIN in names:
        return synchronous
    return (*synchronous, *_without(_DEVICES, " ".join(flags)))


def unneeded_plugins(flags: Sequence[str], text: str) -> tuple[str, ...]:
    """What leaves plugins out that neither ``flags`` nor modules with this text need; the text is of the input."""
    if PLUGIN in {flag.partition("=")[0] for flag in flags}:
        return ()
    return tuple(_without(_DEVICES | _INPUTS, f"{' '.join(flags)} {text}"))


def plugins_of(flags: Sequence[str]) -> tuple[str, ...]:
    """Those of ``flags`` that leave plugins out."""
    return tuple(flag for flag in flags if flag.startswith(f"{PLUGIN}=-"))


def _without(plugins: Mapping[str, Sequence[str]], said: str) -> Iterator[str]:
    lower = said.lower()
    return (f"{PLUGIN}=-{plugin}" for plugin, words in plugins.items() if not any(word in lower for word in words))


def refuses_flags(said: str) -> bool:
    """Whether an older compiler said that it does not know what is added for joined modules."""
    unknown = (f"Unknown command line argument '{each}" for each in (SYNCHRONOUS, NAME_FAILED))
    return any(each in said for each in unknown) or "requested IREE plugin '-" in said


@contextlib.contextmanager
def quick_environment() -> Iterator[None]:
    """Processes started meanwhile use jemalloc where it is installed, and name no functions of a crash's stack.

    Unless the environment says otherwise.
    """
    found = allocator()
    wanted = {_NAMELESS: "1"} | ({_PRELOAD: str(found)} if found is not None else {})
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def allocator() -> pathlib.Path | None:
    """The library of jemalloc on this machine; None where there is none."""
    places = (pathlib.Path(folder) / each for folder in _FOLDERS for each in _LIBRARIES)
    return next((path for path in places if path.is_file()), None)
