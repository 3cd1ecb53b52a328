"""Settings written in several places turned into one effective set, in which every value remembers its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from schemas.case import OP_TIMEOUT
from schemas.errors import Location
from schemas.target import Target
from suites.fields import Entry, Table
from suites.findings import Findings, did_you_mean
from suites.keys import SETTINGS
from suites.targets import CASE_SETTINGS, DeclaredTarget, Targets
from suites.units import show_duration

#: Lists that grow from layer to layer; every other value is replaced by a later one.
APPENDING = frozenset({"import-flags", "compile-flags", "run-flags", "tags"})
#: Mappings merged name by name: `tolerance.atol` may come from one layer, `tolerance.pcc` from another.
MERGING = frozenset({"tolerance", "stage-timeouts", "environment", "checks", "tuning"})
#: Of these the later one takes the place of the earlier.
_INSTEAD = {"tolerance.atol": "tolerance.relative-atol", "tolerance.relative-atol": "tolerance.atol"}
BUILT_IN = Location("built-in default")


class Traced(msgspec.Struct, frozen=True):
    """A value, the place it was written at, and the layer that place belongs to."""

    value: object
    at: Location
    layer: str


Settings = dict[str, tuple[Traced, ...]]  # one value a name; several for the appending lists


class Layer(msgspec.Struct, frozen=True):
    """What one place sets: for every target, and for single targets on top."""

    label: str
    common: Settings
    per_target: dict[str, Settings]

    @property
    def sets(self) -> bool:
        """Whether it has any setting."""
        return bool(self.common or self.per_target)


NO_LAYER = Layer("", {}, {})


def make_layer(label: str, entry: Entry | None, targets: Targets, findings: Findings) -> Layer:
    """The layer that a table of settings makes; per-target blocks must name known targets."""
    if entry is None:
        return NO_LAYER
    table: Table = entry.value
    per_target: dict[str, Settings] = {}
    blocks: Table = table["targets"].value if "targets" in table else Table()
    for name, block in blocks.items():
        if targets.known and name not in targets.names:
            findings.add(block.key, f"unknown target {name!r}", did_you_mean(name, targets.names))
        per_target[name] = dict(_flatten(block.value, f"{label}, target {name}"))
        _check_tolerance(block.value, findings)
    _check_tolerance(table, findings)
    return Layer(label, dict(_flatten(table, label)), per_target)


def _check_tolerance(table: Table, findings: Findings) -> None:
    parts: Table = table["tolerance"].value if "tolerance" in table else Table()
    both = [parts[key].key for key in ("atol", "relative-atol") if key in parts]
    if len(both) > 1:
        findings.add(max(both), "tolerance: `relative-atol` stands for `atol`, and both are given", "keep one")


def _flatten(table: Table, label: str) -> Iterator[tuple[str, tuple[Traced, ...]]]:
    for key, entry in table.items():
        if key not in SETTINGS or key == "targets":
            continue
        if key in MERGING:
            for name, part in entry.value.items():
                yield f"{key}.{name}", (Traced(part.value, part.key, label),)
        elif isinstance(entry.value, tuple):
            yield key, tuple(Traced(item.value, item.at, label) for item in entry.value)
        else:
            yield key, (Traced(entry.value, entry.key, label),)


def target_settings(declared: DeclaredTarget) -> Settings:
    """The lowest layer: what the target gives to every case, with the built-in defaults below."""
    label = f"target {declared.target.name}"
    settings: Settings = {
        "timeout": (Traced(declared.target.case_timeout, BUILT_IN, "default"),),
        "op-timeout": (Traced(OP_TIMEOUT, BUILT_IN, "default"),),
        "memory-limit": (Traced(declared.target.memory_limit, BUILT_IN, "default"),),
        "lowering": (Traced("torch", BUILT_IN, "default"),),
        "seed": (Traced(0, BUILT_IN, "default"),),
    }
    renamed = Table({CASE_SETTINGS[key]: entry for key, entry in declared.table.items() if key in CASE_SETTINGS})
    settings.update(_flatten(renamed, label))
    return settings


def merge(base: Settings, layers: Iterable[Layer], target: str) -> Settings:
    """Base, then every layer's common settings in order, then every layer's settings for this target in order."""
    layers = tuple(layers)
    merged = dict(base)
    for settings in (*(layer.common for layer in layers), *(layer.per_target.get(target, {}) for layer in layers)):
        for key, values in settings.items():
            merged.pop(_INSTEAD.get(key, ""), None)
            merged[key] = (*merged.get(key, ()), *values) if key in APPENDING else values
    return merged


def check_timeouts(settings: Settings, target: Target, file: str, findings: Findings) -> None:
    """Check stage < case < shard for effective values; what is wrong within `file` (targets.yaml) is told there."""
    case = settings["timeout"][0]
    stages = {key.partition(".")[2]: v[0] for key, v in settings.items() if key.startswith("stage-timeouts.")}
    for stage, traced in stages.items():
        at = case.at if traced.at.file in (file, BUILT_IN.file) else traced.at
        if _number(traced) >= _number(case) and at.file not in (file, BUILT_IN.file):
            findings.add(
                at,
                f"timeout of stage {stage} ({_said(traced, at)}) does not fit into the case's ({_said(case, at)})",
                "shorten the stage's timeout or lengthen the case's: stage < case < shard < job must hold",
            )
    if _number(case) >= target.shard_timeout and case.at.file not in (file, BUILT_IN.file):
        findings.add(
            case.at,
            f"timeout ({_said(case, case.at)}) does not fit into the shard-timeout of target {target.name} "
            f"({show_duration(target.shard_timeout)})",
            f"shorten it, or lengthen shard-timeout (and job-timeout) of {target.name} in {file}",
        )


def _number(traced: Traced) -> float:
    return traced.value if isinstance(traced.value, float) else 0.0


def _said(traced: Traced, told_at: Location) -> str:
    """A duration, with the place it was set at unless the finding stands there itself."""
    text = show_duration(_number(traced))
    return text if traced.at == told_at else f"{text}, {traced.at}"
