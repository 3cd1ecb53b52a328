"""All that a compilation depends on becomes one digest; what it does not depend on is left out of it."""

from __future__ import annotations

import hashlib
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from runner.cache.hashes import hash_of, hash_of_tree
from schemas.codec import encode_canonical
from suites.digest import sha256_of

#: Raised when entries of before would be misread, or were wrong.
FORMAT = 1

#: Where to write is no part of what is written.
_WHERE_TO = re.compile(r"--?(?:o|iree-scheduling-dump-statistics-(?:file|format)|dump-compilation-phases-to)(?:=|$)")
#: Flags by which the compiler writes files that an entry does not hold: with one of them it has to be started. One too
#: many here costs time, one too few a file that somebody waits for.
_WRITES = re.compile(
    r"--?[\w-]*(?:dump|splat|save-|keep-|reproducer|tree-dir|output(?!-format)|write|dotgraph|dot-file|log-actions"
    r"|parameter-export|export-parameters)"
)
_HOST = ("host", "native")
#: Environment variables that the compiler, LLVM and the GPU tool kits read; which devices are shown is none of theirs,
#: and how a crash is told is in no entry, and where a driver keeps its own code changes none of ours.
_VARIABLES = re.compile(
    r"(?:IREE|LLVM|MLIR|ROCM|HIP|CUDA|VULKAN|AMD|AMDGPU|DEVICE_LIB|TRIPLE)_\w+|CCC_OVERRIDE_OPTIONS"
)
_WITHOUT_EFFECT = re.compile(
    r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|CUDA_LAUNCH_BLOCKING|CUDA_CACHE_\w+|LLVM_DISABLE_SYMBOLIZATION"
)
_BETWEEN_PATHS, _BETWEEN_WORDS = re.compile(r"[=,;:@]"), re.compile(r"[=,:;\"'{} ]")
_SYSTEM_LINKER = "--iree-llvmcpu-link-embedded=false"


class Ingredients(msgspec.Struct, frozen=True, kw_only=True):
    """What a key is made of. ``host`` is empty where no flag compiles for the machine that compiles."""

    build: str  # SHA-256 of the compiler's library
    flags: tuple[str, ...]  # in order, absolute paths of existing files by their last part only
    files: tuple[tuple[str, str], ...]  # those files, by name, with their digests
    module: str  # SHA-256 of the module's bytes
    name: str  # its file's name: the compiler's messages have it
    host: str
    environment: tuple[tuple[str, str], ...]
    keeps: str = ""  # what an entry has to hold beside the module
    format: int = FORMAT


def key_of(ingredients: Ingredients) -> str:
    """64 hexadecimal digits; equal ingredients have equal keys."""
    return hashlib.sha256(encode_canonical(ingredients)).hexdigest()


def writes_files(flags: Sequence[str]) -> bool:
    """Whether the compiler is asked for files beside the module."""
    return any(_WRITES.match(flag) for flag in flags)


def relevant(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags without those that only say where something is to be written."""
    kept = []
    following = False
    for flag in flags:
        if following:
            following = False
        elif _WHERE_TO.match(flag):
            following = "=" not in flag
        else:
            kept.append(flag)
    return tuple(kept)


def ingredients(
    flags: Sequence[str],
    module: pathlib.Path,
    *,
    build: str,
    host: str,
    environment: Mapping[str, str],
    store: pathlib.Path,
    keeps: str = "",
) -> Ingredients:
    """What ``flags`` make of ``module`` depends on; ``host`` counts only where a flag says so.

    Raises OSError where a file cannot be read, and TooManyFilesError.
    """
    kept = relevant(flags)
    told, files = [], []
    for flag in kept:
        text = flag
        for path in _paths(flag):
            found = pathlib.Path(path)
            digest = hash_of_tree(found, store) if found.is_dir() else hash_of(found, store)
            files.append((found.name, digest))
            if found.is_absolute():
                text = text.replace(path, found.name)
        told.append(text)
    return Ingredients(
        build=build,
        flags=tuple(told),
        files=tuple(files),
        module=sha256_of(module),
        name=module.name,
        host=host if _is_for_host(kept) else "",
        environment=_environment(kept, environment),
        keeps=keeps,
    )


def _paths(flag: str) -> Iterator[str]:
    """What a flag names that is a file or a folder: ``--x=/a``, ``--x=scope=/a``, ``--x=/a,/b``, an argument alone."""
    name, separator, value = flag.partition("=")
    if not separator:
        value = "" if flag.startswith("-") else name
    candidates = dict.fromkeys((value, value.rpartition("=")[2], *_BETWEEN_PATHS.split(value)))
    for candidate in candidates:
        if candidate and "\0" not in candidate and _is_input(candidate):
            yield candidate


def _is_input(text: str) -> bool:
    try:
        path = pathlib.Path(text)
        return path.is_file() or (path.is_dir() and path.is_absolute())
    except OSError:  # too long for a path: it is none
        return False


def _is_for_host(flags: Sequence[str]) -> bool:
    return any(part in _HOST for flag in flags for part in _BETWEEN_WORDS.split(flag))


def _environment(flags: Sequence[str], environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    linker = ("PATH",) if _SYSTEM_LINKER in flags else ()
    return tuple(
        (name, value)
        for name, value in sorted(environment.items())
        if name in linker or (_VARIABLES.fullmatch(name) and not _WITHOUT_EFFECT.fullmatch(name))
    )
