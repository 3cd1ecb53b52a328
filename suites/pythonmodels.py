"""Model files turned into models: one a class, or one for each of its variants."""

from __future__ import annotations

import os
import re
from pathlib import Path

from schemas.case import Source
from schemas.errors import Location
from schemas.words import SourceKind
from suites import catalog
from suites.faces import FRAMEWORKS, faces_of, said
from suites.findings import Findings, did_you_mean
from suites.keys import MODEL_PATTERN
from suites.known import Model
from suites.layers import BUILT_IN, Layer, Settings, Traced
from suites.literals import ALL
from suites.locator import PythonLocator
from suites.manifest import Manifest, ModelEntry
from suites.modelfile import ModelFile, TesterClass, read_model_file
from suites.nodes import shown
from suites.units import parse_size

FOLDER = "models"
_TEMPLATE = re.compile(r"TEMPLATE(_\w+)?\.py")
#: A class's literals under the names that the same settings have in a manifest.
_FLAGS = {"importer_flags": "import-flags", "compiler_flags": "compile-flags", "runtime_flags": "run-flags"}
_TOLERANCES = {
    "required_pcc": "tolerance.pcc",
    "required_atol": "tolerance.atol",
    "required_rtol": "tolerance.rtol",
    "relative_atol": "tolerance.relative-atol",
}
_CHECKS = {"assert_pcc": "checks.pcc", "assert_atol": "checks.atol", "assert_tokens": "checks.tokens"}
_TEXTS = {"issue": "checks.issue", "owner": "owner"}


def discover(suites_dir: Path, findings: Findings) -> dict[str, Model]:
    """Every model below `models/`: `models/onnx/<path>.py` holds `onnx/<path>`, or `onnx/<path>/<variant>` each.

    `models/torch/` likewise. Left out are names that begin with `_`, and the templates. A file there must have exactly
    one tester class.
    """
    folder = suites_dir / FOLDER
    models: dict[str, Model] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(("_", ".")) for part in parts) or _TEMPLATE.fullmatch(parts[-1]):
            continue
        file = read_model_file(path, findings)
        if file is None:
            continue
        if parts[0] not in FRAMEWORKS:
            _tell_misplaced(file, findings)
            continue
        tester = _only_tester(file, parts[0], findings)
        if tester is None:
            continue
        name = "/".join(parts).removesuffix(".py")
        locator = PythonLocator(f"{FOLDER}/{'/'.join(parts)}", tester.name)
        for model in models_of(file, tester, name, locator):
            if _is_new(model, models, tester.at, findings):
                models[model.name] = model
    return models


def _only_tester(file: ModelFile, framework: str, findings: Findings) -> TesterClass | None:
    if len(file.testers) == 1:
        tester = next(iter(file.testers.values()))
        if tester.face.framework == framework:
            return tester
        message = f"{tester.name} derives from {tester.face.name}: its place is {FOLDER}/{tester.face.framework}/"
        remedy = f"move the file there, or derive the class from {' or '.join(faces_of(framework))}"
        findings.add(tester.at, message, remedy)
        return None
    if not file.testers:
        wanted = " or ".join(faces_of(framework))
        template = "TEMPLATE_TORCH.py" if framework == "torch" else "TEMPLATE.py"
        message = f"no class here derives from {wanted}"
        remedy = f"derive the model's class from it ({FOLDER}/{template}), or let the file's name begin with _"
        findings.add(Location(file.shown, 1, 1), message, remedy)
        return None
    extra = list(file.testers.values())[1]
    message = f"{' and '.join(file.testers)}: a file of {FOLDER}/ holds one tester class, which names its models"
    findings.add(extra.at, message, "use `variants`, or a file each")
    return None


def _tell_misplaced(file: ModelFile, findings: Findings) -> None:
    for tester in file.testers.values():
        places = ", ".join(f"{FOLDER}/{framework}/" for framework in FRAMEWORKS)
        message = f"{tester.name} would not be found: model files lie in {places}"
        findings.add(tester.at, message, f"move the file to {FOLDER}/{tester.face.framework}/{file.path.name}")


def _is_new(model: Model, models: dict[str, Model], at: Location, findings: Findings) -> bool:
    if not re.search(MODEL_PATTERN, model.name):
        message = f"{model.name!r} cannot name a model: letters, digits, . _ + - and slashes between words"
        findings.add(at, message, "rename the file or its folder")
        return False
    if model.name in catalog.by_name() or model.name in models:
        other = models[model.name].at if model.name in models else catalog.place_of(model.name)
        findings.add(at, f"{model.name!r} is already the name of a model ({other})", "rename the file or the variant")
        return False
    return True


