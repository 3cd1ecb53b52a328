"""Every PyTorch model of the suites follows the rules: real layers, lively outputs, the same bytes each time."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from suites import workspace
from suites.findings import Findings
from suites.known import Model
from suites.locator import parse_locator
from suites.pythonmodels import discover
from tests.models_support import put
from tests.suites_support import folder, manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is absent: make install EXTRAS=torch"),
]

REPOSITORY = Path(__file__).parent.parent
SUITES = REPOSITORY / "suites"
FOLDER = SUITES / "models" / "torch"
#: At their real size: the nightly runs them; loading alone takes half a minute.
REAL_SIZE = {"torch/bert/base", "torch/llama/135m", "torch/qwen2/500m", "torch/resnet/r50"}


@cache
def models() -> dict[str, Model]:
    findings = Findings()
    found = {name: model for name, model in discover(SUITES, findings).items() if name.startswith("torch/")}
    assert not findings.all()
    return found


NAMES = sorted(models())
SMALL = [name for name in NAMES if name not in REAL_SIZE]
NETWORKS = [name for name in SMALL if not name.startswith(("torch/operators/", "torch/combinations/"))]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The models are small: starting threads would cost more than it gives."""
    import torch  # noqa: PLC0415 - absent without the extra

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def class_of(file: Path, name: str) -> Any:
    unique = "e2eshard_tested_" + re.sub(r"\W", "_", str(file.relative_to(SUITES)))
    spec = importlib.util.spec_from_file_location(unique, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def made(name: str, seed: int = 0) -> Any:
    """A prepared tester."""
    locator = parse_locator(models()[name].source.locator)
    assert locator is not None
    tester = class_of(SUITES / locator.path, locator.tester)(variant=locator.variant, seed=seed)
    tester.prepare()
    return tester


def inputs_of(tester: Any) -> Any:
    tester.seed_for("load_inputs")
    return tester.load_inputs()


def outputs_of(tester: Any, inputs: Any) -> list[Any]:
    tester.seed_for("forward")
    return tensors(tester.extract_outputs(tester.forward(inputs)))


def tensors(nest: Any) -> list[Any]:
    import torch  # noqa: PLC0415
    from torch.utils import _pytree  # noqa: PLC0415 - what torch.export itself flattens with

    return [each for each in _pytree.tree_leaves(nest) if isinstance(each, torch.Tensor)]


def test_the_table_of_the_docs_holds_every_model() -> None:
    text = (REPOSITORY / "docs" / "torch-models.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(torch/[^`]+)` \|", text, re.MULTILINE))
    assert rows == set(NAMES)


def test_there_are_enough_of_each_kind() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py")}
    transformers = [name for name in files if "from transformers import" in (FOLDER / name).read_text("utf-8")]
    assert len(transformers) >= 40
    assert sum(name.startswith(("operators/", "combinations/")) for name in files) >= 25
    assert set(NAMES) >= REAL_SIZE
    trained = {name for name in NAMES if "train" in [str(mode) for mode in models()[name].modes]}
    assert {"torch/bert/tiny", "torch/cnn/lenet", "torch/combinations/mlp"} <= trained


