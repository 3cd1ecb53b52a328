"""A manifest's chosen models turned into cases: one per path and target, every setting resolved."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from schemas.case import Case, Checks, Expectation, Skip, Tolerance, Tuning, case_id, case_key
from schemas.errors import Location
from schemas.target import EnvVar, StageTimeout, Target
from schemas.words import Lowering, Mode, Path, SkipReason, Stage
from suites.findings import Findings
from suites.imported.cases import as_imported
from suites.imported.model import ImportedModel
from suites.known import Known, Model
from suites.layers import Layer, Settings, check_timeouts, merge, target_settings
from suites.manifest import Manifest, ModelEntry
from suites.pythonmodels import code_layer
from suites.select import Chosen, Directories, choose
from suites.targets import DeclaredTarget, Targets

_DISABLED = ("pcc", "atol", "tokens")
#: Parts of a setting that are not spelled like the field they fill.
_FIELDS = {"optimization-level": "opt_level"}


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A case with what it was made from, for `explain` and for lint."""

    case: Case
    chosen: Chosen
    settings: Settings


def layers_of(manifest: Manifest, entries: tuple[ModelEntry, ...]) -> tuple[Layer, ...]:
    """defaults, then for each entry its group and the entry itself."""
    layers = [manifest.defaults]
    for entry in entries:
        if entry.group:
            layers.append(manifest.groups[entry.group.value])
        layers.append(entry.layer)
    return tuple(layers)


def expand(
    manifest: Manifest, targets: Targets, known: Known, findings: Findings, *, only: str | None = None
) -> tuple[Planned, ...]:
    """Every case of a manifest, sorted by id; the same case from two entries is a finding. `only`: on one target."""
    read: Directories = {}
    chosen = choose(manifest, known, findings, read)
    planned: dict[str, Planned] = {}
    for entry in manifest.targets:
        declared = targets.declared.get(entry.value) if only in (None, entry.value) else None
        if declared is None:
            continue
        here = _on_target(manifest, entry.value, chosen, known, read)
        if chosen and not here:
            message = f"no entry of `models` is for target {entry.value!r}"
            findings.add(entry.at, message, "remove the target, or name it in an entry's `only`")
        maker = _Maker(manifest, declared, targets.file, findings)
        for one in here:
            for made in maker.make(one):
                other = planned.setdefault(made.case.id, made)
                if other is not made:
                    _add_duplicate(made, other, findings)
        maker.tell_misfits()
    if only is None:
        _tell_unmeant(manifest, chosen, planned, findings)
    return tuple(planned[key] for key in sorted(planned))


def _tell_unmeant(
    manifest: Manifest, chosen: tuple[Chosen, ...], planned: dict[str, Planned], findings: Findings
) -> None:
    """A finding for each `directory:` whose definitions are for none of the suite's targets."""
    used = {entry.number for one in planned.values() for entry in one.chosen.entries}
    for entry in manifest.models:
        if entry.directory is None or entry.number in used:
            continue
        theirs = [one.model.imported for one in chosen if one.entries[-1] is entry and one.model.imported]
        if not theirs:
            continue
        wants = ", ".join(sorted({each.wants for each in theirs}))
        message = f"directory: none of its {len(theirs)} definitions is for a target that this entry runs on"
        findings.add(entry.directory.at, message, f"they are for {wants}: name a target of that kind, or other markers")


def _on_target(
    manifest: Manifest, target: str, chosen: tuple[Chosen, ...], known: Known, read: Directories
) -> tuple[Chosen, ...]:
    """What the entries for a target choose; those that are `only` for others are as if they were not written."""
    entries = tuple(e for e in manifest.models if not e.only or target in {only.value for only in e.only})
    if entries == manifest.models:
        return chosen
    unheard = Findings()  # the same mistakes were told when all entries were read together
    return choose(msgspec.structs.replace(manifest, models=entries), known, unheard, read)


def _add_duplicate(made: Planned, other: Planned, findings: Findings) -> None:
    again, first = made.chosen.entries[-1], other.chosen.entries[-1]
    place = (again.name or again.onnx or again.python or again.directory or again.tag or again).at
    message = f"{made.case.model!r} is named twice in this manifest (first on line {first.at.line})"
    findings.add(place, message, "keep one entry, or let them differ in `lowering` or `mode`")


