"""PyTorch model files become cases by their text alone: names, paths, modes, checks; mistakes at their places."""

# ruff: noqa: E501 - one mistake is one line of the table

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.case import Case, Checks, Tolerance, case_key
from schemas.words import Lowering, Mode, SourceKind
from schemas.words import Path as ModelPath
from suites import explain, workspace
from suites.faces import FACES
from suites.layers import BUILT_IN, Layer, Traced, merge
from tests.models_support import put
from tests.suites_support import findings, folder, manifest, unmark

REPOSITORY = Path(__file__).parent.parent

#: Would fail in a moment if the loader ran it.
NEVER_RUN = """\
import torch
from suites import ModelTester
raise RuntimeError("this file was run")

class Mine(ModelTester):
    variants = {"tiny": {"layers": 2}, "large": {"layers": 24}}
    tags = ("text",)
    group = "red"
    owner = "ada"
    modes = ("eval", "train")
    required_pcc = 0.98
    assert_pcc = False
    assert_tokens = False
    issue = "https://example.org/issues/7"
    files = ("store/weights.bin", "https://example.org/w.bin")
    tuning = {"externalize": True, "externalize-above": "1MiB"}
"""
PLAIN = "from suites import ModelTester\nclass Plain(ModelTester):\n    pass\n"


def cases(root: Path) -> dict[str, Case]:
    """Cases of all suites by key."""
    return {case.key: case for suite in workspace.load(root).suites for case in suite.cases}


