"""A name - of a model, case, target or suite - turned into every value it ends up with and the line each comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from schemas.case import Case
from schemas.errors import ManifestError, UsageError
from schemas.target import Container, EnvVar, InputCast, StageTimeout
from suites.assemble import Assembled, assemble
from suites.expand import Planned
from suites.fields import Kind
from suites.findings import Findings, did_you_mean
from suites.keys import TARGET
from suites.known import Model
from suites.layers import BUILT_IN, Traced
from suites.manifest import Manifest
from suites.nodes import shown
from suites.select import is_glob, matching
from suites.targets import FIELD_OF_KEY, DeclaredTarget
from suites.timings import Timings, file_of
from suites.units import show_duration, show_size

#: How effective values read; everything else is shown as it is.
_SHOW: dict[str, Callable[[float], str]] = {
    "timeout": show_duration,
    "op-timeout": show_duration,
    "memory-limit": lambda size: show_size(int(size)),
    "tuning.externalize-above": lambda size: show_size(int(size)),
}


class ExplainedValue(msgspec.Struct, frozen=True):
    """One effective value (or one item of a list), the place it comes from, and who set it."""

    key: str
    value: str
    where: str
    layer: str


class Explained(msgspec.Struct, frozen=True):
    """One case, target or suite."""

    name: str
    values: tuple[ExplainedValue, ...]


def explain(suites_dir: Path, name: str) -> str:
    """The answer of `generator explain NAME` as text; raises `UsageError` (unknown name) and `ManifestError`."""
    return "\n\n".join(_page(one) for one in explained(suites_dir, name))


def explained(suites_dir: Path, name: str) -> tuple[Explained, ...]:
    """What a name stands for.

    `name` is a case id, a case key (`model@path`), a model, a glob over any of these, a target or a suite.
    Raises `UsageError` that offers close names, and `ManifestError` when the suites have findings.
    """
    findings = Findings()
    assembled = assemble(suites_dir, findings)
    if findings:
        raise ManifestError(findings.all())
    for manifest in assembled.manifests:
        if manifest.suite == name:
            return (_suite(manifest, assembled),)
    if name in assembled.targets.declared:
        return (_target(assembled.targets.declared[name]),)
    cases = [one for suite in sorted(assembled.planned) for one in assembled.planned[suite]]
    found = [one for one in cases if _is_meant(one.case, name)]
    if not found:
        known = dict.fromkeys([n for one in cases for n in (one.case.model, one.case.key, one.case.id)])
        names = [*assembled.planned, *assembled.targets.declared, *known]
        raise UsageError(f"nothing is called {name!r}", did_you_mean(name, names, "`generator list` shows all"))
    return tuple(_case(one, assembled) for one in found)


def _is_meant(case: Case, name: str) -> bool:
    names = (case.id, case.key, case.model)
    return bool(matching(name, names)) if is_glob(name) else name in names


def _case(one: Planned, assembled: Assembled) -> Explained:
    case = one.case
    manifest = next(m for m in assembled.manifests if m.suite == case.suite)
    values = [
        ExplainedValue("depth", case.depth, str(manifest.header["depth"]), f"suite {case.suite}"),
        *([] if "mode" in one.settings else [_own("mode", case.mode, one)]),
        *([] if "paths" in one.settings else [_own("paths", case.path, one)]),
        ExplainedValue("source", f"{case.source.kind} {case.source.locator}", str(_entry_place(one)), "model"),
        *(
            ExplainedValue("chosen by", _selector(entry), str(entry.at), f"model entry {entry.number + 1}")
            for entry in one.chosen.entries
        ),
        *_from_catalog(one.chosen.model),
        *(_value(key, traced) for key in sorted(one.settings) for traced in one.settings[key]),
    ]
    if case.group:
        code = one.chosen.model.code
        place = next((e.group.at for e in reversed(one.chosen.entries) if e.group), code.at if code else "")
        values.append(ExplainedValue("group", case.group, str(place), "model"))
    values.append(_duration(case, manifest, assembled.timings))
    if case.expectation:
        wanted = case.expectation
        text = f"{wanted.outcome} at {wanted.stage}: {wanted.signature}"
        values.append(ExplainedValue("expectation", text, wanted.where, "expectations"))
    return Explained(case.id, tuple(values))


def _duration(case: Case, manifest: Manifest, timings: Timings) -> ExplainedValue:
    """What sharding counts on: recorded, or of cases like this one."""
    found = timings.explained(case.target, case)
    where = shown(file_of(manifest.path.parent, found.target)) if found.target else str(BUILT_IN)
    return ExplainedValue("expected duration", f"{found.seconds:g}s", where, found.why)


def _own(key: str, value: str, one: Planned) -> ExplainedValue:
    """What the model has where nothing says otherwise: its class declares it, or its kind has it."""
    code = one.chosen.model.code
    literal = code.literals.get("modes") if code and key == "mode" else None
    where, layer = (str(literal.at), f"class {code.name}") if code and literal else (str(BUILT_IN), "default")
    return ExplainedValue(key, value, where, layer)


def _from_catalog(model: Model) -> list[ExplainedValue]:
    """What the catalogue says of a model; nothing for a file."""
    if not (model.tags or model.skip):
        return []
    where = str(model.at)
    layer = f"class {model.code.name}" if model.code else "catalogue"
    values = [ExplainedValue("tags", tag, where, layer) for tag in model.tags]
    if model.skip:
        values.append(ExplainedValue("skip", f"{model.skip.reason}: {model.skip.detail}", where, "catalogue"))
    return values


def _entry_place(one: Planned) -> object:
    entry = one.chosen.entries[-1]
    return (entry.onnx or entry.python or entry.name or entry.tag or entry).at


def _selector(entry: object) -> str:
    for key in ("onnx", "python", "mlir", "name", "tag"):
        found = getattr(entry, key)
        if found is not None:
            return f"{key}: {found.value}"
    return ""


def _value(key: str, traced: Traced) -> ExplainedValue:
    return ExplainedValue(key, _shown(key, traced.value), str(traced.at), traced.layer)


def _shown(key: str, value: object) -> str:
    show = show_duration if key.startswith("stage-timeouts.") else _SHOW.get(key)
    return show(value) if show and isinstance(value, (int, float)) else _plain(value)


def _target(declared: DeclaredTarget) -> Explained:
    """Every key of a target; those that no line gives show the built-in default."""
    name = f"target {declared.target.name}"
    values = [ExplainedValue("hosted", _plain(declared.target.hosted), str(declared.table["runs-on"].key), name)]
    for key, field in TARGET.items():
        entry = declared.table.get(key)
        value = getattr(declared.target, FIELD_OF_KEY.get(key, key.replace("-", "_")))
        value = value * 60 if key == "shard-budget" else value
        shown = _with_unit(value, field.kind)
        where, layer = (str(entry.key), name) if entry else (str(BUILT_IN), "default")
        values.append(ExplainedValue(key, shown, where, layer))
    return Explained(name, tuple(values))


def _with_unit(value: object, kind: Kind) -> str:
    if isinstance(value, (int, float)) and kind is Kind.DURATION:
        return show_duration(value)
    if isinstance(value, int) and kind is Kind.SIZE:
        return show_size(value)
    return _plain(value)


def _plain(value: object) -> str:
    """A value as YAML would spell it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(_plain(item) for item in value) or "-"
    if isinstance(value, (StageTimeout, EnvVar, InputCast, Container)):
        return _plain_part(value)
    return "-" if value in (None, "") else str(value)


