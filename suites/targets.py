"""`targets.yaml` turned into targets, with findings for entries that cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Location
from schemas.target import Container, EnvVar, InputCast, StageTimeout, Target
from schemas.words import Depth, Stage
from suites import buildon
from suites.fields import Entry, Table
from suites.findings import Findings
from suites.keys import TARGETS_FILE
from suites.nodes import parse, read_bytes, shown
from suites.read import Reader
from suites.units import show_duration

TARGETS_NAME = "targets.yaml"
_HOSTED_PREFIXES = ("ubuntu-", "windows-", "macos-")
_HOSTED_JOB_LIMIT = 6 * 3600.0  # GitHub ends a hosted job after six hours
_SELF_HOSTED_JOB_LIMIT = 5 * 24 * 3600.0
_HOSTED_CAPACITY = 8  # as a target's `capacity` is where none is given
_WITHOUT_DEVICE = (Depth.IMPORT, Depth.LOWER, Depth.COMPILE, Depth.COMPILE_OP_BY_OP)

#: Keys of a target that are not spelled like the field they fill.
FIELD_OF_KEY = {"setup-time": "setup_seconds", "shard-budget": "shard_minutes"}
#: Keys whose values a case inherits, and the case settings they become.
CASE_SETTINGS: Mapping[str, str] = {
    "case-timeout": "timeout",
    "stage-timeouts": "stage-timeouts",
    "memory-limit": "memory-limit",
    "compile-flags": "compile-flags",
    "run-flags": "run-flags",
    "environment": "environment",
}


class DeclaredTarget(msgspec.Struct, frozen=True):
    """A target with the table it was read from, so that every value can name its line."""

    target: Target
    table: Table
    at: Location


class Targets(msgspec.Struct, frozen=True):
    """All targets of a folder; `names` includes those with mistakes, `known` is False when there is no usable file."""

    declared: dict[str, DeclaredTarget]
    names: tuple[str, ...]
    known: bool
    file: str


def read_targets(folder: Path, findings: Findings) -> Targets:
    """Every target of `folder/targets.yaml`."""
    path = folder / TARGETS_NAME
    file = shown(path)
    nothing = Targets({}, (), known=False, file=file)
    if not path.is_file():
        findings.add(Location(file), "there is no targets.yaml", "create it; docs/targets.md shows one")
        return nothing
    data = read_bytes(path, findings)
    root = None if data is None else parse(data, file, findings)
    if root is None:
        return nothing
    table = Reader(file, findings).table(root, TARGETS_FILE, TARGETS_NAME)
    if "targets" not in table:
        return nothing
    entries: Table = table["targets"].value
    if not entries:
        findings.add(table["targets"].at, "targets: no target is declared", "add one; docs/targets.md shows it")
    declared = {name: _declare(name, entry, findings) for name, entry in entries.items()}
    whole = {name: each for name, each in declared.items() if each is not None}
    buildon.check({name: each.target for name, each in whole.items()}, entries, findings)
    return Targets(whole, tuple(entries), known=True, file=file)


def _declare(name: str, entry: Entry, findings: Findings) -> DeclaredTarget | None:
    table: Table = entry.value
    if not {"backend", "device", "runs-on"} <= table.keys():
        return None  # the reader has said what is missing
    target = make_target(name, table)
    _check_nesting(target, table, entry.key, findings)
    _check_secrets(target, table, entry.key, findings)
    _check_casts(target, table, findings)
    return DeclaredTarget(target, table, entry.key)


def make_target(name: str, table: Table) -> Target:
    """The value type of one entry; keys that are not given keep the type's defaults."""
    fields: dict[str, Any] = {}
    for key, entry in table.items():
        fields[FIELD_OF_KEY.get(key, key.replace("-", "_"))] = _plain(key, entry.value)
    if "shard_minutes" in fields:
        fields["shard_minutes"] /= 60
    return Target(name=name, hosted=is_hosted(fields["runs_on"]), **fields)


