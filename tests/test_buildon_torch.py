"""PyTorch models that are built on one machine: the device's loads those only whose own code its outputs need."""

from __future__ import annotations

import pathlib

import pytest

from schemas.words import Outcome, Stage
from tests.buildon_support import SHARD, TwoMachines, runtime_only
from tests.models_support import put
from tests.test_buildon_halves import alike
from tests.test_torch_frontend_graphs import BROKEN
from tests.torch_support import NEEDS_TORCH, model

pytestmark = [NEEDS_TORCH, pytest.mark.slow]
NEST = "def forward(self, x):\n    return {'y': (x.sin(), [x.bfloat16()]), 'n': x.argsort(), 'size': 3, 'none': None}"
SINE = "def forward(self, x):\n    return x.sin()"
ZERO = "def forward(self, x):\n    return x * 0"
TURNED = "def forward(self, x):\n    return torch.view_as_complex(torch.stack([x.sin(), x.cos()], -1))"
VARIED = "torch.randn(3, 4)"
EXTRACTS = "def extract_outputs(self, all):\n    return all['n']"
PROCESSES = "def postprocess(self, all):\n    return {'z': all['output']}"
WRONG = "def forward(self, inputs):\n    return self.model(*inputs) + 1"
GIVEN = (
    "def __init__(self, **given):\n    super().__init__(**given)\n    self.extract_outputs = lambda outputs: [outputs]"
)
MIXIN = "class Mixin:\n    def postprocess(self, outputs):\n        return {'z': outputs['output']}\n\n\n"
TOKENS = "def load_tokenizer(self):\n    class Numbers:\n        decode = staticmethod(str)\n    return Numbers()"

#: By name: a model file, the further keys of its row, whether the device has to load it, and how it ends.
MODELS: dict[str, tuple[str, str, bool, Outcome]] = {
    "nest": (model(NEST, VARIED), "", False, Outcome.PASS),
    "zero": (model(ZERO, VARIED, more="outputs_vary = False"), "", False, Outcome.PASS),
    "exported": (model(SINE, VARIED), "paths: [onnx]", False, Outcome.PASS),
    "wrong": (model(SINE, VARIED, more=WRONG), "", False, Outcome.FAIL),
    "constant": (model(ZERO, VARIED), "", True, Outcome.FAIL),  # its own stage tells
    "extracts": (model(NEST, VARIED, more=EXTRACTS), "", True, Outcome.PASS),
    "processes": (model(SINE, VARIED, more=PROCESSES), "", True, Outcome.PASS),
    "given": (model(SINE, VARIED, more=GIVEN), "", True, Outcome.PASS),
    "inherits": (model(SINE, VARIED).replace("class Mine(", f"{MIXIN}class Mine(Mixin, "), "", True, Outcome.PASS),
    "saves": (model(SINE, VARIED, more="save_outputs = True"), "", True, Outcome.PASS),
    "tokens": (model("def forward(self, x):\n    return x.argsort()", VARIED, more=TOKENS), "", True, Outcome.PASS),
    "turned": (model(TURNED, VARIED), "paths: [onnx]", True, Outcome.PASS),
    "pieces": (BROKEN, "", True, Outcome.PASS),
    "trained": (model("def forward(self, x):\n    return self.a(x)", VARIED, init="self.a = nn.Linear(4, 2)",
                      more="modes = ('train',)"), "mode: train", True, Outcome.PASS),
}  # fmt: skip
MANIFEST = """\
suite: small
description: PyTorch models with and without code of their own for what they return
depth: execute
targets: [lab]
models:
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> TwoMachines:
    """Built, and not yet gone on with."""
    made = TwoMachines(tmp_path_factory.mktemp("two"))
    rows = []
    for name, (text, more, _, _) in MODELS.items():
        put(made.root, f"suites/own/{name}.py", text)
        keys = "".join(f", {each}" for each in (more,) if each)
        rows.append(f'  - {{python: "./own/{name}.py:Mine"{keys}}}\n')
    put(made.root, "suites/small.yaml", MANIFEST + "".join(rows))
    made.generate()
    done = made.half("build", "hosted")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_only_code_of_its_own_makes_a_model_needed(suite: TwoMachines) -> None:
    found = suite.partials("hosted")
    assert {name: each.model for name, each in found.items()} == {name: row[2] for name, row in MODELS.items()}


def test_both_halves_give_the_records_of_the_whole(suite: TwoMachines) -> None:
    done = suite.half("device", "lab")
    assert done.returncode == 1, done.stdout + done.stderr
    halves = suite.results("lab")
    assert {name: each.outcome for name, each in halves.items()} == {name: row[3] for name, row in MODELS.items()}
    whole = suite.run("--shard", "/".join(SHARD), "--out", "whole")
    assert whole.returncode == 1, whole.stdout + whole.stderr
    assert {name: alike(each) for name, each in halves.items()} == {
        name: alike(each) for name, each in suite.results("whole").items()
    }
    for name, record in halves.items():
        setup = next(each for each in record.stages if each.stage is Stage.SETUP)
        assert bool(setup.built_on) is not MODELS[name][2]


def test_the_device_s_machine_needs_no_torch(suite: TwoMachines, tmp_path: pathlib.Path) -> None:
    names = [name for name, row in MODELS.items() if not row[2]]
    wanted = "|".join(f"/{name}@" for name in names)
    suite.half("device", "light", "--tests", wanted, PYTHONPATH=runtime_only(tmp_path))
    ends = {name: record.outcome for name, record in suite.results("light").items()}
    assert ends == {name: MODELS[name][3] for name in names}
