"""A PyTorch model passes all stages whatever it takes, returns and changes; what is wrong is told at its stage."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from runner.frontends.hooks import CONSTANT
from runner.stages.plan import WHOLE
from runner.tensors import ELEMENT_TYPES
from schemas.case import Tolerance
from schemas.record import CastInput
from schemas.target import InputCast
from schemas.words import Lowering, Stage, StageStatus
from tests.stages_support.cases import CPU, error_of, run
from tests.torch_support import IMPORT, NATIVE, NEEDS_TORCH, job_of, model

pytestmark = [NEEDS_TORCH, pytest.mark.slow]

LINEAR = "self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 3)"
GOOD = model("def forward(self, x):\n    return self.b(self.a(x).relu())", "torch.randn(2, 4)", init=LINEAR)


def good(more: str) -> str:
    """The good model with more in its tester."""
    return GOOD + "\n".join(f"    {line}" for line in more.splitlines()) + "\n"


@pytest.mark.parametrize("lowering", Lowering)
def test_a_model_passes_all_stages_in_every_lowering(tmp_path: Path, lowering: Lowering) -> None:
    job = job_of(tmp_path, GOOD, lowering=lowering)
    events, stages, last = run(job)
    assert error_of(events) == ""
    assert list(stages) == list(WHOLE)
    assert {result.status for result in stages.values()} == {StageStatus.PASS}
    (comparison,) = last.comparisons
    assert (comparison.output, comparison.shape, comparison.total) == ("output", (2, 3), 6)
    assert last.notes == ("inputs: load_inputs, seed 0", "golden: forward")
    assert "graphs" not in last.metrics
    assert (Path(job.folder) / "main.mlirbc").is_file()
    assert not list(tmp_path.rglob("__pycache__")), "nothing is written beside the model"


def outputs(folder: Path, text: str, **settings: object) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Names, types and shapes of what was compared, all passed."""
    events, _, last = run(job_of(folder, text, **settings))
    assert error_of(events) == ""
    assert all(each.passed for each in last.comparisons)
    return {each.output: (each.dtype, each.shape) for each in last.comparisons}


#: Types that PyTorch has operators for and the compiler's CPU backend takes, with an operator that keeps them.
FLOATS = ("float16", "bfloat16", "float32")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_every_type_of_numbers_arrives_as_it_is(tmp_path: Path, dtype: str) -> None:
    text = model("def forward(self, x):\n    return x + x, x[0, 1]", f"torch.arange(6).reshape(2, 3).to(torch.{dtype})")
    assert outputs(tmp_path, text) == {"0": (dtype, (2, 3)), "1": (dtype, ())}


def test_double_precision_is_kept_where_the_compiler_is_told_so(tmp_path: Path) -> None:
    text = model("def forward(self, x):\n    return x * 1.5", "torch.randn(2, 3, dtype=torch.float64)")
    flags = ("--iree-llvmcpu-target-cpu=host", "--iree-input-demote-f64-to-f32=false")
    assert outputs(tmp_path, text, compile_flags=flags) == {"output": ("float64", (2, 3))}


def test_booleans_and_comparisons(tmp_path: Path) -> None:
    text = model(
        "def forward(self, x, keep):\n    return torch.where(keep, x, -x), x > 0",
        "{'keep': torch.tensor([True, False, True]), 'x': torch.randn(2, 3)}",
    )
    assert outputs(tmp_path, text) == {"0": ("float32", (2, 3)), "1": ("bool", (2, 3))}


