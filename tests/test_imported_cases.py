"""Imported cases among the others: digests, names, the runner's selection by markers, onnx_models, odd entries."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from schemas.case import Case
from schemas.codec import decode, encode
from schemas.errors import ManifestError
from schemas.matrix import cases_digest
from schemas.words import Outcome, Path, SkipReason, SourceKind, Stage
from tests.imported_support.suite import CPU_FLAGS, DOUBLE, ROOT, Folder, entry
from tests.stages_support.cases import a_case

TEST = {
    "type": "quality",
    "markers": ["cpu"],
    "modules": ["modules/m"],
    "weights": [{"type": "random", "scope": "model", "module": "modules/m", "seed": 1}],
    "inputs": [{"value": "4xf32=1"}],
    "run_args": ["--device=local-task"],
}


def suite(root: pathlib.Path, **settings: str) -> Folder:
    made = Folder(root, entry("../theirs", "torch-models", **settings))
    for name, content in {
        "m.mlir": DOUBLE,
        "modules/m.json": {"mlir": "m.mlir", "compiler_flags": list(CPU_FLAGS)},
        "a/one.json": TEST,
        "two.json": TEST | {"markers": ["slow"]},
    }.items():
        made.write(f"../theirs/{name}", content)
    return made


def test_a_digest_is_the_same_on_every_machine_and_covers_the_definition(tmp_path: pathlib.Path) -> None:
    made, other = suite(tmp_path / "a"), suite(tmp_path / "deep" / "b")
    first = cases_digest(tuple(made.cases().values()))
    assert cases_digest(tuple(other.cases().values())) == first
    assert str(tmp_path).encode() not in b"".join(encode(case) for case in made.cases().values())
    other.write("../theirs/modules/m.json", {"mlir": "m.mlir", "compiler_flags": [*CPU_FLAGS, "--iree-opt-level=O2"]})
    assert cases_digest(tuple(other.cases().values())) != first


def test_other_cases_are_encoded_as_ever() -> None:
    assert b"imported" not in encode(a_case())
    assert decode(encode(a_case()), Case) == a_case()


def test_a_case_survives_its_journey(tmp_path: pathlib.Path) -> None:
    for case in suite(tmp_path).cases().values():
        assert decode(encode(case), Case) == case
        assert case.path is Path.DIRECT
        assert case.source.kind is SourceKind.IMPORTED


def test_names_settings_and_exclusions(tmp_path: pathlib.Path) -> None:
    more = entry("../theirs", "torch-models", name="mine", timeout="7m", compile_flags="[--iree-opt-level=O1]")
    made = suite(tmp_path, exclude='["torch-models/a/*"]', tags="[nightly]")
    text = (made.suites / "theirs.yaml").read_text()
    (made.suites / "theirs.yaml").write_text(text + more)
    cases = made.cases()
    assert sorted(cases) == ["mine/a/one", "mine/two", "torch-models/two"]
    assert cases["mine/two"].timeout == 420
    assert cases["mine/two"].compile_flags == ("--iree-opt-level=O1",)
    assert cases["torch-models/two"].compile_flags == ()  # the target's own flags are not a definition's
    assert "nightly" in cases["torch-models/two"].tags


def collected(made: Folder, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "runner", "torch-models/*", "--target", "cpu", "--collect-only", *options]
    argv += ["--suites", str(made.suites), "--root", str(made.root)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_runner_chooses_by_markers(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    found = collected(made, "-m", "quality and not cpu")
    assert found.returncode == 0, found.stderr
    assert [line for line in found.stdout.splitlines() if "torch-models" in line] == [
        "theirs/cpu/torch-models/two@direct"
    ]
    none = collected(made, "-m", "cpu and slow")
    assert (none.returncode, "matches no case" in none.stderr) == (2, True)
    broken = collected(made, "-m", "cpu and")
    assert (broken.returncode, "a marker is meant at the end" in broken.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  - directory: ../theirs\n", "nothing says which format"),
        ("  - directory: ../nowhere\n    format: sharktank\n", "there is no folder '../nowhere'"),
        ("  - directory: ../theirs\n    format: onnx-ops\n", "none is named"),
        ("  - directory: ../theirs\n    format: onnx-ops\n    config: ./x.json\n", "there is no file './x.json'"),
        ("  - directory: ../theirs\n    format: torch-models\n    config: ./x.json\n", "has no configuration file"),
        ("  - directory: ../theirs\n    format: torch-model\n", "did you mean torch-models"),
        ("  - directory: ../theirs\n    format: torch-models\n    markers: cpu or\n", "markers: a marker is meant"),
        ("  - directory: ../theirs\n    format: torch-models\n    markers: gpu\n", "takes none of the 2 definitions"),
        ("  - name: onnx/node/test_abs\n    format: torch-models\n", "`format` belongs to `directory:`"),
        ("  - directory: ../theirs/modules\n    format: torch-models\n", "holds no test of the format"),
    ],
)
def test_odd_entries(tmp_path: pathlib.Path, text: str, said: str) -> None:
    made = suite(tmp_path)
    head = (made.suites / "theirs.yaml").read_text().partition("models:\n")[0]
    (made.suites / "theirs.yaml").write_text(f"{head}models:\n{text}")
    with pytest.raises(ManifestError) as raised:
        made.cases()
    assert said in str(raised.value)
    assert "theirs.yaml:" in str(raised.value)


def outcomes(root: pathlib.Path, config: dict[str, Any]) -> Folder:
    made = Folder(root, entry("zoo", "onnx-models", config="zoo.json"))
    made.write("zoo.json", {"config_name": "c", "iree_compile_flags": list(CPU_FLAGS)} | config)
    values = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [next(values)], [next(values)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for name in ("validated/vision/mine/abs.onnx", "other.onnx"):
        made.write(f"zoo/{name}", onnx.load_from_string(model.SerializeToString()).SerializeToString())
    return made


ZOO = "tests/model_zoo/validated/vision/mine_models_test.py::test_models"


def test_the_outcomes_of_models(tmp_path: pathlib.Path) -> None:
    named = {
        "default": "fail-run",
        f"{ZOO}[abs.onnx]": "pass",
        f"{ZOO}[lost.onnx]": "fail-import",
        "https://example.org/far.onnx": "fail-compile",
        "skipped.onnx": "skip",
    }
    made = outcomes(tmp_path, {"iree_run_module_flags": ["--device=local-task"], "tests_and_expected_outcomes": named})
    cases = {name.removeprefix("onnx-models/"): case for name, case in made.cases().items()}
    assert sorted(cases) == [
        "example.org/far",
        "other",
        "skipped",
        "validated/vision/mine/abs",
        "validated/vision/mine/lost",
    ]
    mine = cases["validated/vision/mine/abs"]
    assert (mine.source.kind, mine.source.locator) == (SourceKind.ONNX_FILE, "zoo/validated/vision/mine/abs.onnx")
    assert (mine.path, mine.expectation, mine.compile_flags) == (Path.ONNX, None, CPU_FLAGS)
    assert mine.run_flags == ("--device=local-task",)
    assert cases["validated/vision/mine/lost"].source.locator.startswith("hf://")
    stages = {name: case.expectation.anyhow for name, case in cases.items() if case.expectation}
    assert stages == {
        "example.org/far": (Stage.COMPILATION,),
        "other": (Stage.COMPILED_INFERENCE, Stage.COMPARISON),
        "validated/vision/mine/lost": (Stage.SETUP, Stage.IMPORT_MODEL),
    }
    skip = cases["skipped"].skip
    assert skip is not None
    assert skip.reason is SkipReason.MANIFEST


@pytest.mark.slow
def test_models_with_outcomes_run(tmp_path: pathlib.Path) -> None:
    outcome = {"default": "fail-run", f"{ZOO}[abs.onnx]": "pass"}
    made = outcomes(tmp_path, {"iree_run_module_flags": [], "tests_and_expected_outcomes": outcome})
    records = {name.rpartition("/")[2]: each.outcome for name, each in made.run(code=1).items()}
    assert records == {"abs": Outcome.PASS, "other": Outcome.XPASS}


@pytest.mark.slow
def test_a_kept_bundle_goes_on(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    wrong = TEST | {"weights": [], "expected_outputs": [{"value": "4xf32=7"}]}
    made.write("../theirs/two.json", wrong)
    record = made.run("torch-models/two", code=1)["torch-models/two"]
    assert (record.outcome, bool(record.bundle)) == (Outcome.FAIL, True)
    bundle = made.root / "out" / "theirs" / "cpu" / "selected" / record.bundle
    argv = [sys.executable, "-m", "runner", str(bundle), "--from", "compiled_inference", "--no-rerun"]
    argv += ["--suites", str(made.suites), "--out", str(made.root / "again")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "FAIL" in done.stdout
    assert "does not match the expected" in done.stdout + done.stderr
    state = json.loads((bundle / "bundle.json").read_text())["state"]
    assert state["compiled"]


@pytest.mark.slow
def test_a_definition_runs_before_any_manifest_names_it(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    head = (made.suites / "theirs.yaml").read_text().partition("models:\n")[0]
    (made.suites / "theirs.yaml").write_text(f"{head}models: []\n")
    made.write("../theirs/deep/down/ours.json", TEST | {"weights": []})
    file = tmp_path / "theirs" / "deep" / "down" / "ours.json"
    argv = [sys.executable, "-m", "runner", "--target", "cpu", "--suites", str(made.suites), "--no-rerun"]
    argv += ["--out", str(made.root / "out"), "--keep", "none"]
    done = subprocess.run([*argv, str(file)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 cases: 1 PASS" in done.stdout
    (record,) = json.loads((made.root / "out" / "adhoc" / "cpu" / "selected" / "results.json").read_text())["records"]
    assert record["model"] == "torch-models/ours"
    assert str(file) in str((ROOT / record["reproduce"].split()[3]).resolve())
    for name, said in (
        (tmp_path / "theirs" / "modules", "no definition of the format"),
        ("nowhere.json", "no model or case"),
    ):
        done = subprocess.run([*argv, str(name)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    done = subprocess.run([*argv, str(file), "--path", "onnx"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "is run as it is" in done.stderr) == (2, True), done.stderr
