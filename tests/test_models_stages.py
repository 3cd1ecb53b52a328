"""Hooks of an OnnxModelTester run in their own stages, draw the same numbers every time, and fail at their stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from runner.frontends.hooks import CONSTANT
from runner.frontends.python_class import load_tester
from runner.protocol import Job
from runner.stages.plan import WHOLE
from schemas.case import Source, Tolerance
from schemas.words import SourceKind, Stage, StageStatus
from suites.models.onnx_tester import OnnxModelTester
from tests.models_support import GOOD, HEAD, put
from tests.stages_support.cases import a_case, a_job, error_of, run

NATIVE = (Stage.SETUP, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE, Stage.POSTPROCESSING)


def job_of(folder: Path, text: str, name: str = "Good", **settings: Any) -> Job:
    file = put(folder, "mine.py", text)
    case = a_case(
        source=Source(SourceKind.PYTHON, f"mine.py:{name}"), seed=settings.pop("seed", 0), tolerance=Tolerance()
    )
    return a_job(folder, file, case, **settings)


def good(addition: str) -> str:
    """The good model with more in its class."""
    return GOOD + "\n" + "\n".join(f"    {line}" for line in addition.splitlines()) + "\n"


def made_from(folder: Path, text: str, name: str = "Good", seed: int = 0) -> OnnxModelTester:
    job = job_of(folder, text, name, seed=seed)
    tester = load_tester(Path(job.source), job.case, Path(job.folder))
    assert isinstance(tester, OnnxModelTester)
    tester.prepare()
    return tester


def test_a_model_of_code_passes_all_stages(tmp_path: Path) -> None:
    job = job_of(tmp_path, GOOD)
    events, stages, last = run(job)
    assert error_of(events) == ""
    assert {result.status for result in stages.values()} == {StageStatus.PASS}
    assert list(stages) == list(WHOLE)
    (comparison,) = last.comparisons
    assert (comparison.shape, comparison.total) == ((4, 6), 24)
    assert "golden: forward" in last.notes
    assert not list(tmp_path.rglob("__pycache__")), "nothing is written beside the model"


BROKEN = [
    ("the file", GOOD + "\nraise RuntimeError('broken 17')\n", Stage.SETUP),
    ("construction", good("def __init__(self, **rest):\n    raise RuntimeError('broken 17')"), Stage.SETUP),
    ("load_model", good("def load_model(self):\n    raise RuntimeError('broken 17')"), Stage.SETUP),
    ("load_inputs", good("def load_inputs(self):\n    raise RuntimeError('broken 17')"), Stage.CONSTRUCT_INPUTS),
    ("forward", good("def forward(self, inputs):\n    raise RuntimeError('broken 17')"), Stage.NATIVE_INFERENCE),
    ("extract", good("def extract_outputs(self, outputs):\n    raise RuntimeError('broken 17')"), Stage.POSTPROCESSING),
    ("postprocess", good("def postprocess(self, outputs):\n    raise RuntimeError('broken 17')"), Stage.POSTPROCESSING),
]


@pytest.mark.parametrize(("text", "stage"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_an_exception_of_a_hook_fails_at_its_stage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, stage: Stage
) -> None:
    events, stages, _ = run(job_of(tmp_path, text, stages=NATIVE))
    assert list(stages)[-1] is stage
    assert stages[stage].status is StageStatus.FAIL
    assert error_of(events) == "RuntimeError: broken N"
    said = capfd.readouterr().err  # in a process of its own it goes to the stage's log
    assert "Traceback" in said
    assert "mine.py" in said


WRONG = [
    ("abstract", HEAD + "class Good(OnnxModelTester): pass\n", Stage.SETUP, "abstract"),
    ("another class", HEAD + "class Good: pass\n", Stage.SETUP, "is no tester"),
    ("no model", good("def load_model(self):\n    return 3"), Stage.SETUP, "load_model returned a int"),
    ("invalid", good("def load_model(self):\n    return helper.make_model(helper.make_graph([], '', [], []))"),
     Stage.SETUP, "ValidationError"),
    ("dtype", good("def load_inputs(self):\n    return np.zeros((4, 8))"), Stage.CONSTRUCT_INPUTS, "x is float64"),
    ("shape", good("def load_inputs(self):\n    return np.zeros((8, 4), np.float32)"), Stage.CONSTRUCT_INPUTS,
     "x has shape"),
    ("names", good("def load_inputs(self):\n    return {'y': np.zeros((4, 8), np.float32)}"), Stage.CONSTRUCT_INPUTS,
     "load_inputs returned y"),
    ("count", good("def load_inputs(self):\n    return ()"), Stage.CONSTRUCT_INPUTS, "returned N values"),
    ("dimension", good("dim_values = {'batch': 2}"), Stage.CONSTRUCT_INPUTS, "no input or dimension is called batch"),
    ("objects", good("def forward(self, inputs):\n    return ['a']"), Stage.NATIVE_INFERENCE, "numeric arrays"),
    ("constant", good("def load_inputs(self):\n    return np.zeros((4, 8), np.float32)"), Stage.POSTPROCESSING,
     CONSTANT),
    ("not finite", good("def postprocess(self, outputs):\n    return [v * np.nan for v in outputs.values()]"),
     Stage.POSTPROCESSING, CONSTANT),
]  # fmt: skip


@pytest.mark.parametrize(("text", "stage", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_a_hook_returns_is_checked(tmp_path: Path, text: str, stage: Stage, said: str) -> None:
    events, stages, _ = run(job_of(tmp_path, text, stages=NATIVE))
    assert list(stages)[-1] is stage
    assert stages[stage].status is StageStatus.FAIL
    assert said in error_of(events)


def test_a_constant_output_may_be_meant(tmp_path: Path) -> None:
    text = good("outputs_vary = False\ndef load_inputs(self):\n    return np.zeros((4, 8), np.float32)")
    events, _, _ = run(job_of(tmp_path, text, stages=NATIVE))
    assert error_of(events) == ""


def test_hooks_see_both_sides_and_may_change_their_number(tmp_path: Path) -> None:
    text = good(
        "save_outputs = True\n"
        "def extract_outputs(self, outputs):\n    return outputs['relu_1']\n"
        "def postprocess(self, outputs):\n    return {'best': outputs['0'].argmax(1), 'sum': outputs['0'].sum(1)}"
    )
    job = job_of(tmp_path, text)
    events, _, last = run(job)
    assert error_of(events) == ""
    assert [(each.output, each.dtype, each.shape) for each in last.comparisons] == [
        ("best", "int64", (4,)),
        ("sum", "float32", (4,)),
    ]
    saved = Path(job.logs) / "outputs"
    assert sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*.npy")) == [
        "compiled/best.npy",
        "compiled/sum.npy",
        "golden/best.npy",
        "golden/sum.npy",
    ]
    assert np.load(saved / "golden/sum.npy").shape == (4,)


def test_the_same_seed_gives_the_same_model_and_inputs(tmp_path: Path) -> None:
    def numbers(folder: str, seed: int) -> tuple[bytes, bytes]:
        tester = made_from(tmp_path / folder, GOOD, seed=seed)
        (weight,) = tester.graph().initializer
        tester.seed_for("load_inputs")
        return numpy_helper.to_array(weight).tobytes(), tester.load_inputs()["x"].tobytes()

    first, again, other = numbers("a", 3), numbers("b", 3), numbers("c", 4)
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_weights_and_inputs_draw_different_numbers(tmp_path: Path) -> None:
    tester = made_from(tmp_path, GOOD)
    tester.seed_for("load_model")
    weights = tester.rng.standard_normal(8)
    tester.seed_for("load_inputs")
    inputs = tester.rng.standard_normal(8)
    assert not np.intersect1d(weights, inputs).size


DYNAMIC = (
    HEAD
    + '''
class Dynamic(OnnxModelTester):
    """Any number of rows."""

    dim_values = {"rows": 5}
    input_shapes = {"b": (5, 2)}

    def load_model(self):
        graph = Graph(self.rng)
        a, b = graph.input("a", ["rows", 3]), graph.input("b", ["rows", "columns"])
        return graph.model({graph.add("Concat", a, b, axis=1): ["rows", "all"]})
'''
)


def test_dynamic_dimensions_and_shapes_by_name(tmp_path: Path) -> None:
    job = job_of(tmp_path, DYNAMIC, "Dynamic")
    events, _, last = run(job)
    assert error_of(events) == ""
    assert last.comparisons[0].shape == (5, 5)
    (module,) = Path(job.folder).glob("model.mlir")
    assert "[?,3]" in module.read_text("utf-8"), "the module itself stays dynamic"


def test_the_opset_is_updated_before_anything_reads_the_model(tmp_path: Path) -> None:
    older = (
        "opset_version = 20\n"
        "def load_model(self):\n"
        "    model = super().load_model()\n"
        "    model.opset_import[0].version = 13\n"
        "    return model"
    )
    text = good(older).replace("    opset", "\nclass Newer(Good):\n    opset", 1)
    tester = made_from(tmp_path, text, "Newer")
    assert onnx.load(tester.model_file).opset_import[0].version == 20


def test_session_options_reach_onnx_runtime(tmp_path: Path) -> None:
    text = good(
        "def configure_session(self, options):\n"
        "    options.optimized_model_filepath = str(self.folder / 'optimized.onnx')"
    )
    job = job_of(tmp_path, text, stages=NATIVE)
    events, _, _ = run(job)
    assert error_of(events) == ""
    assert (Path(job.folder) / "optimized.onnx").is_file()


def test_a_path_is_a_model_too(tmp_path: Path) -> None:
    made = made_from(tmp_path / "first", GOOD).model_file
    text = HEAD + f"class Good(OnnxModelTester):\n    def load_model(self):\n        return {str(made)!r}\n"
    assert made_from(tmp_path / "second", text).model_file == made


def test_an_unknown_variant_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no variant 'tiny'"):
        made_from(tmp_path, GOOD, "Good[tiny]")
