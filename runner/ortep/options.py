"""A case and its target become the plug-in's options, and the compile flags that it has no option for."""

from __future__ import annotations

import msgspec

from schemas.case import Case
from schemas.target import Target

#: Whose value is the plug-in's `target_arch`; the plug-in itself compiles for the host's CPU only.
_ARCHITECTURE = (
    "--iree-llvmcpu-target-cpu",
    "--iree-rocm-target",
    "--iree-hip-target",
    "--iree-cuda-target",
    "--iree-vulkan-target",
)
_LEVEL = "--iree-opt-level"
#: What choosing the plug-in's device says already.
_IMPLIED = (
    "--iree-hal-target-device",
    "--iree-hal-target-backends",
    "--iree-hal-local-target-device-backends",
)
_HOST = "host"


class ProviderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``given`` is what the plug-in gets; ``left_out`` are flags of the case that it has no option for."""

    given: dict[str, str]
    left_out: tuple[str, ...]


def provider_options(case: Case, target: Target) -> ProviderOptions:
    """The architecture always (the plug-in asks for one), the optimisation level and the saving of IR where wanted."""
    given = {"target_arch": target.chip or _HOST}
    left_out = []
    for flag in case.compile_flags:
        name, _, value = flag.partition("=")
        if name in _ARCHITECTURE and value:
            given["target_arch"] = value
        elif name == _LEVEL and value:
            given["opt_level"] = value
        elif name not in _IMPLIED:
            left_out.append(flag)
    if case.tuning.opt_level is not None:
        given["opt_level"] = case.tuning.opt_level
    if case.tuning.save_ir:
        given["save_intermediates"] = "1"
    for name, wanted in (("const-eval", case.tuning.const_eval), ("externalize", case.tuning.externalize)):
        if wanted is not None:
            left_out.append(f"tuning: {name}")
    return ProviderOptions(given=given, left_out=tuple(left_out))
