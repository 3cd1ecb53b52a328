"""Targets that name another one to build on turned into findings, and their cases into those that can be built there.

A case that is built elsewhere comes to its own target's machine as a bundle: compiled, with inputs and golden.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.case import Case
from schemas.target import Target
from schemas.words import Depth, Path, Stage
from suites.fields import Entry, Table
from suites.findings import Findings, did_you_mean

#: What the building machine does of a case; all other stages need the device, or follow one that does.
BUILD_STAGES: tuple[Stage, ...] = (
    Stage.SETUP,
    Stage.IMPORT_MODEL,
    Stage.PREPROCESS_MODEL,
    Stage.COMPILATION,
    Stage.CONSTRUCT_INPUTS,
    Stage.NATIVE_INFERENCE,
)
#: The backend with drivers that work without a device: lavapipe.
_WITHOUT_DEVICE = "vulkan-spirv"
_HOST_CPU = "--iree-llvmcpu-target-cpu=host"
_OP_BY_OP = (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP)


def whole_because(case: Case) -> str:
    """Why one machine must run the case from its model to its comparison; empty where two can share it."""
    if case.depth in _OP_BY_OP:
        return "it goes op by op, and each operation is compiled and run in one go"
    if case.path is Path.ORT_EP:
        return "on the path ort-ep the compiled model lives in ONNX Runtime's process"
    if case.tuning.verify_intermediates:
        return "verify-intermediates runs a second compiled model and its original beside each other"
    return ""


def built_stages(case: Case, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Those of a case's ``stages`` that the building machine runs."""
    return () if whole_because(case) else tuple(stage for stage in stages if stage in BUILD_STAGES)


def is_split(target: Target, cases: Collection[Case]) -> bool:
    """Whether building any of the cases elsewhere spares the target's machines anything."""
    return target.build_on is not None and any(case.skip is None and not whole_because(case) for case in cases)


def check(targets: Mapping[str, Target], entries: Mapping[str, Entry], findings: Findings) -> None:
    """A finding for each `build-on` that names no target, itself, one that builds elsewhere too, or a device."""
    for target in targets.values():
        table: Table = entries[target.name].value
        if "build-on" not in table:
            _check_idle(target, table, findings)
            continue
        told = _mistake(target, targets, entries)
        if told is not None:
            findings.add(table["build-on"].at, f"target {target.name}: build-on: {told[0]}", told[1])
        if "precompile-driver" in table:
            _check_driver(target, table["precompile-driver"], findings)


def _mistake(target: Target, targets: Mapping[str, Target], entries: Mapping[str, Any]) -> tuple[str, str] | None:
    name = target.build_on or ""
    if name not in entries:
        return f"unknown target {name!r}", did_you_mean(name, entries)
    if name == target.name:
        return "a target cannot spare its own machines", "name a hosted target, or leave it out"
    other = targets.get(name)
    if other is None:
        return None  # its own mistakes are told
    return _unfit(target, other)


def _unfit(target: Target, other: Target) -> tuple[str, str] | None:
    """Why ``other``'s machines cannot build for ``target``."""
    name = other.name
    if other.build_on is not None:
        return f"{name} is itself built on {other.build_on}", f"write {other.build_on}, whose machines do the work"
    if other.exclusive_device:
        return f"{name} has an exclusive device, which would stand still", "name a target without one"
    if target.toolchain is not None and other.toolchain is None:
        said = f"the toolchain of {target.name} lies on its own machines, and {name} has none"
        return said, f"give {name} one too, or leave one of the two out"
    if target.backend == "llvm-cpu" and _HOST_CPU in target.compile_flags:
        said = f"{_HOST_CPU} means the machine that compiles, which would be one of {name}"
        return said, "name the CPU of this target's machines instead of `host`"
    return None


def _check_driver(target: Target, entry: Entry, findings: Findings) -> None:
    """A finding where the driver compiles nothing, or not without its device."""
    if target.backend != _WITHOUT_DEVICE:
        message = f"target {target.name}: precompile-driver: no driver of {target.backend} compiles without its device"
        findings.add(entry.key, message, f"remove it; it is for {_WITHOUT_DEVICE}")


def _check_idle(target: Target, table: Table, findings: Findings) -> None:
    for key in ("precompile-driver", "handover-limit", "handover-total"):
        if key in table:
            message = f"target {target.name}: {key} without build-on: nothing is handed over"
            findings.add(table[key].key, message, "add `build-on: TARGET`, or remove it")
