"""Model files become models of the catalogue by their text alone; every mistake is found at its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.case import Case
from schemas.matrix import cases_digest
from schemas.words import SourceKind
from suites import explain, workspace
from suites.locator import PythonLocator, parse_locator
from tests.models_support import GOOD, put
from tests.suites_support import findings, folder, manifest, unmark

REPOSITORY = Path(__file__).parent.parent

#: Would fail in a moment if the loader ran it.
NEVER_RUN = """\
from suites import OnnxModelTester
raise RuntimeError("this file was run")

class Base(OnnxModelTester):
    tags = ("mine", "dynamic")
    group: str = "red"
    required_pcc = 0.95
    compiler_flags = {"all": ["--iree-opt-level=O2"], "llvm-cpu": ["--cpu-only"], "vmvx": ["--vmvx-only"]}

class Mine(Base):
    variants = {"tiny": {"layers": 2}, "large": {"layers": 24}}
    tags = ("mine",)
    required_atol = 1e-2
"""


def cases(root: Path) -> dict[str, Case]:
    return {case.model: case for suite in workspace.load(root).suites for case in suite.cases}


def test_a_file_of_the_folder_is_part_of_the_catalogue(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/zoo/*}]\n"))
    put(root, "models/onnx/zoo/net.py", NEVER_RUN)
    put(root, "models/onnx/zoo/plain.py", GOOD)
    put(root, "models/onnx/zoo/_helper.py", "nonsense(")
    put(root, "models/TEMPLATE.py", GOOD)
    found = cases(root)
    assert list(found) == ["onnx/zoo/net/large", "onnx/zoo/net/tiny", "onnx/zoo/plain"]
    tiny = found["onnx/zoo/net/tiny"]
    assert tiny.source.kind is SourceKind.PYTHON
    assert tiny.source.locator == "models/onnx/zoo/net.py:Mine[tiny]"
    assert tiny.tags == ("mine",)
    assert tiny.group == "red"
    assert (tiny.tolerance.pcc, tiny.tolerance.atol, tiny.tolerance.rtol) == (0.95, 0.01, None)
    assert tiny.compile_flags == ("--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O2", "--cpu-only")


def test_models_are_chosen_by_name_tag_and_exclusion(tmp_path: Path) -> None:
    body = "models:\n  - tag: mine\n    exclude: ['*/large']\nexcused: [{name: onnx/net/large, reason: too large}]\n"
    root = folder(tmp_path, mine=manifest(body))
    put(root, "models/onnx/net.py", NEVER_RUN)
    assert list(cases(root)) == ["onnx/net/tiny"]


def test_the_manifest_is_stronger_than_the_code(tmp_path: Path) -> None:
    body = (
        "groups: {g: {tolerance: {atol: 0.5}, compile-flags: [--later]}}\nmodels:\n  - {name: onnx/net/*, group: g}\n"
    )
    root = folder(tmp_path, mine=manifest(body))
    put(root, "models/onnx/net.py", NEVER_RUN)
    tiny = cases(root)["onnx/net/tiny"]
    assert (tiny.tolerance.pcc, tiny.tolerance.atol) == (0.95, 0.5)
    assert tiny.compile_flags[-1] == "--later"
    assert tiny.group == "g"


def test_flags_follow_the_backend(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("targets: [lab]\nmodels: [{name: onnx/net/tiny}, {name: onnx/net/large}]\n"))
    put(root, "models/onnx/net.py", NEVER_RUN)
    assert cases(root)["onnx/net/tiny"].compile_flags == ("--iree-opt-level=O2", "--vmvx-only")


def test_an_edit_of_the_file_changes_the_digest(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/plain}]\n"))
    file = put(root, "models/onnx/plain.py", GOOD)
    before = cases_digest(tuple(cases(root).values()))
    file.write_text(GOOD + "\n# another thought\n", "utf-8")
    assert cases_digest(tuple(cases(root).values())) != before


def test_an_entry_names_a_class_of_any_file(tmp_path: Path) -> None:
    body = (
        "models:\n  - python: ../elsewhere/net.py:Mine\n  - {python: '../elsewhere/net.py:Mine[tiny]', name: other}\n"
    )
    root = folder(tmp_path / "suites", mine=manifest(body))
    put(tmp_path, "elsewhere/net.py", NEVER_RUN)
    found = cases(root)
    assert list(found) == ["onnx/net/large", "onnx/net/tiny", "other/tiny"]
    assert found["other/tiny"].source.locator == "../elsewhere/net.py:Mine[tiny]"


def test_explain_shows_the_line_of_the_code(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/net/*}]\n"))
    put(root, "models/onnx/net.py", NEVER_RUN)
    (tiny,) = explain.explained(root, "onnx/net/tiny")
    shown = {value.key: value for value in tiny.values}
    assert shown["tolerance.pcc"].where.endswith("net.py:7:20")
    assert shown["tolerance.pcc"].layer == "class Mine"
    assert shown["group"].where.endswith("net.py:10:1")


# Each row: the class's text with § before every place a finding is expected at; what it says; what its remedy says.
MISTAKES = [
    ("syntax", "class Mine(OnnxModelTester)§\n    pass\n", "not valid Python", "mend the syntax"),
    ("no tester", "", "no class here derives", "TEMPLATE.py"),
    ("two testers", "class A(OnnxModelTester): pass\n§class B(OnnxModelTester): pass\n", "A and B", "variants"),
    ("computed", "class A(OnnxModelTester):\n    variants = {'a': §dict(x=1)}\n", "`dict(x=1)` is no literal", "write"),
    ("computed tags", "class A(OnnxModelTester):\n    tags = §tuple('ab')\n", "no literal", "write the value out"),
    ("variants", "class A(OnnxModelTester):\n    variants = §['a']\n", "a dictionary of variants", "'tiny'"),
    ("variant name", "class A(OnnxModelTester):\n    variants = §{'a b': {}}\n", "cannot name a variant", "letters"),
    ("parameters", "class A(OnnxModelTester):\n    variants = §{'a': 3}\n", "needs a dictionary", "correct"),
    ("variant twice", "class A(OnnxModelTester):\n    variants = {'a': {}, §'a': {}}\n", "given twice", "keep one"),
    ("tag", "class A(OnnxModelTester):\n    tags = §('a b',)\n", "'a b' is no tag", "letters"),
    ("tags as text", "class A(OnnxModelTester):\n    tags = §'conv'\n", "a tuple of texts", "('conv',)"),
    ("mode", "class A(OnnxModelTester):\n    modes = §('eval', 'train')\n", "no mode 'train'", "only 'eval'"),
    ("pcc", "class A(OnnxModelTester):\n    required_pcc = §1.5\n", "from -1 to 1", ""),
    ("atol", "class A(OnnxModelTester):\n    required_atol = §'small'\n", "not negative", ""),
    ("misspelt", "class A(OnnxModelTester):\n    §required_pc = 0.9\n", "no effect", "required_pcc"),
    ("backend", "class A(OnnxModelTester):\n    compiler_flags = §{'llvm': ['-x']}\n", "unknown backend", "llvm-cpu"),
    ("flag", "class A(OnnxModelTester):\n    runtime_flags = §{'all': ['x']}\n", "begin with a dash", ""),
    ("old name", "class A(OnnxModelTester):\n    §def construct_model(self): ...\n", "is load_model here", "models.md"),
    ("old name 2", "class A(OnnxModelTester):\n    §def _load_inputs(self): ...\n", "load_inputs", "models.md"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "remedy"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_found_in_the_python_file(tmp_path: Path, text: str, said: str, remedy: str) -> None:
    code, places = unmark(text)
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\nexcused: [{name: onnx/net*, reason: a test}]\n"))
    put(root, "models/onnx/net.py", code)
    told = [each for each in findings(root) if each.location.file.endswith("net.py")]
    assert [(each.location.line, each.location.column) for each in told] == (places or [(1, 1)])
    assert said in told[0].message
    assert remedy in told[0].remedy
    assert told[0].remedy


ENTRIES = [
    ("no file", "§./q.py:Good", "no file", "relative paths"),
    ("close file", "§./god.py:Good", "no file", "good.py"),
    ("no class", "§./good.py", "which class", "./good.py:Good"),
    ("unknown class", "§./good.py:Godo", "no class 'Godo'", "did you mean Good"),
    ("no tester", "§./good.py:Helper", "does not derive", "OnnxModelTester"),
    ("base", "§./good.py:Root", "is a base", "Good"),
    ("unknown variant", "§'./good.py:Good[tinny]'", "no variant 'tinny'", "did you mean tiny"),
    ("no Python", "§./good.txt:Good", "no class of a file", "./file.py:Class"),
]


@pytest.mark.parametrize(("entry", "said", "remedy"), [row[1:] for row in ENTRIES], ids=[row[0] for row in ENTRIES])
def test_a_mistake_of_an_entry_is_found_in_the_manifest(tmp_path: Path, entry: str, said: str, remedy: str) -> None:
    text, places = unmark(manifest(f"models:\n  - python: {entry}\n"))
    root = folder(tmp_path, mine=text)
    helper = "class Helper: pass\nclass Root(OnnxModelTester): pass\n"
    put(root, "good.py", f"{helper}class Good(Root):\n    variants = {{'tiny': {{}}}}\n")
    (told,) = findings(root)
    assert [(told.location.line, told.location.column)] == places
    assert said in told.message
    assert remedy in told.remedy


def test_names_are_given_once(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: 'onnx/*'}, {python: './x.py:Good', name: onnx/net/tiny}]\n"))
    put(root, "x.py", GOOD)
    put(root, "models/onnx/net.py", NEVER_RUN)
    put(root, "models/onnx/net/tiny.py", GOOD)
    put(root, "models/onnx/node/test_abs.py", GOOD)
    put(root, "models/astray.py", GOOD)
    said = "\n".join(str(each) for each in findings(root))
    assert "'onnx/net/tiny' is already the name of a model" in said
    assert "'onnx/node/test_abs' is already the name of a model" in said
    assert "'onnx/net/tiny' is already a model of the catalogue" in said
    assert "astray.py:8:1: Good would not be found" in said


def test_an_unlisted_model_is_told_at_its_class(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\n"))
    put(root, "models/onnx/net.py", NEVER_RUN)
    (told,) = findings(root)
    assert told.message == "onnx/net/tiny and onnx/net/large are in no list"
    assert str(told.location).endswith("models/onnx/net.py:10:1")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a/b.py:C[d-1.x]", PythonLocator("a/b.py", "C", "d-1.x")),
        ("b.py:C", PythonLocator("b.py", "C")),
        ("b.py", PythonLocator("b.py")),
        ("b.txt:C", None),
        ("b.py:C[]", None),
        ("b.py:C.D", None),
    ],
)
def test_locators(text: str, parts: PythonLocator | None) -> None:
    assert parse_locator(text) == parts
    if parts is not None and parts.tester:
        assert str(parts) == text


def test_the_face_is_loaded_only_when_asked_for() -> None:
    code = (
        "import sys, suites\n"
        "assert not {'onnx', 'numpy'} & set(sys.modules)\n"
        "from suites import OnnxModelTester\n"
        "assert OnnxModelTester.__name__ == 'OnnxModelTester' and 'onnx' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_the_template_can_be_copied(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/copied/*}]\n"))
    template = (REPOSITORY / "suites" / "models" / "TEMPLATE.py").read_text("utf-8")
    put(root, "models/onnx/copied.py", template)
    assert list(cases(root)) == ["onnx/copied/narrow", "onnx/copied/wide"]


def test_shipped_models() -> None:
    nightly = workspace.load(REPOSITORY / "suites").suite("nightly-execute").cases_for("cpu")
    python = {case.model for case in nightly if case.source.kind is SourceKind.PYTHON}
    assert len([name for name in python if name.startswith("onnx/light/")]) == 9
    files = {case.source.locator.partition(":")[0] for case in nightly if case.source.kind is SourceKind.PYTHON}
    assert len(files) >= 16
