"""The installed packages, or a build tree, become the absolute paths of the native tools in them."""

from __future__ import annotations

import importlib.util
import os
import pathlib
from collections.abc import Iterable, Sequence

from runner.protocol import PACKAGE, Toolchain
from schemas.errors import CannotStartError
from schemas.target import Target

#: Where a build or install tree keeps its programs and its library, relative to what the user names.
_PROGRAM_FOLDERS = (".", "tools", "bin", "install/bin")
_LIBRARY_FOLDERS = ("lib", "install/lib", "../lib")
_LIBRARIES = ("libIREECompiler.so", "libIREECompiler.dylib", "IREECompiler.dll")
_SUFFIXES = ("", ".exe")


def find(compiler_dir: str | None, target: Target, *, compiler: bool = True) -> Toolchain:
    """The tools of ``compiler_dir``, else of the target's ``toolchain``, else of the installed packages.

    Without ``compiler`` only the runtime is looked for, and the paths of the others are empty.

    Environment variables and ``~`` in a folder are expanded. The packages are found through the import system without
    importing them, never through PATH. Raises CannotStartError naming every place looked at.
    """
    if compiler_dir is not None:
        return _of_tree(compiler_dir, "--compiler", compiler=compiler)
    if target.toolchain is not None:
        return _of_tree(target.toolchain, "toolchain:", compiler=compiler)
    return _of_packages(compiler=compiler)


def _of_tree(folder: str, origin: str, *, compiler: bool) -> Toolchain:
    root = pathlib.Path(os.path.expandvars(folder)).expanduser().absolute()
    if not root.is_dir():
        raise CannotStartError(
            f"{origin} {folder}: there is no folder {root}",
            "name the build or install tree of IREE: the folder that holds tools/iree-compile or bin/iree-compile",
        )
    places = [root / each for each in _PROGRAM_FOLDERS]
    if not compiler:
        return _runtime_only(places, origin, f"build the target iree-run-module in {root}, or name another tree")
    remedy = f"build the targets iree-compile, iree-opt and iree-run-module in {root}, or name another tree"
    return _assemble(places, places, [*places, *(root / each for each in _LIBRARY_FOLDERS)], origin, remedy)


def _of_packages(*, compiler: bool) -> Toolchain:
    libraries = [each / "_mlir_libs" for each in _package_folders("iree.compiler")]
    runtime = [each.parent / "_runtime_libs" for each in _package_folders("iree.runtime")]
    remedy = "install iree-base-compiler and iree-base-runtime (make install), or name a build tree with --compiler DIR"
    if not runtime or (compiler and not libraries):
        missing = "iree-base-compiler" if runtime else "iree-base-runtime"
        raise CannotStartError(f"the package {missing} is not installed for this Python", remedy)
    if not compiler:
        return _runtime_only(runtime, PACKAGE, remedy)
    return _assemble(libraries, runtime, libraries, PACKAGE, remedy)


def _package_folders(name: str) -> list[pathlib.Path]:
    """Folders of a package in a namespace; only the namespace is looked up, since a dotted name would be imported."""
    namespace, _, child = name.partition(".")
    spec = importlib.util.find_spec(namespace)
    parents = (spec.submodule_search_locations if spec else None) or ()
    return [pathlib.Path(each) / child for each in parents if (pathlib.Path(each) / child).is_dir()]


def _assemble(
    compiler: Sequence[pathlib.Path],
    runtime: Sequence[pathlib.Path],
    library: Sequence[pathlib.Path],
    origin: str,
    remedy: str,
) -> Toolchain:
    return Toolchain(
        iree_compile=_program("iree-compile", compiler, remedy),
        iree_opt=_program("iree-opt", compiler, remedy),
        iree_run_module=_program("iree-run-module", runtime, remedy),
        library=_first((place / name for place in library for name in _LIBRARIES), "libIREECompiler", remedy),
        origin=origin,
    )


def _runtime_only(places: Sequence[pathlib.Path], origin: str, remedy: str) -> Toolchain:
    runtime = _program("iree-run-module", places, remedy)
    return Toolchain(iree_compile="", iree_opt="", iree_run_module=runtime, library="", origin=origin)


def _program(name: str, places: Sequence[pathlib.Path], remedy: str) -> str:
    found = _first((place / f"{name}{suffix}" for place in places for suffix in _SUFFIXES), name, remedy)
    if not os.access(found, os.X_OK):
        raise CannotStartError(f"{found} is not executable", f"chmod +x {found}")
    return found


def _first(candidates: Iterable[pathlib.Path], what: str, remedy: str) -> str:
    looked = list(candidates)
    for candidate in looked:
        if candidate.is_file():
            return os.path.normpath(candidate)
    places = "\n".join(
        f"    {os.path.normpath(each)}" for each in looked if each.suffix not in (".exe", ".dll", ".dylib")
    )
    raise CannotStartError(f"{what} was found in none of these places:\n{places}", remedy)