def test_a_torch_file_becomes_cases_with_all_that_its_class_says(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: torch/*}]\n"))
    put(root, "models/torch/nlp/net.py", NEVER_RUN)
    put(root, "models/torch/plain.py", PLAIN)
    put(root, "models/TEMPLATE_TORCH.py", PLAIN)
    found = cases(root)
    assert list(found) == [
        "torch/nlp/net/large@torch-mlir", "torch/nlp/net/tiny@torch-mlir", "torch/plain@torch-mlir"
    ]  # fmt: skip
    tiny = found["torch/nlp/net/tiny@torch-mlir"]
    assert tiny.source.kind is SourceKind.PYTHON
    assert tiny.source.locator == "models/torch/nlp/net.py:Mine[tiny]"
    assert (tiny.owner, tiny.group, tiny.tags, tiny.mode) == ("ada", "red", ("text",), Mode.EVAL)
    assert tiny.tolerance == Tolerance(pcc=0.98, atol=0.01, rtol=0.0)
    assert tiny.checks == Checks(pcc=False, tokens=False, issue="https://example.org/issues/7")
    assert tiny.files == ("store/weights.bin", "https://example.org/w.bin")
    assert (tiny.tuning.externalize, tiny.tuning.externalize_above) == (True, 1024**2)
    plain = found["torch/plain@torch-mlir"]
    assert plain.tolerance == Tolerance(pcc=0.99, atol=0.01, rtol=0.0)
    assert plain.checks == Checks()


@pytest.mark.parametrize(
    ("body", "tolerance"),
    [
        ("relative_atol = 0.1", Tolerance(pcc=0.99, rtol=0.0, relative_atol=0.1)),
        ("required_pcc = None\n    required_atol = None", Tolerance(rtol=0.0)),
        ("required_rtol = 1e-3", Tolerance(pcc=0.99, atol=0.01, rtol=0.001)),
    ],
)
def test_none_is_the_element_types_default_and_relative_atol_replaces_atol(
    tmp_path: Path, body: str, tolerance: Tolerance
) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: torch/a}]\n"))
    put(root, "models/torch/a.py", f"class A(ModelTester):\n    {body}\n")
    assert cases(root)["torch/a@torch-mlir"].tolerance == tolerance


def test_a_subclass_takes_the_other_tolerance(tmp_path: Path) -> None:
    text = "class B(ModelTester):\n    required_atol = 0.5\nclass A(B):\n    relative_atol = 0.1\n"
    root = folder(tmp_path, mine=manifest("models: [{name: torch/a}]\n"))
    put(root, "models/torch/a.py", text)
    assert cases(root)["torch/a@torch-mlir"].tolerance == Tolerance(pcc=0.99, rtol=0.0, relative_atol=0.1)


def test_paths_and_modes_give_a_case_each(tmp_path: Path) -> None:
    body = """\
models:
  - {name: torch/net/*, paths: [torch-mlir, onnx, ort-ep]}
  - {name: torch/net/tiny, mode: train, timeout: 5m}
  - {name: onnx/node/test_abs, paths: [onnx, ort-ep]}
"""
    root = folder(tmp_path, mine=manifest(body))
    put(root, "models/torch/net.py", NEVER_RUN)
    found = cases(root)
    assert sorted(found) == [
        "onnx/node/test_abs@onnx",
        "onnx/node/test_abs@ort-ep",
        *(f"torch/net/large@{path}" for path in ("onnx", "ort-ep", "torch-mlir")),
        *(f"torch/net/tiny@{path}" for path in ("onnx", "ort-ep", "torch-mlir")),
        "torch/net/tiny@torch-mlir.train",
    ]
    train = found["torch/net/tiny@torch-mlir.train"]
    assert (train.id, train.mode) == ("mine/cpu/torch/net/tiny@torch-mlir.train", Mode.TRAIN)
    assert train.timeout == 300
    assert found["torch/net/tiny@torch-mlir"].timeout == 600, "an entry for another mode refines nothing"


def test_a_mode_is_inherited_from_group_and_defaults(tmp_path: Path) -> None:
    body = """\
defaults: {mode: train}
groups: {g: {mode: eval}}
models:
  - name: torch/net/*
  - {name: torch/net/tiny, group: g}
"""
    root = folder(tmp_path, mine=manifest(body))
    put(root, "models/torch/net.py", NEVER_RUN)
    assert sorted(cases(root)) == [
        "torch/net/large@torch-mlir.train", "torch/net/tiny@torch-mlir", "torch/net/tiny@torch-mlir.train"
    ]  # fmt: skip


def test_a_class_that_only_trains_is_trained(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: torch/a}]\n"))
    put(root, "models/torch/a.py", 'class A(ModelTester):\n    modes = ("train",)\n')
    assert list(cases(root)) == ["torch/a@torch-mlir.train"]


def test_the_same_case_twice_is_told_and_another_mode_is_another_case(tmp_path: Path) -> None:
    body = "models:\n  - name: torch/net/tiny\n  - {name: torch/net/tiny, mode: train}\n  - {name: §torch/net/tiny}\n"
    clean, places = unmark(manifest(body + "excused: [{name: torch/net/large, reason: x}]\n"))
    root = folder(tmp_path, mine=clean)
    put(root, "models/torch/net.py", NEVER_RUN)
    (found,) = findings(root)
    assert [(found.location.line, found.location.column)] == places
    assert "named twice" in found.message


def test_a_manifest_takes_a_class_of_either_face_from_any_file(tmp_path: Path) -> None:
    root = folder(tmp_path / "suites", mine=manifest("models: [{python: ../my.py:Mine}, {python: ../o.py:Other}]\n"))
    put(tmp_path, "my.py", NEVER_RUN)
    put(tmp_path, "o.py", "class Other(OnnxModelTester):\n    files = ('a.onnx',)\n    owner = 'ada'\n")
    found = cases(root)
    assert list(found) == ["onnx/o@onnx", "torch/my/large@torch-mlir", "torch/my/tiny@torch-mlir"]
    other = found["onnx/o@onnx"]
    assert (other.files, other.owner, other.tolerance) == (("a.onnx",), "ada", Tolerance())


def test_a_literal_of_the_other_face_is_told(tmp_path: Path) -> None:
    text = "class A(OnnxModelTester):\n    assert_tokens = False\n"
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/a}]\n"))
    put(root, "models/onnx/a.py", text)
    (found,) = findings(root)
    assert (found.location.line, found.location.column) == (2, 5)
    assert "OnnxModelTester has no such literal" in found.message


def test_explain_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    body = """\
models:
  - name: torch/net/tiny
    mode: train
    tuning: {const-eval: false}
    checks: {atol: false}
    owner: grace
excused: [{name: torch/net/large, reason: x}]
"""
    root = folder(tmp_path, mine=manifest(body))
    put(root, "models/torch/net.py", NEVER_RUN)
    (page,) = explain.explained(root, "torch/net/tiny")
    shown = {value.key: value for value in page.values}
    assert page.name.endswith("@torch-mlir.train")
    assert (shown["mode"].value, shown["mode"].layer) == ("train", "model torch/net/tiny")
    assert (shown["tolerance.atol"].value, shown["tolerance.atol"].layer) == ("0.01", "ModelTester")
    assert shown["tolerance.pcc"].where.endswith("net.py:11:20")
    assert shown["tuning.externalize-above"].value == "1MiB"
    assert shown["tuning.externalize"].layer == "class Mine"
    assert (shown["tuning.const-eval"].value, shown["checks.atol"].value) == ("false", "false")
    assert (shown["owner"].value, shown["owner"].layer) == ("grace", "model torch/net/tiny")
    assert (shown["paths"].value, shown["paths"].layer) == ("torch-mlir", "default")


def test_expectations_take_keys_with_path_and_mode(tmp_path: Path) -> None:
    body = "models: [{name: torch/net/tiny, mode: train}, {name: torch/net/large, paths: [onnx]}]\n"
    wanted = """\
suite: mine
target: cpu
failures:
  - {signature: s, stage: compilation, cases: [torch/net/tiny@torch-mlir.train, torch/net/large@onnx]}
"""
    root = folder(tmp_path, mine=manifest(body), expectations__mine_cpu=wanted)
    put(root, "models/torch/net.py", NEVER_RUN)
    assert all(case.expectation is not None for case in cases(root).values())


# Each row: the class's text with § before every place a finding is expected at; what it says; what its remedy says.
MISTAKES = [
    ("no tester", "", "no class here derives from ModelTester", "TEMPLATE_TORCH.py"),
    ("other framework", "§class A(OnnxModelTester): pass\n", "its place is models/onnx/", "or derive the class from ModelTester"),
    ("two frameworks", "§class A(ModelTester, OnnxModelTester): pass\n", "ModelTester and OnnxModelTester", "one framework"),
    ("unknown mode", "class A(ModelTester):\n    modes = §('eval', 'training')\n", "unknown mode 'training'", "train"),
    ("no mode", "class A(ModelTester):\n    modes = §()\n", "without a mode", "('eval',)"),
    ("both tolerances", "class A(ModelTester):\n    relative_atol = 0.1\n    required_atol = §0.1\n", "both are given", "keep one"),
    ("no issue", "class A(ModelTester):\n    assert_pcc = §False\n", "nothing says where that is tracked", "`issue`"),
    ("no issue, inherited", "class B(ModelTester):\n    assert_tokens = §False\nclass A(B): pass\n", "where that is tracked", "issue"),
    ("no URL", "class A(ModelTester):\n    issue = §'later'\n", "a URL is meant", "whole address"),
    ("no switch", "class A(ModelTester):\n    assert_atol = §0\n", "True or False is meant", ""),
    ("owner", "class A(ModelTester):\n    owner = §('a', 'b')\n", "a text is meant", "'somebody'"),
    ("files", "class A(ModelTester):\n    files = §'one.bin'\n", "a tuple of texts", ""),
    ("empty file", "class A(ModelTester):\n    files = §('a', ' ')\n", "one of the texts is empty", "a URL"),
    ("negative", "class A(ModelTester):\n    relative_atol = §-0.1\n", "not negative", ""),
    ("tuning", "class A(ModelTester):\n    tuning = §{'opt-level': 'O2'}\n", "unknown key 'opt-level'", "optimization-level"),
    ("tuned value", "class A(ModelTester):\n    tuning = §{'optimization-level': 3}\n", "cannot be 3", "O0"),
    ("tuned size", "class A(ModelTester):\n    tuning = §{'externalize-above': '3'}\n", "cannot be '3'", "256MiB"),
    ("misspelt", "class A(ModelTester):\n    §assert_pc = False\n", "no effect", "assert_pcc"),
    ("misspelt too", "class A(ModelTester):\n    §relative_tol = 0.1\n", "no effect", "relative_atol"),
    ("other group", "class A(ModelTester):\n    §model_group = 'red'\n", "it is group here", "models.md"),
    ("other tokens", "class A(ModelTester):\n    §is_token_output = True\n", "it is load_tokenizer here", ""),
    ("other mode", "class A(ModelTester):\n    §mode = 'train'\n", "it is modes here", ""),
    ("other hook", "class A(ModelTester):\n    §def _load_model(self): ...\n", "it is load_model here", "models.md"),
    ("other loss", "class A(ModelTester):\n    §def append_fake_loss_function(self, o): ...\n", "mean", "models.md"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "remedy"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_found_in_the_torch_file(tmp_path: Path, text: str, said: str, remedy: str) -> None:
    code, places = unmark(text)
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\nexcused: [{name: 'torch/*', reason: x}]\n"))
    put(root, "models/torch/a.py", code)
    found = [each for each in findings(root) if each.location.file.endswith("a.py")]
    assert [(f.location.line, f.location.column) for f in found] == (places or [(1, 1)]), "\n".join(map(str, found))
    assert said in found[0].message
    assert remedy in found[0].remedy


TEN = """\
class Mine(ModelTester):
    variants = §{"a b": {}}
    tags = §"text"
    group = §"a group"
    modes = §("evil",)
    owner = §3
    files = §[1]
    §required_cosine = 0.9
    required_pcc = §2
    relative_atol = §float("inf")
    assert_pcc = §False
    issue = §"soon"
    tuning = §{"save-ir": "yes"}
    §def construct_model(self): ...
"""


def test_ten_wrong_things_are_ten_located_findings(tmp_path: Path) -> None:
    clean, places = unmark(TEN)
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\nexcused: [{name: 'torch/*', reason: x}]\n"))
    put(root, "models/torch/a.py", clean)
    found = [each for each in findings(root) if each.location.file.endswith("a.py")]
    assert [(f.location.line, f.location.column) for f in found] == places, "\n".join(map(str, found))
    assert len({f.message for f in found}) == len(places) >= 10
    assert all(f.remedy for f in found)


def test_what_a_line_asks_for_and_its_models_have_not_is_one_finding(tmp_path: Path) -> None:
    clean, places = unmark(manifest("models:\n  - {name: '*', paths: [onnx, §torch-mlir]}\n"))
    root = folder(tmp_path, mine=clean)
    put(root, "models/torch/a.py", PLAIN)
    (found,) = findings(root)
    assert [(found.location.line, found.location.column)] == places
    assert "and " in found.message
    assert "more have no path torch-mlir" in found.message


def test_a_training_step_has_its_own_paths(tmp_path: Path) -> None:
    clean, places = unmark(manifest("models:\n  - {name: torch/net/*, mode: train, paths: [torch-mlir, §onnx]}\n"))
    root = folder(tmp_path, mine=clean)
    put(root, "models/torch/net.py", NEVER_RUN)
    (found,) = findings(root)
    assert [(found.location.line, found.location.column)] == places
    assert "no path onnx in mode train" in found.message
    assert "use torch-mlir" in found.remedy


def test_adhoc_is_no_name_for_a_suite(tmp_path: Path) -> None:
    root = folder(tmp_path, adhoc=manifest("models: [{tag: abs}]\n", suite="adhoc"))
    (found,) = findings(root)
    assert "command line" in found.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{§int63: int32}", "unknown name 'int63'"),
        ("{int64: §int31}", "unknown value 'int31'"),
        ("{int64: §int64}", "cast to itself"),
        ("{int64: §int32, int32: int16}", "which is cast too"),
    ],
)
def test_input_casts_name_element_types(tmp_path: Path, text: str, said: str) -> None:
    body = f"targets:\n  cpu: {{backend: llvm-cpu, device: local-task, runs-on: x, input-casts: {text}}}\n"
    clean, places = unmark(body)
    found = findings(folder(tmp_path, targets=clean, mine=manifest("models: [{tag: abs}]\n")))
    assert [(f.location.line, f.location.column) for f in found] == places
    assert said in found[0].message


_TOLERANCES = ("tolerance.atol", "tolerance.relative-atol")


@given(st.lists(st.lists(st.sampled_from(_TOLERANCES), max_size=1), max_size=5))
def test_of_the_two_tolerances_the_last_layer_decides(layers: list[list[str]]) -> None:
    made = [Layer("x", {key: (Traced(0.1, BUILT_IN, "x"),) for key in keys}, {}) for keys in layers]
    left = [key for key in merge({}, made, "cpu") if key in _TOLERANCES]
    assert left == [key for keys in layers for key in keys][-1:]


_WORD = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=8)


@given(
    st.lists(_WORD, min_size=1, max_size=3).map("/".join),
    st.sampled_from(ModelPath),
    st.sampled_from(Lowering),
    st.sampled_from(Mode),
)
def test_a_key_says_which_case_it_is(model: str, path: ModelPath, lowering: Lowering, mode: Mode) -> None:
    from results.plan import split_key  # noqa: PLC0415 - the other end of the key

    parts = split_key(case_key(model, path, lowering, mode))
    assert (parts.model, parts.path, parts.lowering, parts.mode) == (model, path, lowering, mode)


def test_faces_are_those_that_model_files_import() -> None:
    import suites  # noqa: PLC0415

    assert set(FACES) <= set(suites.__all__)
    for face in FACES.values():
        assert face.paths
        assert set(face.tolerance) <= face.literals


def test_the_defaults_of_the_face_are_those_of_its_class() -> None:
    """Read from the text: this must hold where there is no torch."""
    text = (REPOSITORY / "suites" / "models" / "torch_tester.py").read_text("utf-8")
    for name, value in FACES["ModelTester"].tolerance.items():
        assert f"{name}: ClassVar[float | None] = {value}\n" in text


def test_loading_torch_models_loads_no_framework(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: torch/*}]\n"))
    put(root, "models/torch/net.py", NEVER_RUN)
    code = (
        "import sys, pathlib\nfrom suites import workspace\n"
        f"assert workspace.load(pathlib.Path({str(root)!r})).suites[0].cases\n"
        "print([name for name in ('torch', 'onnx', 'numpy', 'iree', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]"


def test_what_is_expected_of_a_case_never_changes_the_others(tmp_path: Path) -> None:
    """A train entry beside an eval entry leaves the eval case as it was."""
    alone = folder(tmp_path / "a", mine=manifest("models: [{name: torch/net/*}]\n"))
    both = folder(tmp_path / "b", mine=manifest("models: [{name: torch/net/*}, {name: torch/net/*, mode: train}]\n"))
    for root in (alone, both):
        put(root, "models/torch/net.py", NEVER_RUN)
    first, second = cases(alone), cases(both)
    assert len(second) == 2 * len(first)
    assert all(msgspec.structs.asdict(second[key]) == msgspec.structs.asdict(case) for key, case in first.items())