def _plain_part(value: StageTimeout | EnvVar | InputCast | Container) -> str:
    match value:
        case StageTimeout():
            return f"{value.stage}: {show_duration(value.seconds)}"
        case EnvVar():
            return f"{value.name}={value.value}"
        case InputCast():
            return f"{value.given}: {value.cast}"
        case Container():
            return value.image


def _suite(manifest: Manifest, assembled: Assembled) -> Explained:
    layer = f"suite {manifest.suite}"
    planned = assembled.planned[manifest.suite]
    skipped = sum(one.case.skip is not None for one in planned)
    expected = sum(one.case.expectation is not None for one in planned)

    def head(key: str, value: str) -> ExplainedValue:
        at = manifest.header.get(key)
        return ExplainedValue(key, value, str(at or BUILT_IN), layer if at else "default")

    values = [
        head("description", manifest.description),
        head("schedule", manifest.schedule or "-"),
        head("pull-request", _plain(manifest.pull_request)),
        head("depth", manifest.depth),
        *(ExplainedValue("targets", entry.value, str(entry.at), layer) for entry in manifest.targets),
        *(ExplainedValue("models", _selector(entry), str(entry.at), layer) for entry in manifest.models),
        head("models", f"{len(planned)} cases, {skipped} of them skipped, {expected} expected to fail"),
    ]
    return Explained(layer, tuple(values))


def _page(one: Explained) -> str:
    widths = [max((len(getattr(value, name)) for value in one.values), default=0) for name in ("key", "value", "where")]
    key_width, value_width, where_width = widths[0], min(widths[1], 60), widths[2]
    lines = [
        f"  {v.key:<{key_width}}  {v.value:<{value_width}}  {v.where:<{where_width}}  {v.layer}".rstrip()
        for v in one.values
    ]
    return "\n".join([one.name, *lines])
