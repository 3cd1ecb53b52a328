"""A target becomes what this machine has for it: a device with its name, or why its cases cannot run here."""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
from collections.abc import Collection, Sequence

import msgspec

from runner import signature
from runner.backends import Backend, backend_of
from runner.ortep.library import absence
from runner.process import run_tool, tail
from runner.protocol import Toolchain
from schemas.errors import UsageError
from schemas.target import Target
from schemas.words import Path, Stage

#: Seconds a tool may take to say what there is. A healthy one takes milliseconds; a driver of a lost device may hang.
PATIENCE = 30.0
_MOST = 1 << 20

#: A device in what `iree-run-module --dump_devices=DRIVER` prints: its URI, its name on the next line, then details.
_DEVICE = re.compile(r"^# --device=(?P<uri>\S+)\n#[ \t]*(?P<name>.*)$", re.MULTILINE)
_DECORATION = ("#", "\x1b")  # headings, and a coloured banner before the error
_UNNAMED = "default"  # what the drivers of the CPU call their one device


class Hindrance(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing on this machine for the cases that run a stage."""

    stage: Stage
    signature: str  # equal on every machine
    why: str  # what the tools said, and how to mend it
    skip: bool = False  # missing on most machines, and no fault of this one


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine has for a target; ``device`` is its name for people, the target's own word where there is none."""

    device: str
    hindrance: Hindrance | None = None
    provider: Hindrance | None = None  # what the path ort-ep lacks

    def hinders(self, stages: Collection[Stage], path: Path | None = None) -> Hindrance | None:
        """What keeps a case on this path with these stages from running, or None."""
        found = (self.provider if path is Path.ORT_EP else None, self.hindrance)
        return next((each for each in found if each is not None and each.stage in stages), None)


class _Device(msgspec.Struct, frozen=True):
    uri: str
    name: str
    details: str


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    timed_out: bool
    said: str


def probe(toolchain: Toolchain, target: Target, stages: Collection[Stage], paths: Collection[Path] = ()) -> Readiness:
    """Look for the compiler's backend and the device, as far as ``stages`` need them; takes milliseconds.

    ``paths``: those whose own needs are looked for too.

    Each question is asked by a process of its own, which gets PATIENCE seconds. Raises UsageError when the target's
    device is of another driver than its backend's code runs on.
    """
    found = _probe(toolchain, target, stages)
    return msgspec.structs.replace(found, provider=_without_provider(target)) if Path.ORT_EP in paths else found


def _without_provider(target: Target) -> Hindrance | None:
    """Whether ONNX Runtime has no execution provider for the target here: few machines have one."""
    why = absence(target, os.environ | {each.name: each.value for each in target.environment})
    return Hindrance(stage=Stage.COMPILATION, signature=why, why=why, skip=True) if why else None


def _probe(toolchain: Toolchain, target: Target, stages: Collection[Stage]) -> Readiness:
    backend = backend_of(target)
    driver, _, path = target.device.partition("://")
    if driver not in backend.drivers:
        raise UsageError(
            f"target {target.name}: code of the backend {target.backend} does not run on the device {target.device}",
            f"give it a device of {' or '.join(backend.drivers)}",
        )
    hindrance = _without_backend(toolchain, target, backend) if Stage.COMPILATION in stages else None
    if hindrance is not None or Stage.COMPILED_INFERENCE not in stages:
        return Readiness(device=target.device, hindrance=hindrance)
    answer = _ask([toolchain.iree_run_module, f"--dump_devices={driver}"], target)
    if not answer.ok:
        return _no_driver(target, driver, backend, answer)
    return _choose(target, backend, path, _devices(answer.said))


def _without_backend(toolchain: Toolchain, target: Target, backend: Backend) -> Hindrance | None:
    """Whether the compiler was built without the backend; None also where it cannot say so: the cases will."""
    answer = _ask([toolchain.iree_compile, "--iree-hal-list-target-backends"], target)
    known = answer.said.split("Registered target backends:")[-1].split()
    if not answer.ok or not known or backend.compiler in known:
        return None
    short = f"the compiler has no backend {backend.compiler}"
    if backend.plugin:
        short = f"{short}: it lacks the plug-in {backend.plugin}"
    why = f"{short}; it has {', '.join(sorted(known))}"
    remedy = "name a compiler that was built with it: `toolchain:` of the target, or --compiler DIR"
    return Hindrance(
        stage=Stage.COMPILATION, signature=short, why=f"{why}\n    mend: {remedy}", skip=bool(backend.plugin)
    )


def _no_driver(target: Target, driver: str, backend: Backend, answer: _Answer) -> Readiness:
    if answer.timed_out:
        short = f"the driver {driver} does not answer"
        why = f"{short} within {PATIENCE:g} s: it hangs, as after a lost device\n    mend: restart the machine"
        return _missing(target, short, why)
    lines = [line for line in answer.said.splitlines() if line.strip() and not line.startswith(_DECORATION)]
    said = signature.excerpt_of_tool("\n".join(lines)).replace("\n", "\n    ")
    return _missing(target, f"no driver {driver}", f"{said}\n    mend: {backend.remedy}")


def _choose(target: Target, backend: Backend, path: str, devices: Sequence[_Device]) -> Readiness:
    """The device that the target's URI means, if it is there and is of the target's chip."""
    driver = target.device.partition("://")[0]
    if not devices:
        short = f"no {driver} device"
        return _missing(target, short, f"{short}: the driver is there, but finds none\n    mend: {backend.remedy}")
    meant = [each for number, each in enumerate(devices) if path in ("", str(number), each.uri.partition("://")[2])]
    if not meant:
        short = f"no device {target.device}"
        there = ", ".join(each.uri for each in devices)
        return _missing(target, short, f"{short}\n    mend: use one of those there are: {there}")
    device = meant[0]
    chip = _detail(device, backend.chip_line) if backend.chip_line else ""
    if chip and target.chip and chip.partition(":")[0] != target.chip:
        short = f"the device is no {target.chip}"
        why = f"{short}: {device.name} is a {chip}\n    mend: correct `chip:` or the labels in `runs-on:`"
        return _missing(target, short, why)
    name = " ".join(filter(None, (device.name, chip and f"[{chip}]")))
    return Readiness(device=target.device if name == _UNNAMED else f"{target.device}: {name}")


def _missing(target: Target, short: str, why: str) -> Readiness:
    found = Hindrance(stage=Stage.COMPILED_INFERENCE, signature=short, why=why)
    return Readiness(device=target.device, hindrance=found)


def _devices(dump: str) -> tuple[_Device, ...]:
    found = list(_DEVICE.finditer(dump))
    starts = [*(match.start() for match in found), len(dump)]
    return tuple(
        _Device(match["uri"], match["name"].strip(), dump[match.end() : starts[number + 1]])
        for number, match in enumerate(found)
    )


def _detail(device: _Device, key: str) -> str:
    match = re.search(rf"^- {re.escape(key)}: *(\S+)", device.details, re.MULTILINE)
    return match[1] if match else ""


def _ask(argv: Sequence[str], target: Target) -> _Answer:
    """What a tool prints, run as the target's cases would run it."""
    environment = os.environ | {each.name: each.value for each in target.environment}
    with tempfile.TemporaryDirectory(prefix="e2eshard-") as folder:
        log = pathlib.Path(folder) / "said"
        result = run_tool(argv, log=log, timeout=PATIENCE, env=environment)
        return _Answer(result.ok, result.timed_out, tail(log, _MOST).decode(errors="replace"))