def models_of(file: ModelFile, tester: TesterClass, name: str, locator: PythonLocator) -> list[Model]:
    """One model, or one for each variant - for the locator's only, where it has one."""
    variants = (locator.variant,) if locator.variant else tester.variants or ("",)
    return [
        Model(
            name=f"{name}/{variant}" if variant else name,
            source=Source(SourceKind.PYTHON, str(PythonLocator(locator.path, tester.name, variant)), file.sha256),
            tags=tuple(dict.fromkeys(tester.value("tags", ()))),
            group=tester.value("group", ""),
            code=tester,
            paths=tester.face.paths,
            modes=tester.modes,
            train_paths=tester.face.train_paths,
        )
        for variant in variants
    ]


def entry_models(entry: ModelEntry, locator: PythonLocator, manifest: Manifest, findings: Findings) -> list[Model]:
    """The models behind `python: file.py:Class`; their name is `name:`, or the framework and the file's stem."""
    at = entry.python.at if entry.python else entry.at
    path = manifest.path.parent / locator.path
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, beside, f"relative paths start at {shown(manifest.path.parent)}")
        findings.add(at, f"python: there is no file {locator.path!r}", remedy)
        return []
    file = read_model_file(path, findings)
    tester = _named_tester(file, locator, at, findings) if file else None
    if file is None or tester is None:
        return []
    if locator.variant and locator.variant not in tester.variants:
        message = f"python: {tester.name} has no variant {locator.variant!r}"
        findings.add(at, message, did_you_mean(locator.variant, tester.variants, f"{tester.at} declares none"))
        return []
    name = entry.name.value if entry.name else f"{tester.face.framework}/{path.stem}"
    clean = Path(os.path.normpath(locator.path)).as_posix()
    return models_of(file, tester, name, PythonLocator(clean, tester.name, locator.variant))


def _named_tester(file: ModelFile, locator: PythonLocator, at: Location, findings: Findings) -> TesterClass | None:
    if locator.tester in file.testers:
        return file.testers[locator.tester]
    if not locator.tester:
        remedy = " or ".join(f"{locator.path}:{name}" for name in file.testers) or f"derive a class from {said()}"
        findings.add(at, "python: which class of the file is meant?", f"write {remedy}")
    elif locator.tester in file.bases:
        message = f"python: {locator.tester} is a base of other testers in {file.shown}"
        findings.add(at, message, f"name one of {', '.join(file.testers)}")
    elif locator.tester in file.others:
        message = f"python: {locator.tester} in {file.shown} does not derive from {said()}"
        findings.add(at, message, f"derive it from {said()}, by this name, directly or through a class of the file")
    else:
        message = f"python: {file.shown} has no class {locator.tester!r}"
        findings.add(at, message, did_you_mean(locator.tester, file.testers, f"derive a class from {said()}"))
    return None


def code_layer(tester: TesterClass, backend: str) -> Layer:
    """What the class itself sets, its base's own tolerances included, as the weakest layer above the target."""
    label = f"class {tester.name}"
    settings = _tolerances(tester, label)
    for name, key in {**_CHECKS, **_TEXTS}.items():
        literal = tester.literals.get(name)
        if literal is not None and literal.value not in ("", True):
            settings[key] = (Traced(literal.value, literal.at, label),)
    tuning = tester.literals.get("tuning")
    for key, value in (tuning.value if tuning else {}).items():
        size = parse_size(value) if key == "externalize-above" else value
        settings[f"tuning.{key}"] = (Traced(size, tuning.at if tuning else tester.at, label),)
    for name, key in _FLAGS.items():
        literal = tester.literals.get(name)
        if literal is not None:
            flags = [*literal.value.get(ALL, ()), *literal.value.get(backend, ())]
            settings[key] = tuple(Traced(flag, literal.at, label) for flag in flags)
    return Layer(label, settings, {})


def _tolerances(tester: TesterClass, label: str) -> Settings:
    """`required_…` by their names in a manifest. None is the element type's default; silence is the base's own."""
    settings: Settings = {}
    for name, key in _TOLERANCES.items():
        literal, base = tester.literals.get(name), tester.face.tolerance.get(name)
        if literal is not None and literal.value is not None:
            settings[key] = (Traced(float(literal.value), literal.at, label),)
        elif literal is None and base is not None:
            settings[key] = (Traced(base, BUILT_IN, tester.face.name),)
    if "tolerance.relative-atol" in settings:
        settings.pop("tolerance.atol", None)
    return settings
