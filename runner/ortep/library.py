"""A target and an environment become the plug-in library of the path `ort-ep`, or why there is none to be used."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from schemas.target import Target

#: Names the library on one machine; stronger than the target's `ort-ep-library`.
VARIABLE = "E2ESHARD_ORT_EP_LIBRARY"
#: What the library is registered as, and therefore what ONNX Runtime calls the provider in graph assignments.
PROVIDER = "IREE"
#: The target backends that the plug-in generates code for.
BACKENDS = ("llvm-cpu", "vulkan-spirv", "cuda", "rocm")
_REMEDY = (
    f"build github.com/iree-org/onnxruntime-ep-iree and name its library in {VARIABLE}, or as the target's "
    "ort-ep-library (docs/ort-ep.md)"
)


def library(target: Target, environment: Mapping[str, str]) -> pathlib.Path | None:
    """The file that is named, whether it is there or not; variables and `~` in it are expanded."""
    named = environment.get(VARIABLE) or target.ort_ep_library
    return pathlib.Path(os.path.expandvars(named)).expanduser().absolute() if named else None


def absence(target: Target, environment: Mapping[str, str]) -> str:
    """Why the path cannot be used for this target here, and how to mend it, on one line; empty where it can."""
    if target.backend not in BACKENDS:
        return f"IREE's execution provider has no backend {target.backend}: it has {', '.join(BACKENDS)}"
    named = library(target, environment)
    if named is None:
        return f"no library of IREE's execution provider is named; {_REMEDY}"
    if not named.is_file():
        origin = VARIABLE if environment.get(VARIABLE) else "ort-ep-library"
        return f"{origin} names {named}, where no file is; {_REMEDY}"
    return ""