def at_depth(target: Target, depth: Depth) -> Target:
    """The target as cases of a depth use it: those that end at compilation need neither its machines nor its container.

    Only where the target names other labels for them (`compile-runs-on`).
    """
    if depth not in _WITHOUT_DEVICE:
        return target
    target = msgspec.structs.replace(target, build_on=None)
    if not target.compile_runs_on:
        return target
    return msgspec.structs.replace(
        target,
        runs_on=target.compile_runs_on,
        hosted=is_hosted(target.compile_runs_on),
        container=None,
        exclusive_device=False,
        capacity=_HOSTED_CAPACITY if is_hosted(target.compile_runs_on) else target.capacity,
    )


def is_hosted(labels: tuple[str, ...]) -> bool:
    """Whether these labels name a machine that GitHub hosts."""
    return "self-hosted" not in labels and any(label.startswith(_HOSTED_PREFIXES) for label in labels)


def _plain(key: str, value: Any) -> Any:
    if key == "container":
        parts = {name: _plain(name, entry.value) for name, entry in value.items()}
        return Container(**parts) if "image" in parts else None
    if key == "stage-timeouts":
        return tuple(StageTimeout(stage, value[stage].value) for stage in Stage if stage in value)
    if key in ("environment", "precompile-driver"):
        return tuple(EnvVar(name, value[name].value) for name in sorted(value))
    if key == "input-casts":
        return tuple(InputCast(name, value[name].value) for name in sorted(value))
    if isinstance(value, tuple):
        return tuple(entry.value for entry in value)
    return value


def _check_nesting(target: Target, table: Table, at: Location, findings: Findings) -> None:
    """Check stage < case < shard < job, and that GitHub lets a job run so long."""

    def where(*keys: str) -> Location:
        return next((table[key].at for key in keys if key in table), at)

    def nest(inner: str, inner_s: float, outer: str, outer_s: float, place: Location) -> None:
        if inner_s >= outer_s:
            findings.add(
                place,
                f"target {target.name}: {inner} ({show_duration(inner_s)}) does not fit into {outer} "
                f"({show_duration(outer_s)})",
                f"shorten {inner} or lengthen {outer}; stage < case < shard < job must hold",
            )

    stages: Table = table["stage-timeouts"].value if "stage-timeouts" in table else Table()
    for stage, entry in stages.items():
        nest(f"the timeout of stage {stage}", entry.value, "case-timeout", target.case_timeout, entry.at)
    nest(
        "case-timeout",
        target.case_timeout,
        "shard-timeout",
        target.shard_timeout,
        where("case-timeout", "shard-timeout"),
    )
    nest(
        "shard-timeout", target.shard_timeout, "job-timeout", target.job_timeout, where("shard-timeout", "job-timeout")
    )
    hosted = target.hosted or is_hosted(target.compile_runs_on)
    limit, kind = (_HOSTED_JOB_LIMIT, "hosted") if hosted else (_SELF_HOSTED_JOB_LIMIT, "self-hosted")
    if target.job_timeout > limit:
        message = f"target {target.name}: GitHub ends {kind} jobs after {show_duration(limit)}"
        findings.add(where("job-timeout"), message, f"give job-timeout at most {show_duration(limit)}")


def _check_secrets(target: Target, table: Table, at: Location, findings: Findings) -> None:
    if target.secrets_environment and not target.secrets:
        place = table["secrets-environment"].key if "secrets-environment" in table else at
        findings.add(
            place,
            f"target {target.name}: secrets-environment guards no secrets",
            "name them under `secrets:`, or remove it",
        )
    if target.secrets and not target.secrets_environment:
        findings.add(
            table["secrets"].key,
            f"target {target.name}: secrets without a GitHub environment would be readable by every workflow",
            "add `secrets-environment: NAME` and keep the secrets in that environment",
        )


def _check_casts(target: Target, table: Table, findings: Findings) -> None:
    """A type that is cast to itself, or to one that would be cast again."""
    given = {each.given for each in target.input_casts}
    for each in target.input_casts:
        if each.cast in given:
            place = table["input-casts"].value[each.given].at
            again = "itself" if each.cast == each.given else f"{each.cast}, which is cast too"
            message = f"target {target.name}: input-casts: {each.given} is cast to {again}"
            findings.add(place, message, "name the element type that the hardware has: each input is cast once")
