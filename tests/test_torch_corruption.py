"""One wrong number in a weight of what is compiled fails at comparison, for ten PyTorch models that pass without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.record import Record, ShardResults
from schemas.words import EXIT_NUMERICS, Outcome, Stage, StageStatus
from tests.models_support import put
from tests.suites_support import folder, manifest
from tests.torch_support import NEEDS_TORCH

pytestmark = [NEEDS_TORCH, pytest.mark.slow, pytest.mark.timeout(1800)]

REPOSITORY = Path(__file__).parent.parent
CORRUPTED = REPOSITORY / "tests" / "models_support" / "corrupted_torch.py"
#: The changed model -> the model of the suites that it is otherwise, by the path torch-mlir.
MODELS = {
    "bert": "torch/bert/tiny",
    "clip": "torch/clip/tiny",
    "gpt2": "torch/gpt2/tiny",
    "llama": "torch/llama/tiny",
    "mamba2": "torch/mamba2/tiny",
    "resnet": "torch/resnet/basic",
    "t5": "torch/t5/tiny",
    "unet": "torch/cnn/unet",
    "vit": "torch/vit/tiny",
    "whisper": "torch/whisper/tiny",
}
#: Of these by the path onnx as well.
BOTH = ("bert", "resnet", "t5")


def entry(where: str, name: str) -> str:
    paths = "[torch-mlir, onnx]" if name in BOTH else "[torch-mlir]"
    return f"  - {{{where}, paths: {paths}}}\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Record]]:
    """Exit code and records by `model@path` of one run of a shard with all of them, whole and corrupted."""
    root = tmp_path_factory.mktemp("corrupted")
    put(root / "suites", "corrupted.py", CORRUPTED.read_text("utf-8"))
    body = "models:\n" + "".join(
        entry(f"name: {whole}", name) + entry(f"python: './corrupted.py:Corrupted[{name}]'", name)
        for name, whole in MODELS.items()
    )
    suites = folder(
        root / "suites", mine=manifest(body + "excused: [{name: '*', reason: not the point of this test}]\n")
    )
    (suites / "models").symlink_to(REPOSITORY / "suites" / "models")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        argv = (sys.executable, "-m", *argv)
        return subprocess.run(
            argv, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=1700
        )

    made = run("generator", "--suites", "suites", "--root", ".")
    assert made.returncode == 0, made.stdout + made.stderr
    done = run("runner", "--shard", "mine/cpu", "--suites", "suites", "--root", ".", "--no-rerun", "--keep", "none")
    results = root / "out" / "mine" / "cpu" / "0" / "results.json"
    assert results.exists(), done.stdout + done.stderr
    records = decode(results.read_bytes(), ShardResults).records
    return done.returncode, {f"{each.model}@{each.path}": each for each in records}


def cases() -> list[tuple[str, str]]:
    return [(name, path) for name in MODELS for path in ("torch-mlir", "onnx") if path == "torch-mlir" or name in BOTH]


def test_every_case_was_run_and_the_run_is_red(ran: tuple[int, dict[str, Record]]) -> None:
    code, records = ran
    assert code == 1
    assert len(records) == 2 * len(cases())


@pytest.mark.parametrize(("name", "path"), cases())
def test_the_model_as_it_is_passes(ran: tuple[int, dict[str, Record]], name: str, path: str) -> None:
    record = ran[1][f"{MODELS[name]}@{path}"]
    assert record.outcome is Outcome.PASS, record.error
    assert all(each.passed and each.total for each in record.comparisons)


@pytest.mark.parametrize(("name", "path"), cases())
def test_one_wrong_number_of_a_weight_fails_at_comparison(
    ran: tuple[int, dict[str, Record]], name: str, path: str
) -> None:
    record = ran[1][f"torch/corrupted/{name}@{path}"]
    whole = ran[1][f"{MODELS[name]}@{path}"]
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, EXIT_NUMERICS)
    assert record.error is not None
    assert record.error.signature == "values differ"
    assert [each.stage for each in record.stages if each.status is not StageStatus.PASS] == [Stage.COMPARISON]
    assert record.tolerance == whole.tolerance, "judged as the model itself is"
    assert [each.output for each in record.comparisons] == [each.output for each in whole.comparisons]
    assert sum(each.mismatched for each in record.comparisons) > 0
