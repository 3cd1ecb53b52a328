"""The flags of a definition turned into the kind of target that they are for; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from schemas.target import Target

_BACKENDS = {
    "llvm-cpu": "local",
    "vmvx": "local",
    "rocm": "hip",
    "cuda": "cuda",
    "vulkan-spirv": "vulkan",
    "metal-spirv": "metal",
}
_LOCAL_DRIVERS = ("local-task", "local-sync")
_BACKEND_FLAGS = ("--iree-hal-target-backends", "--iree-hal-local-target-device-backends")
_DEVICE_FLAG = "--iree-hal-target-device"
_CHIP_FLAGS = ("--iree-rocm-target", "--iree-hip-target", "--iree-cuda-target")
_WORD = re.compile(r"[A-Za-z][\w-]*")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a definition's flags name; an empty part leaves the choice open."""

    devices: frozenset[str] = frozenset()  # families: local, hip, cuda, vulkan, metal
    backends: frozenset[str] = frozenset()
    chips: frozenset[str] = frozenset()

    def fits(self, target: Target) -> bool:
        """Whether the target is of that kind: its device's family, its backend, its chip."""
        return (
            (not self.devices or family(target.device) in self.devices)
            and (not self.backends or target.backend in self.backends)
            and (not self.chips or target.chip is None or target.chip.partition(":")[0] in self.chips)
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """The same as tags."""
        return (*sorted(self.devices), *sorted(self.backends), *sorted(self.chips))

    def __str__(self) -> str:
        return " ".join(self.tags) or "any"


def wanted(compile_flags: Iterable[str], run_flags: Iterable[str] = (), device: str = "") -> Wanted:
    """From all modules' flags and the runtime's; what is run on, where it is said, counts before what is compiled."""
    devices, compiled, backends, chips = set[str](), set[str](), set[str](), set[str]()
    for flag in run_flags:
        name, _, value = flag.partition("=")
        if name == "--device" and value:
            devices.add(family(value))
    if device:
        devices.add(family(device))
    for flag in compile_flags:
        name, _, value = flag.partition("=")
        if name in _BACKEND_FLAGS:
            named = [each.strip() for each in value.split(",") if each.strip()]
            backends.update(named)
            compiled.update(_BACKENDS.get(each, each) for each in named)
        elif name == _DEVICE_FLAG and (match := _WORD.match(value)):
            compiled.add(match[0])
        elif name in _CHIP_FLAGS:
            chips.update(each.strip().partition(":")[0] for each in value.split(",") if each.strip())
    return Wanted(devices=frozenset(devices or compiled), backends=frozenset(backends), chips=frozenset(chips))


def family(device: str) -> str:
    """`local` of `local-sync`, `hip` of `hip://0`."""
    driver = device.partition("://")[0]
    return "local" if driver in _LOCAL_DRIVERS else driver