class _Maker:
    """Makes the cases of one manifest on one target; equal sets of entries are resolved once."""

    def __init__(self, manifest: Manifest, declared: DeclaredTarget, targets_file: str, findings: Findings) -> None:
        self.manifest = manifest
        self.target: Target = declared.target
        self.base = target_settings(declared)
        self.targets_file = targets_file
        self.findings = findings
        self.resolved: dict[tuple[object, ...], tuple[Settings, Case]] = {}
        self.misfits: dict[tuple[Location, str, str], list[str]] = defaultdict(list)

    def make(self, chosen: Chosen) -> list[Planned]:
        settings, template = self._resolve(chosen)
        model = chosen.model
        mode = self._mode(model, settings)
        if model.imported is not None:
            return self._imported(model.imported, chosen, settings, template)
        paths = self._paths(model, mode, settings) if mode in model.modes else []
        if Path.DIRECT in paths and not self._is_direct(model, settings):
            return []
        return [Planned(case=_fill(template, model, path, mode), chosen=chosen, settings=settings) for path in paths]

    def _imported(self, imported: ImportedModel, chosen: Chosen, settings: Settings, template: Case) -> list[Planned]:
        """The case of another suite's definition, where this target is meant."""
        resolved = imported.on(self.target)
        if resolved is None:
            return []
        path = chosen.model.paths[0]
        own = _without_target_flags(settings)
        flags = _many(own, "compile-flags"), _many(own, "run-flags")
        case = as_imported(_fill(template, chosen.model, path, Mode.EVAL), resolved, flags)
        return [Planned(case=case, chosen=chosen, settings=own)]

    def _mode(self, model: Model, settings: Settings) -> Mode:
        if "mode" not in settings:
            return model.default_mode
        traced = settings["mode"][-1]
        mode = Mode(str(traced.value))
        if mode not in model.modes:
            self.misfits[traced.at, f"no mode {mode}", _only(model.modes)].append(model.name)
        return mode

    def _paths(self, model: Model, mode: Mode, settings: Settings) -> list[Path]:
        there = model.paths_in(mode)
        where = "" if mode is Mode.EVAL else f" in mode {mode}"
        paths = []
        for traced in settings.get("paths", ()):
            path = Path(str(traced.value))
            if path in there:
                paths.append(path)
            else:
                self.misfits[traced.at, f"no path {path}{where}", _only(there)].append(model.name)
        return paths if "paths" in settings else [there[0]]

    def _is_direct(self, model: Model, settings: Settings) -> bool:
        """Whether nothing asks for a lowering of what is handed to the compiler as it is."""
        traced = settings["lowering"][-1]
        if traced.value != Lowering.TORCH:
            self.misfits[traced.at, f"no lowering {traced.value}", "remove it, or write `lowering: torch`"].append(
                model.name
            )
        return bool(traced.value == Lowering.TORCH)

    def tell_misfits(self) -> None:
        """One finding a line that asks for what its models have not, however many these are."""
        for (at, what, remedy), models in self.misfits.items():
            names = sorted(set(models))
            more = f" and {len(names) - 1} more have" if len(names) > 1 else " has"
            self.findings.add(at, f"{names[0]}{more} {what}", f"{remedy}; give other models an entry of their own")

    def _resolve(self, chosen: Chosen) -> tuple[Settings, Case]:
        entries, code = chosen.entries, chosen.model.code
        # Entries that set nothing resolve like each other, however many there are.
        key = (code.at if code else None, *(entry.number for entry in entries if entry.group or entry.layer.sets))
        found = self.resolved.get(key)
        if found is None:
            own = (code_layer(code, self.target.backend),) if code else ()
            settings = merge(self.base, (*own, *layers_of(self.manifest, entries)), self.target.name)
            check_timeouts(settings, self.target, self.targets_file, self.findings)
            _check_issue(settings, self.findings)
            found = self.resolved[key] = settings, self._template(settings, entries)
        return found

    def _template(self, settings: Settings, entries: tuple[ModelEntry, ...]) -> Case:
        """A case with everything but the model filled in."""
        group = next((entry.group.value for entry in reversed(entries) if entry.group), "")
        fields = {
            "id": "",
            "suite": self.manifest.suite,
            "target": self.target.name,
            "model": "",
            "path": Path.ONNX,
            "depth": self.manifest.depth,
            "source": {"kind": "onnx-node", "locator": ""},
            "lowering": _one(settings, "lowering"),
            "tags": _many(settings, "tags"),
            "group": group,
            "tolerance": msgspec.convert(_fields(settings, "tolerance"), Tolerance),
            "checks": _checks(settings),
            "tuning": msgspec.convert(_fields(settings, "tuning"), Tuning),
            "owner": _one(settings, "owner") if "owner" in settings else "",
            "timeout": _one(settings, "timeout"),
            "stage_timeouts": _stage_timeouts(settings),
            "op_timeout": _one(settings, "op-timeout"),
            "memory_limit": _one(settings, "memory-limit"),
            "import_flags": _many(settings, "import-flags"),
            "compile_flags": _many(settings, "compile-flags"),
            "run_flags": _many(settings, "run-flags"),
            "environment": tuple(EnvVar(k, str(v)) for k, v in sorted(_part(settings, "environment").items())),
            "seed": _one(settings, "seed"),
            "skip": Skip(SkipReason.MANIFEST, str(_one(settings, "skip"))) if "skip" in settings else None,
        }
        return msgspec.convert(fields, Case, from_attributes=True)