def test_values_keep_every_bit_in_both_directions() -> None:
    import torch  # noqa: PLC0415 - absent without the extra

    from runner.frontends.torch_values import DTYPES, to_array, to_tensor  # noqa: PLC0415

    assert {"bool", "complex64", "bfloat16", "float8_e4m3fn", "float8_e8m0fnu", "uint64"} <= DTYPES.keys()
    for name, dtype in DTYPES.items():
        raw = torch.arange(32, dtype=torch.uint8).reshape(2, 16)
        tensor = (raw % 2 == 0) if dtype is torch.bool else raw.view(dtype)
        array = to_array(tensor)
        assert array.dtype == ELEMENT_TYPES[name].dtype
        assert array.tobytes() == bytes(tensor.contiguous().view(torch.uint8).numpy()), name
        again = to_tensor(array)
        assert (again.dtype, again.shape) == (tensor.dtype, tensor.shape)
        assert bytes(again.view(torch.uint8).numpy()) == array.tobytes()
    assert to_array(torch.tensor(3.5)).shape == ()
    assert to_array(torch.zeros(0, 2)).shape == (0, 2)
    assert to_array(torch.ones(2, dtype=torch.complex64).conj() * 1j).tolist() == [1j, 1j]
    transposed = torch.arange(6).reshape(2, 3).T
    assert to_array(transposed).tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(TypeError, match="no dense array"):
        to_array(torch.eye(2).to_sparse())
    with pytest.raises(TypeError, match="no tensors of"):
        to_tensor(np.zeros(1, dtype=ELEMENT_TYPES["int4"].dtype))


NEST = """\
def forward(self, x, options=None, *, mask):
    y = x * options['scale'][0] if options else x
    return {
        'logits': y + mask,
        'hidden': (y * 2, None, [y * 3]),
        'count': 7,
        'inner': Inner(y - mask, 'a text', None),
    }
"""
INNER = """
@dataclasses.dataclass
class Inner:
    mean: torch.Tensor
    kind: str
    nothing: object
"""


def test_nests_are_flattened_with_names_and_put_back(tmp_path: Path) -> None:
    check = (
        "def extract_outputs(self, outputs):\n"
        "    assert outputs['inner'].kind == 'a text' and outputs['hidden'][1] is None and outputs['count'] == 7\n"
        "    assert type(outputs['hidden']) is tuple and type(outputs['hidden'][2]) is list\n"
        "    return outputs\n"
    )
    inputs = "{'mask': torch.randn(3), 'options': {'scale': [torch.tensor(2.5), 'note']}, 'x': torch.randn(2, 3)}"
    text = model(NEST, inputs, more=check).replace("class Net", INNER + "\n\nclass Net")
    f32 = ("float32", (2, 3))
    names = ("logits", "hidden.0", "hidden.2.0", "inner.mean")
    assert outputs(tmp_path, text) == dict.fromkeys(names, f32)


def test_a_key_value_cache_has_names_and_comes_back_as_a_cache(tmp_path: Path) -> None:
    cache = """
class TinyCache:
    def __init__(self):
        self.layers = []
        self.seen = 3
class CacheLayerMixin:
    def __init__(self, keys, values):
        self.keys, self.values = keys, values
"""
    forward = (
        "def forward(self, x, past):\n"
        "    new = TinyCache()\n"
        "    new.layers = [CacheLayerMixin(torch.cat([each.keys, x]), torch.cat([each.values, x * 2]))"
        " for each in past.layers]\n"
        "    return {'logits': sum(each.keys.sum(0) for each in new.layers), 'past_key_values': new}"
    )
    more = (
        "def extract_outputs(self, outputs):\n"
        "    assert type(outputs['past_key_values']).__name__ == 'TinyCache' and outputs['past_key_values'].seen == 3\n"
        "    return outputs\n"
    )
    inputs = "(torch.randn(1, 4), self.past())"
    past = (
        "def past(self):\n"
        "    made = TinyCache()\n"
        "    made.layers = [CacheLayerMixin(torch.randn(2, 4), torch.randn(2, 4)) for _ in range(2)]\n"
        "    return made\n"
    )
    text = model(forward, inputs, more=more + past).replace("class Net", cache + "\n\nclass Net")
    assert outputs(tmp_path, text) == {
        "logits": ("float32", (4,)),
        **{f"past_key_values.{layer}.{kind}": ("float32", (3, 4)) for layer in range(2) for kind in ("key", "value")},
    }


def test_names_of_inputs_come_from_the_signature(tmp_path: Path) -> None:
    text = model(
        "def forward(self, x, pair, *rest, flag=True):\n    return x + pair[0] + pair[1] + rest[0]",
        "(torch.randn(2), (torch.randn(2), torch.randn(2)), torch.randn(2))",
    )
    target = msgspec.structs.replace(CPU, input_casts=(InputCast("float32", "float16"),))
    _, _, last = run(job_of(tmp_path, text, target=target, stages=NATIVE))
    assert [each.input for each in last.casts] == ["x", "pair.0", "pair.1", "2"]