@pytest.mark.parametrize("file", sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py")))
def test_a_file_is_short_and_opens_with_a_sentence(file: str) -> None:
    lines = (FOLDER / file).read_text("utf-8").splitlines()
    assert len(lines) <= 60
    assert re.match(r'"""\w.*\."""$', lines[0])


@pytest.mark.parametrize("name", SMALL)
def test_a_model_gives_the_same_finite_lively_values_each_time(name: str) -> None:
    import torch  # noqa: PLC0415

    first, second = made(name), made(name)
    inputs = inputs_of(first)
    again = inputs_of(second)
    assert [each.numpy().tobytes() for each in tensors(inputs)] == [each.numpy().tobytes() for each in tensors(again)]
    outputs = outputs_of(first, inputs)
    repeated = outputs_of(second, again)
    assert outputs
    assert [each.numpy().tobytes() for each in outputs] == [each.numpy().tobytes() for each in repeated]
    for each in outputs:
        assert torch.isfinite(each).all()
        assert len(each.unique()) > 1
    seeded = made(name, seed=1)
    seeded.model = first.model  # the same weights, other inputs
    others = outputs_of(seeded, inputs_of(seeded))
    tolerance = 5 * (first.required_atol or 0.01)
    changed = [float((a.double() - b.double()).abs().max()) for a, b in zip(outputs, others, strict=True)]
    assert max(changed) > tolerance, f"the input hardly matters: {changed}"


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_runs_at_least_two_layers(name: str) -> None:
    import torch  # noqa: PLC0415

    tester = made(name)
    ran: list[str] = []

    def note(module: Any, _args: Any, _output: Any) -> None:
        ran.append(type(module).__name__)

    for module in tester.model.modules():
        weights = [each for each in module.parameters(recurse=False) if each.ndim > 1]
        if weights and not isinstance(module, torch.nn.Embedding):
            module.register_forward_hook(note)
    tester.forward(inputs_of(tester))
    assert len(ran) >= 4, ran


def test_generated_words_are_those_of_a_model_without_a_cache() -> None:
    import torch  # noqa: PLC0415

    tester = made("torch/generation/greedy")
    prompt = inputs_of(tester)["prompt"]
    words = tester.forward({"prompt": prompt})["words"]
    text = prompt
    with torch.no_grad():
        for _ in range(words.shape[1]):
            step = tester.model.model(input_ids=text, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)
            text = torch.cat((text, step), dim=1)
    assert words.tolist() == text[:, prompt.shape[1] :].tolist()
    assert tester.load_tokenizer().decode([0, 9, 63]) == "baba dede riri"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("bert/base", 109_482_240), ("resnet/r50", 25_557_032), ("llama/135m", 134_515_008), ("qwen2/500m", 494_032_768)],
)
def test_real_sizes_are_real(name: str, parameters: int) -> None:
    tester = made(f"torch/{name}")
    assert sum(each.numel() for each in tester.model.parameters()) == parameters


@pytest.mark.parametrize(
    "name", ["torch/bert/tiny", "torch/efficientnet/tiny", "torch/llama/tiny", "torch/mamba2/tiny"]
)
def test_outputs_depend_on_every_matrix(name: str) -> None:
    import torch  # noqa: PLC0415

    tester = made(name)
    outputs = tensors(tester.model(**inputs_of(tester)))
    torch.stack([each.square().mean() for each in outputs]).sum().backward()
    weak = [
        path
        for path, weight in tester.model.named_parameters()
        if weight.ndim > 1 and (weight.grad is None or float(weight.grad.abs().max()) < 1e-6)
    ]
    assert weak == []


def test_spread_draws_tied_weights_once_and_measures_the_sample() -> None:
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    from suites.models.weights import spread  # noqa: PLC0415

    table, head = nn.Embedding(50, 400, padding_idx=0), nn.Linear(400, 50, bias=False)
    head.weight = table.weight
    spread(nn.Sequential(table, head))
    assert head.weight is table.weight
    assert 0.45 < float(table.weight.detach()[1:].std()) < 0.55
    assert not table.weight[0].any()

    norm = nn.BatchNorm2d(4)
    sample = 7 + 3 * torch.randn(16, 4, 8, 8)
    assert not spread(nn.Sequential(norm).eval(), sample).training
    assert norm.momentum == 0.1
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, sample.mean((0, 2, 3)), atol=1e-4)


def test_the_template_can_be_copied_and_runs(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: torch/copied/*, paths: [torch-mlir, onnx]}]\n"))
    template = SUITES / "models" / "TEMPLATE_TORCH.py"
    put(root, "models/torch/copied.py", template.read_text("utf-8"))
    keys = sorted(case.key for case in workspace.load(root).suite("mine").cases)
    copies = ("narrow", "wide")
    assert keys == [f"torch/copied/{copy}@{path}" for copy in copies for path in ("onnx", "torch-mlir")]
    tester = class_of(template, "TemplateTester")(variant="wide")
    tester.prepare("train")
    assert tester.model.training
    (output,) = outputs_of(tester, inputs_of(tester))
    assert output.shape == (2, 4)
    assert tester.load_tokenizer() is None