def _fill(template: Case, model: Model, path: Path, mode: Mode) -> Case:
    key = case_key(model.name, path, Lowering(template.lowering), mode)
    return Case(
        id=case_id(template.suite, template.target, key),
        suite=template.suite,
        target=template.target,
        model=model.name,
        path=path,
        depth=template.depth,
        source=model.source,
        lowering=template.lowering,
        mode=mode,
        tags=tuple(dict.fromkeys((*model.tags, *template.tags))) if template.tags else model.tags,
        group=template.group or model.group,
        owner=template.owner,
        tolerance=template.tolerance,
        checks=template.checks,
        tuning=template.tuning,
        files=tuple(model.code.value("files", ())) if model.code else (),
        timeout=template.timeout,
        stage_timeouts=template.stage_timeouts,
        op_timeout=template.op_timeout,
        memory_limit=template.memory_limit,
        import_flags=template.import_flags,
        compile_flags=template.compile_flags,
        run_flags=template.run_flags,
        environment=template.environment,
        seed=template.seed,
        skip=model.skip or template.skip,
    )


def _without_target_flags(settings: Settings) -> Settings:
    """The flags for compiler and runtime that entries give: the target's own are not a definition's."""
    return {
        key: tuple(each for each in values if not each.layer.startswith("target "))
        if key in ("compile-flags", "run-flags")
        else values
        for key, values in settings.items()
    }


def attach(planned: Planned, expectation: Expectation) -> Planned:
    """The same case with what is expected of it."""
    return msgspec.structs.replace(planned, case=msgspec.structs.replace(planned.case, expectation=expectation))


def _only(words: tuple[Path, ...] | tuple[Mode, ...]) -> str:
    return f"use {' or '.join(words)}"


def _check_issue(settings: Settings, findings: Findings) -> None:
    """A check may be disabled only where something says why."""
    if "checks.issue" in settings:
        return
    for name in _DISABLED:
        traced = settings.get(f"checks.{name}", (None,))[-1]
        if traced is not None and traced.value is False:
            message = f"checks: {name} is disabled, and nothing says where that is tracked"
            findings.add(traced.at, message, "add `issue:` beside it, with the URL of the issue")


def _checks(settings: Settings) -> Checks:
    """The issue stands only beside a disabled check."""
    part = _fields(settings, "checks")
    if all(part.get(name, True) for name in _DISABLED):
        part = {}
    return msgspec.convert(part, Checks)


def _one(settings: Settings, key: str) -> object:
    return settings[key][-1].value


def _many(settings: Settings, key: str) -> tuple[str, ...]:
    return tuple(str(traced.value) for traced in settings.get(key, ()))


def _part(settings: Settings, key: str) -> dict[str, object]:
    head = f"{key}."
    return {name.removeprefix(head): traced[-1].value for name, traced in settings.items() if name.startswith(head)}


def _fields(settings: Settings, key: str) -> dict[str, object]:
    """The parts under the names of the value type's fields."""
    return {_FIELDS.get(name, name.replace("-", "_")): value for name, value in _part(settings, key).items()}


def _stage_timeouts(settings: Settings) -> tuple[StageTimeout, ...]:
    part = _part(settings, "stage-timeouts")
    return tuple(msgspec.convert({"stage": s, "seconds": part[s]}, StageTimeout) for s in Stage if s in part)