def test_attention_over_several_sequences_may_be_viewed_flat(tmp_path: Path) -> None:
    """The decomposed operator lays its result out otherwise than the fused one."""
    forward = (
        "def forward(self, x):\n"
        "    q, k, v = (each.view(2, 8, 4, 16).transpose(1, 2) for each in (x, x + 1, x * 2))\n"
        "    y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)\n"
        "    return y.transpose(1, 2).reshape(2, 8, 64).view(-1, 64)"
    )
    assert outputs(tmp_path, model(forward, "torch.randn(2, 8, 64)")) == {"output": ("float32", (16, 64))}


def test_unused_repeated_and_constant_inputs(tmp_path: Path) -> None:
    text = model(
        "def forward(self, x, same, unused, view, number, flag, name, none):\n"
        "    return (x + same * number) * (2.0 if flag and name == 'a' and none is None else 3.0) + view",
        "[x := torch.randn(2, 3), x, torch.randn(5), x[0], 3, True, 'a', None]",
    )
    job = job_of(tmp_path, text)
    events, _, last = run(job)
    assert error_of(events) == ""
    assert last.comparisons[0].passed
    assert len(list(Path(job.folder).glob("input_*.npy"))) == 4


MUTATIONS = {
    "a buffer": ("self.n += 1\nreturn x * self.n", "self.register_buffer('n', torch.ones(3))"),
    "a returned buffer": ("self.n += x\nreturn self.n, x * self.n", "self.register_buffer('n', torch.ones(3))"),
    "a replaced buffer": ("self.n = self.n + x\nreturn x * self.n", "self.register_buffer('n', torch.ones(3))"),
    "an input": ("x.add_(1)\nreturn x * 2", "pass"),
    "a returned input": ("x.mul_(3)\nreturn x, x + 1", "pass"),
    "a part of an input": ("x[1:] = 0.5\nreturn x.sum() + x", "pass"),
    "a passing buffer": ("return x + self.n", "self.register_buffer('n', torch.tensor([1., 2, 3]), persistent=False)"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_what_a_model_changes_is_no_output(tmp_path: Path, what: str) -> None:
    body, init = MUTATIONS[what]
    forward = "def forward(self, x):\n" + "\n".join(f"    {line}" for line in body.splitlines())
    found = outputs(tmp_path, model(forward, "torch.randn(3)", init=init))
    assert list(found) == (["0", "1"] if "returned" in what else ["output"])


def test_a_static_cache_of_the_model_itself(tmp_path: Path) -> None:
    forward = "def forward(self, x, at):\n    self.keys.index_copy_(0, at, x)\n    return (x @ self.keys.T).softmax(-1)"
    init = "self.register_buffer('keys', torch.zeros(6, 4))"
    text = model(forward, "(torch.randn(2, 4), torch.tensor([1, 2]))", init=init)
    assert outputs(tmp_path, text) == {"output": ("float32", (2, 6))}


CAST = (InputCast("int64", "int32"), InputCast("float64", "float32"))


def test_the_golden_sees_cast_inputs_where_the_model_runs_on_them(tmp_path: Path) -> None:
    text = model(
        "def forward(self, ids, x):\n    return self.e(ids) * x",
        "(torch.randint(0, 9, (4,)), torch.randn(4, 1))",
        init="self.e = nn.Embedding(9, 5)",
    )
    job = job_of(tmp_path, text, target=msgspec.structs.replace(CPU, input_casts=CAST))
    events, _, last = run(job)
    assert error_of(events) == ""
    assert last.casts == (CastInput(input="ids", given="int64", cast="int32", golden=True),)
    assert np.load(Path(job.folder) / "input_0.npy").dtype == np.int32
    assert not [note for note in last.notes if "cast" in note]


def test_the_golden_sees_its_own_inputs_where_the_model_does_not_run_on_cast_ones(tmp_path: Path) -> None:
    forward = "def forward(self, x):\n    return self.a(x)"
    text = model(forward, "torch.randn(2, 4, dtype=torch.float64)", init="self.a = nn.Linear(4, 3).double()")
    flags = ("--iree-llvmcpu-target-cpu=host", "--iree-input-demote-f64-to-f32=false")
    target = msgspec.structs.replace(CPU, input_casts=CAST)
    job = job_of(tmp_path, text, target=target, compile_flags=flags, tolerance=Tolerance(atol=1e-5))
    events, _, last = run(job)
    assert error_of(events) == ""
    assert last.casts == (CastInput(input="x", given="float64", cast="float32", golden=False),)
    assert np.load(Path(job.folder) / "input_0.npy").dtype == np.float32
    assert last.comparisons[0].dtype == "float64"
    assert last.comparisons[0].max_abs > 1e-10, "the golden would not differ so much had it seen the cast inputs"
    (note,) = [note for note in last.notes if "cast" in note]
    assert "does not run on cast inputs: RuntimeError" in note


def test_a_cast_to_an_unknown_type_is_told(tmp_path: Path) -> None:
    target = msgspec.structs.replace(CPU, input_casts=(InputCast("float32", "float33"),))
    events, stages, _ = run(job_of(tmp_path, GOOD, target=target))
    assert list(stages) == [Stage.SETUP]
    assert "PyTorch has no type float33" in error_of(events)


def test_hooks_see_the_nest_and_then_tensors_by_name(tmp_path: Path) -> None:
    text = good(
        "save_outputs = True\n"
        "def extract_outputs(self, outputs):\n    return {'scores': outputs, 'first': outputs[0]}\n"
        "def postprocess(self, outputs):\n"
        "    return {'order': outputs['scores'].argsort(1), 'sum': float(outputs['first'].sum() * 0 + 2)}"
    )
    job = job_of(tmp_path, text)
    events, _, last = run(job)
    assert error_of(events) == ""
    assert [(each.output, each.dtype, each.shape) for each in last.comparisons] == [
        ("order", "int64", (2, 3)),
        ("sum", "float64", ()),
    ]
    saved = Path(job.logs) / "outputs"
    assert sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*.npy")) == [
        f"{side}/{name}.npy" for side in ("compiled", "golden") for name in ("order", "sum")
    ]


def test_a_wrong_count_of_outputs_is_left_to_the_comparison(tmp_path: Path) -> None:
    """A tester's own forward returns more than the model: the golden decides."""
    text = good("def forward(self, inputs):\n    made = super().forward(inputs)\n    return made, made + 1")
    events, stages, last = run(job_of(tmp_path, text))
    assert list(stages) == list(WHOLE)
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert [each.passed for each in last.comparisons] == [False, False] or not last.comparisons[-1].passed
    assert error_of(events) != ""


WRONG = [
    ("the file", GOOD + "\nraise RuntimeError('broken 17')\n", Stage.SETUP, "RuntimeError: broken"),
    ("no module", good("def load_model(self):\n    return 3"), Stage.SETUP, "load_model returned a int"),
    ("inputs", good("def load_inputs(self):\n    raise RuntimeError('broken')"), Stage.SETUP, "RuntimeError: broken"),
    ("an odd type", good("def load_inputs(self):\n    return torch.zeros(2, dtype=torch.quint8)"), Stage.SETUP, ""),
    ("forward", good("def forward(self, inputs):\n    raise RuntimeError('broken')"), Stage.NATIVE_INFERENCE, "broken"),
    ("nothing", good("def forward(self, inputs):\n    return None, 3"), Stage.NATIVE_INFERENCE, "without a tensor"),
    ("sparse", good("def forward(self, inputs):\n    return torch.eye(2).to_sparse()"), Stage.NATIVE_INFERENCE,
     "no dense array"),
    ("constant", good("def postprocess(self, outputs):\n    return outputs['output'] * 0"),
     Stage.POSTPROCESSING, CONSTANT),
    ("not finite", good("def postprocess(self, outputs):\n    return outputs['output'] * float('nan')"),
     Stage.POSTPROCESSING, CONSTANT),
    ("extract", good("def extract_outputs(self, outputs):\n    return outputs['logits']"), Stage.POSTPROCESSING, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "stage", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_at_its_stage(tmp_path: Path, text: str, stage: Stage, said: str) -> None:
    events, stages, _ = run(job_of(tmp_path, text, stages=NATIVE))
    assert list(stages)[-1] is stage
    assert stages[stage].status is StageStatus.FAIL
    assert error_of(events)
    assert said in error_of(events)


def test_a_constant_output_may_be_meant(tmp_path: Path) -> None:
    text = good("outputs_vary = False\ndef postprocess(self, outputs):\n    return outputs['output'] * 0")
    events, _, _ = run(job_of(tmp_path, text, stages=NATIVE))
    assert error_of(events) == ""


def test_stored_inputs_are_not_for_models_of_code(tmp_path: Path) -> None:
    job = msgspec.structs.replace(job_of(tmp_path, GOOD, stages=NATIVE), load_inputs=True)
    events, stages, _ = run(job)
    assert stages[Stage.SETUP].status is StageStatus.INFRA
    assert "makes its own inputs" in error_of(events)


def test_an_operator_without_a_lowering_fails_where_it_is_lowered(tmp_path: Path) -> None:
    text = model("def forward(self, x):\n    return torch.linalg.svd(x).S", "torch.randn(3, 3)")
    events, stages, _ = run(job_of(tmp_path, text))
    assert list(stages)[-1] in (Stage.IMPORT_MODEL, Stage.COMPILATION)
    assert "svd" in error_of(events)


def test_a_model_is_the_same_each_time_and_another_with_another_seed(tmp_path: Path) -> None:
    def bytes_of(folder: str, seed: int) -> tuple[bytes, bytes]:
        job = job_of(tmp_path / folder, GOOD, seed=seed, stages=(*IMPORT, Stage.CONSTRUCT_INPUTS), keep=True)
        events, _, _ = run(job)
        assert error_of(events) == ""
        work = Path(job.folder)
        module = (work / "main.mlirbc").read_bytes()
        constants = b"".join(module.split(b"dialect_resources")[1:]) or module
        return re.sub(rb"float32_?\d*", b"float32", constants), (work / "input_0.npy").read_bytes()

    first, again, other = bytes_of("a", 3), bytes_of("b", 3), bytes_of("c", 4)
    assert first[1] == again[1]
    assert first[1] != other[1]
    assert len(first[0]) == len(again[0])
    assert first[0] != other[0]


def test_the_decompositions_are_those_of_torch_mlir() -> None:
    """A module must not depend on whether the extra torch-mlir is installed."""
    fx_decomp_util = pytest.importorskip("torch_mlir.extras.fx_decomp_util", reason="make install EXTRAS=torch-mlir")
    from runner.frontends.torch_decompositions import decomposition_table  # noqa: PLC0415 - loads torch

    ours, theirs = decomposition_table(), fx_decomp_util.get_decomposition_table()
    assert ours.keys() == theirs.keys()
    assert {str(key): _name(value) for key, value in ours.items()} == {
        str(key): _name(value) for key, value in theirs.items()
    }


def _name(decomposition: object) -> str:
    inner = getattr(decomposition, "func", decomposition)  # PyTorch wraps some anew for each table
    return f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', inner)}"


def test_a_nest_that_cannot_be_made_again_fails_where_it_is_made(tmp_path: Path) -> None:
    """Whether a bundle needs its model is asked after the golden; what goes wrong with that is no failure there."""
    nest = (
        "@dataclasses.dataclass\nclass Nest:\n    y: torch.Tensor\n\n"
        "    def __copy__(self):\n        raise RuntimeError('only one')\n\n\n"
    )
    text = model("def forward(self, x):\n    return Nest(x.sin())", "torch.randn(3)").replace(
        "class Net", f"{nest}class Net"
    )
    for keep in (False, True):
        events, stages, _ = run(job_of(tmp_path / str(keep), text, stages=NATIVE, keep=keep))
        assert stages[Stage.NATIVE_INFERENCE].status is StageStatus.PASS
        assert error_of(events) == "RuntimeError: only one"
        assert list(stages)[-1] is Stage.POSTPROCESSING
