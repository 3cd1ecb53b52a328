"""A PyTorch model run by name, in a shard, and from its bundle wherever that lies: one verdict, the same figures."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from runner.stages.plan import WHOLE as STAGES
from schemas.bundle import Bundle
from schemas.codec import decode
from schemas.record import CaseRecord, JournalLine, Record
from schemas.words import Outcome, Stage
from tests.bundle_support.suite import verdict
from tests.models_support import put
from tests.test_torch_frontend_graphs import BROKEN
from tests.torch_support import NEEDS_TORCH, model

pytestmark = [NEEDS_TORCH, pytest.mark.slow]
ROOT = pathlib.Path(__file__).resolve().parents[1]

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    compile-flags: [--iree-llvmcpu-target-cpu=host]
    input-casts: {int64: int32}
    runs-on: ubuntu-24.04
    jobs: 2
    memory-limit: 4GiB
"""
SUITE = """\
suite: small
description: PyTorch models that are imported whole and in pieces
depth: execute
targets: [cpu]
models:
  - python: ./own/whole.py:Mine
  - python: ./own/pieces.py:Mine
"""
WHOLE = model(
    "def forward(self, ids):\n    return {'scores': self.a(self.e(ids)), 'ids': ids + 1}",
    "torch.randint(0, 9, (4,))",
    init="self.e = nn.Embedding(9, 6)\nself.a = nn.Linear(6, 3)",
    more="def postprocess(self, outputs):\n    return {'best': outputs['scores'].argsort(1), **outputs}",
)
NAMES = ("torch/pieces", "torch/whole")


class Suite:
    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        put(root, "suites/targets.yaml", TARGETS)
        put(root, "suites/small.yaml", SUITE)
        put(root, "suites/own/whole.py", WHOLE)
        put(root, "suites/own/pieces.py", BROKEN)

    def command(self, module: str, *arguments: str, cwd: pathlib.Path | None = None) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
        environment = {**keep, "PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(self.root / "store")}
        argv = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(argv, cwd=cwd or self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def records(folder: pathlib.Path) -> dict[str, Record]:
    lines = (folder / "records.jsonl").read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=JournalLine) for line in lines]
    return {line.record.model: line.record for line in found if isinstance(line, CaseRecord)}


def told(record: Record, *, exact: bool = False) -> dict[str, Any]:
    return {**verdict(record, exact=exact), "casts": record.casts}


Kept = tuple[Suite, dict[str, pathlib.Path], dict[str, Record]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Run by name with bundles kept, which are then moved away from the models, whose files are gone."""
    suite = Suite(tmp_path_factory.mktemp("made"))
    suite.command("runner", *NAMES, "--target", "cpu", "--keep", "all", "--no-rerun")
    folder = suite.root / "out" / "small" / "cpu" / "selected"
    before = records(folder)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "with @ and blank"
    elsewhere.mkdir()
    bundles = {
        name: pathlib.Path(shutil.move(folder / "bundles" / f"{name}__torch-mlir", elsewhere / name.replace("/", "_")))
        for name in NAMES
    }
    suite.command("generator", "--suites", "suites", "--root", ".")
    suite.command("runner", "--shard", "small/cpu", "--no-rerun")
    sharded = records(suite.root / "out" / "small" / "cpu" / "0")
    assert {name: told(each) for name, each in sharded.items()} == {name: told(each) for name, each in before.items()}
    shutil.rmtree(suite.root / "suites")
    return suite, bundles, before


def test_both_kinds_pass_by_name_and_in_a_shard(kept: Kept) -> None:
    before = kept[2]
    assert {name: each.outcome for name, each in before.items()} == dict.fromkeys(NAMES, Outcome.PASS)
    assert before["torch/pieces"].metrics["graphs"] == 4
    assert [each.input for each in before["torch/whole"].casts] == ["ids"]
    assert {each.output for each in before["torch/whole"].comparisons} == {"best", "scores", "ids"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_moved_bundle_goes_on_from_every_stage(kept: Kept, tmp_path: pathlib.Path, stage: Stage) -> None:
    suite, bundles, before = kept
    suite.command("runner", *map(str, bundles.values()), "--from", stage, "--no-rerun", cwd=tmp_path)
    found = records(tmp_path / "out" / "small" / "cpu" / "rerun")
    assert sorted(found) == sorted(NAMES)
    for name, record in found.items():
        reused = {each.stage for each in record.stages if each.reused}
        exact = Stage.COMPILATION in reused
        assert told(record, exact=exact) == told(before[name], exact=exact), name
        assert reused <= set(STAGES[: STAGES.index(stage)])


def test_a_kept_rerun_holds_all_graphs_again(kept: Kept, tmp_path: pathlib.Path) -> None:
    suite, bundles, before = kept
    bundle = str(bundles["torch/pieces"])
    first = tmp_path / "first"
    first.mkdir()
    suite.command("runner", bundle, "--from", "compiled_inference", "--keep", "all", "--no-rerun", cwd=first)
    (again,) = first.rglob("bundle.json")
    state = decode(again.read_bytes(), Bundle).state
    assert (len(state.further), len(state.further_compiled), state.imported and state.imported.entry) == (3, 3, "g0")
    assert not [path for path in again.parent.rglob("*") if path.is_symlink()]
    suite.command("runner", str(again.parent), "--from", "compilation", "--no-rerun", cwd=tmp_path)
    found = records(tmp_path / "out" / "small" / "cpu" / "rerun")
    assert told(found["torch/pieces"]) == told(before["torch/pieces"])


def test_a_damaged_graph_of_a_bundle_is_noticed(kept: Kept, tmp_path: pathlib.Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(kept[1]["torch/pieces"], copy)
    compiled = copy / "artefacts" / "g2_module.vmfb"
    whole = compiled.read_bytes()
    compiled.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(AssertionError, match=r"g2_module\.vmfb: it is not what it was"):
        kept[0].command("runner", str(copy), "--from", "compiled_inference", "--no-rerun", cwd=tmp_path)
