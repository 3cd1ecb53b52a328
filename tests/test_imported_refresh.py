"""What a run says, written back: lists of configuration files, goldens of definitions, nothing else."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import msgspec

from results.cli import main
from results.shard import write_shard
from schemas.case import Expectation
from schemas.record import Record
from schemas.words import Depth, Outcome, Stage
from tests.imported_support.suite import CPU_FLAGS, DOUBLE, Folder, entry
from tests.results_support.build import record, shard_results

TESTS = ("fixed", "refused", "differs", "slow", "unrun", "kept", "crashes")


def folder(root: pathlib.Path) -> Folder:
    made = Folder(root, entry("ops", "onnx-ops", config="ops.json") + entry("tests", "torch-models"))
    config = {
        "config_name": "mine",
        "iree_compile_flags": list(CPU_FLAGS),
        "iree_run_module_flags": [],
        "skip_run_tests": ["n/unrun"],
        "expected_compile_failures": ["n/fixed"],
        "expected_run_failures": ["n/kept", "n/unrun"],
    }
    made.write("ops.json", config)
    for name in TESTS:
        made.write(f"ops/n/{name}/model.mlir", DOUBLE)
        made.write(f"ops/n/{name}/run_module_io_flags.txt", "")
    made.write("tests/double.mlir", DOUBLE)
    made.write("tests/modules/m.json", {"mlir": "double.mlir", "compiler_flags": CPU_FLAGS})
    bench = {"type": "benchmark", "markers": [], "modules": ["modules/m"], "golden_time_ms": 150.0}
    made.write("tests/bench.json", bench)
    stat = {"type": "compstat", "markers": [], "module": "modules/m", "golden_dispatch_count": 3}
    made.write("tests/stat.json", stat)
    return made


def run(made: Folder, *records: Record) -> pathlib.Path:
    out = made.root / "report"
    out.mkdir()
    write_shard(out, shard_results(list(records)), None)
    return out


def ops(name: str, outcome: Outcome = Outcome.PASS, **more: Any) -> Record:
    listed = Expectation(stage=Stage.COMPILATION, signature="", where="ops.json:9", anyhow=(Stage.COMPILATION,))
    made = record(f"onnx-ops/n/{name}@direct", outcome, suite="theirs", **more)
    expected = outcome in (Outcome.XFAIL, Outcome.XPASS)
    return msgspec.structs.replace(made, expectation=listed if expected else None)


def test_lists_are_rewritten_in_place(tmp_path: pathlib.Path) -> None:
    made = folder(tmp_path)
    unrun = msgspec.structs.replace(ops("unrun"), depth=Depth.COMPILE)
    out = run(
        made,
        ops("fixed", Outcome.XPASS),
        ops("refused", Outcome.FAIL),
        ops("crashes", Outcome.CRASH),
        ops("differs", Outcome.FAIL, stage=Stage.COMPARISON),
        ops("slow", Outcome.TIMEOUT),
        ops("kept", Outcome.XFAIL, stage=Stage.COMPARISON),
        unrun,
        record("onnx/m@onnx", Outcome.FAIL, suite="theirs"),
    )
    before = (made.suites / "ops.json").read_text()
    assert main(["expectations", str(out), "--suites", str(made.suites)]) == 1  # a timeout is in no list
    assert (made.suites / "ops.json").read_text() == before
    assert main(["expectations", str(out), "--suites", str(made.suites), "--write"]) == 1
    after = json.loads((made.suites / "ops.json").read_text())
    changed = {
        "expected_compile_failures": ["n/crashes", "n/refused"],
        "expected_run_failures": ["n/differs", "n/kept", "n/unrun"],
    }
    assert after == json.loads(before) | changed
    declared = (made.suites / "expectations" / "theirs.cpu.yaml").read_text()
    assert "onnx/m@onnx" in declared
    assert "onnx-ops" not in declared


def test_goldens_are_rewritten_in_place(tmp_path: pathlib.Path) -> None:
    made = folder(tmp_path)
    fast = {"time_min_ms": 100.123, "golden_time_ms": 150.0, "limit_time_ms": 165.0}
    more = {"dispatch_count": 4.0, "golden_dispatch_count": 3.0, "limit_dispatch_count": 3.0}
    bench = record("torch-models/bench@direct", suite="theirs")
    stat = record("torch-models/stat@direct", Outcome.FAIL, suite="theirs", stage=Stage.BENCHMARK)
    out = run(made, msgspec.structs.replace(bench, metrics=fast), msgspec.structs.replace(stat, metrics=more))
    bench_file, stat_file = (made.suites / "tests" / f"{name}.json" for name in ("bench", "stat"))
    was = bench_file.read_text(), stat_file.read_text()
    assert main(["goldens", str(out), "--suites", str(made.suites)]) == 0
    assert (bench_file.read_text(), stat_file.read_text()) == was
    assert main(["goldens", str(out), "--suites", str(made.suites), "--write"]) == 0
    assert bench_file.read_text() == was[0].replace("150.0", "100.0")
    assert stat_file.read_text() == was[1]
    assert main(["goldens", str(out), "--suites", str(made.suites), "--write", "--worse"]) == 0
    assert stat_file.read_text() == was[1].replace('count": 3', 'count": 4')
