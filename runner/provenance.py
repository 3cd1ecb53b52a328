"""A toolchain and a target become the provenance of a shard: tools with their builds, host, device, commit, command."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import sys

from runner.cache.hashes import hash_of
from runner.protocol import Toolchain
from runner.store import Store, default_store, sha256_of
from schemas.errors import CannotStartError
from schemas.record import Host, Provenance, Tool

#: Python distributions whose version can change a result; read from their metadata, never imported.
_DISTRIBUTIONS = (
    "e2eshard",
    "iree-base-compiler",
    "iree-base-runtime",
    "jaxlib",
    "ml_dtypes",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "torch",
    "torch-mlir",
)
_COMPILER_VERSION = re.compile(r"IREE compiler version (?P<version>\S+)(?: @ (?P<commit>\w+))?")
_REVISION = re.compile(r'"IREE": "(?P<commit>\w+)"')
_VERSION = re.compile(r'VERSION = "(?P<version>[^"]+)"')
_PATIENCE = 60.0


def collect(toolchain: Toolchain, device: str) -> Provenance:
    """What will produce this shard's records on ``device``, as the machine calls it; ``finished`` is left for the end.

    Loads none of the packages it names. Raises CannotStartError when the compiler does not even say its version.
    """
    compiler = (_compiler(toolchain, default_store()),) if toolchain.iree_compile else ()
    return Provenance(
        tools=(*compiler, _runtime(toolchain), *_packages()),
        host=_host(),
        device=device,
        commit=_commit(),
        command=_command(),
        run_id=os.environ.get("GITHUB_RUN_ID", "local"),
        attempt=int(os.environ.get("GITHUB_RUN_ATTEMPT") or 1),
        started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )


def _command() -> tuple[str, ...]:
    """The command line as a person would type it: a package that was run is named, not where it lies."""
    program = pathlib.Path(sys.argv[0])
    start = ("python", "-m", program.parent.name) if program.name == "__main__.py" else (program.name,)
    return (*start, *sys.argv[1:])


def _compiler(toolchain: Toolchain, store: Store) -> Tool:
    try:
        said = subprocess.run(
            [toolchain.iree_compile, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        detail = f": {error.stderr.strip()}" if isinstance(error, subprocess.CalledProcessError) else ""
        raise CannotStartError(
            f"{toolchain.iree_compile} --version failed: {error}{detail}",
            "check that it is built for this machine and that libIREECompiler.so lies where it looks for it",
        ) from error
    match = _COMPILER_VERSION.search(said)
    return Tool(
        name="iree-compile",
        version=match.group("version") if match else said.strip().splitlines()[0],
        build=(match.group("commit") or "") if match else "",
        sha256=hash_of(pathlib.Path(toolchain.library), store.root),
    )


def _runtime(toolchain: Toolchain) -> Tool:
    """The runtime does not print its version; the package has it in a file, and a build tree's binary has its hash."""
    binary = pathlib.Path(toolchain.iree_run_module)
    try:
        text = (binary.parent / "version.py").read_text()
    except OSError:
        text = ""
    version, revision = _VERSION.search(text), _REVISION.search(text)
    return Tool(
        name="iree-run-module",
        version=version.group("version") if version else "build tree",
        build=revision.group("commit") if revision else "",
        sha256=sha256_of(binary),
    )


def _packages() -> tuple[Tool, ...]:
    found = [Tool(name="python", version=platform.python_version(), build=platform.python_implementation())]
    for name in _DISTRIBUTIONS:
        try:
            found.append(Tool(name=name, version=importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


def host_digest() -> str:
    """Which machine code compiled "for the host" here is for: the processor's model and features, as one digest."""
    return hashlib.sha256(repr(_cpu()).encode()).hexdigest()


def _host() -> Host:
    model, features = _cpu()
    return Host(
        cpu=model or platform.processor() or platform.machine(),
        features=features,
        cores=os.cpu_count() or 0,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        os=f"{_distribution()} ({platform.system()} {platform.release()} {platform.machine()})",
    )


def _cpu() -> tuple[str, tuple[str, ...]]:
    """Model and features of the first processor; ``flags`` is x86's word for them, ``Features`` Arm's."""
    model, features = "", ""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    except OSError:
        return "", ()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
        elif key.strip() in ("flags", "Features"):
            features = value
    return model, tuple(sorted(features.split()))


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return platform.system()


def _commit() -> str:
    """The commit of the current folder's repository, with ``+dirty`` for uncommitted changes; else GITHUB_SHA."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("GITHUB_SHA", "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=_PATIENCE, check=True)
    return done.stdout.strip()
