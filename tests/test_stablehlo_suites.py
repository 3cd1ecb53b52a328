"""Files of MLIR in manifests and below models/stablehlo: names, sources, extras, and findings for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.case import Case
from schemas.words import Depth, Extra, SourceKind
from schemas.words import Path as ModelPath
from suites import workspace
from suites.digest import sha256_of
from suites.explain import explain
from tests.suites_support import findings, folder, manifest, unmark


def suites(root: Path, body: str, **files: str) -> Path:
    """A folder with a manifest of this body, ./m.mlir beside it, and files below models/stablehlo."""
    made = folder(
        root, mine=manifest(body), excused="excused:\n  - {name: onnx/*, reason: a fixture needs few models}\n"
    )
    (made / "m.mlir").write_text("module {}")
    for name, text in files.items():
        path = made / "models" / "stablehlo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def cases(root: Path) -> dict[str, Case]:
    (suite,) = workspace.load(root).suites
    return {case.key: case for case in suite.cases}


def test_a_file_is_a_model_on_the_path_direct(tmp_path: Path) -> None:
    body = "models:\n  - mlir: ./m.mlir\n  - {mlir: m.mlir, name: own/name, sha256: '" + "0" * 64 + "'}\n"
    found = cases(suites(tmp_path, body + "  - mlir: https://host.example/a/net%20x.mlirbc?raw=1\n    name: far\n"))
    assert sorted(found) == ["far@direct", "own/name@direct", "stablehlo/m@direct"]
    plain = found["stablehlo/m@direct"]
    assert (plain.path, plain.source.kind, plain.source.locator) == (ModelPath.DIRECT, SourceKind.MLIR_FILE, "m.mlir")
    assert found["own/name@direct"].source.sha256 == "0" * 64
    assert found["far@direct"].source.kind is SourceKind.MLIR_URL


def test_files_below_models_are_found_by_their_place(tmp_path: Path) -> None:
    root = suites(
        tmp_path,
        "models:\n  - name: stablehlo/*\n",
        **{"a.mlir": "module {}", "deep/b.mlirbc": "x", "_c.mlir": "", "readme.txt": "", "a.data/d.txt": ""},
    )
    found = cases(root)
    assert sorted(found) == ["stablehlo/a@direct", "stablehlo/deep/b@direct"]
    source = found["stablehlo/a@direct"].source
    assert source.locator == "models/stablehlo/a.mlir"
    assert source.sha256 == sha256_of(root / source.locator), "a changed module is another matrix"


def test_one_that_no_list_has_is_told_at_its_file(tmp_path: Path) -> None:
    root = suites(tmp_path, "models:\n  - mlir: ./m.mlir\n", **{"lost.mlir": ""})
    (found,) = findings(root)
    assert str(found.location).endswith("models/stablehlo/lost.mlir:1:1")
    assert found.message == "stablehlo/lost is in no list"


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    root = suites(tmp_path, "models:\n  - name: stablehlo/a\n", **{"a.mlir": "", "a.mlirbc": ""})
    (found,) = findings(root)
    assert str(found.location).endswith("a.mlirbc:1:1")
    assert "already the name of a model" in found.message


# Each row: a manifest's body with § where a finding is expected; what it says; what its remedy says.
MISTAKES = [
    ("models: [{mlir: §./othr.mlir}]\n", "there is no file './othr.mlir'", "did you mean other.mlir?"),
    ("models: [{mlir: §./m.onnx}]\n", "does not end in .mlir or .mlirbc", "`onnx:`"),
    ("models: [{mlir: §ftp://host.example/m.mlir}]\n", "is no http(s) address", "http(s) URL"),
    ("models: [{onnx: ./m.mlir, §mlir: ./m.mlir}]\n", "`mlir` and `onnx` cannot stand in one entry", "two entries"),
    ("models: [{mlir: ./m.mlir, §tag: abs}]\n", "`tag` and `mlir` cannot stand", "two entries"),
    ("models: [{mlir: ./m.mlir, exclude: [§x]}]\n", "nothing to exclude", "remove it"),
    ("models: [{mlir: ./m.mlir, paths: [§onnx]}]\n", "stablehlo/m has no path onnx", "use direct"),
    ("models: [{mlir: ./m.mlir, §lowering: linalg}]\n", "stablehlo/m has no lowering linalg", "remove it"),
    ("models: [{mlir: ./m.mlir, §mode: train}]\n", "no mode train", "use eval"),
    ("models: [{mlir: ./m.mlir, name: §'a b'}]\n", "cannot name a model", "`name:`"),
    ("models: [{mlir: ./m.mlir}, {mlir: ./other.mlir, name: §stablehlo/m}]\n", "already names another file", "another"),
    ("models: [{name: onnx/node/test_abs, paths: [§direct]}]\n", "onnx/node/test_abs has no path direct", "onnx"),
]


@pytest.mark.parametrize(("body", "says", "remedy"), MISTAKES)
def test_mistakes_are_told_at_their_place(tmp_path: Path, body: str, says: str, remedy: str) -> None:
    text, places = unmark(manifest(body))
    root = suites(tmp_path, "models: []\n")
    (root / "mine.yaml").write_text(text)
    (root / "other.mlir").write_text("module {}")
    (found,) = findings(root)
    assert says in found.message
    assert remedy in found.remedy
    assert [(found.location.line, found.location.column)] == places


@pytest.mark.parametrize(
    ("depth", "settings", "extras"),
    [
        (Depth.COMPILE, "mlir: ./m.mlir", ()),
        (Depth.EXECUTE, "mlir: ./m.mlir", (Extra.STABLEHLO,)),
        (Depth.COMPILE_OP_BY_OP, "mlir: ./m.mlir", (Extra.STABLEHLO,)),
        (
            Depth.EXECUTE_OP_BY_OP,
            "{name: onnx/node/test_abs, lowering: stablehlo}",
            (Extra.STABLEHLO, Extra.TORCH_MLIR),
        ),
        (Depth.EXECUTE, "{name: onnx/node/test_abs, lowering: stablehlo}", (Extra.TORCH_MLIR,)),
    ],
)
def test_the_interpreter_is_installed_where_it_is_asked(
    tmp_path: Path, depth: Depth, settings: str, extras: tuple[Extra, ...]
) -> None:
    root = suites(tmp_path, f"models:\n  - {settings}\n")
    text = (root / "mine.yaml").read_text().replace("depth: execute", f"depth: {depth}")
    (root / "mine.yaml").write_text(text)
    (suite,) = workspace.load(root).suites
    (case,) = suite.cases
    assert suite.extras_of(case) == extras


def test_a_skipped_one_needs_nothing(tmp_path: Path) -> None:
    (suite,) = workspace.load(suites(tmp_path, "models:\n  - {mlir: ./m.mlir, skip: too large}\n")).suites
    assert suite.extras_of(suite.cases[0]) == ()


def test_explain_names_the_entry(tmp_path: Path) -> None:
    assert "mlir: ./m.mlir" in explain(suites(tmp_path, "models:\n  - mlir: ./m.mlir\n"), "stablehlo/m")
