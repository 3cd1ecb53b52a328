"""Shards for devices that are there, and for devices that are not, through the command lines."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

import pytest

from schemas.codec import decode
from schemas.record import ShardResults
from schemas.words import Outcome, SkipReason
from tests.targets_support import needs_vulkan, python

pytestmark = pytest.mark.slow

TARGETS = """\
targets:
  metal: {backend: metal-spirv, device: metal, runs-on: [self-hosted, mac], compile-runs-on: ubuntu-24.04,
          exclusive-device: true}
  aie: {backend: amd-aie, chip: npu1_4col, device: xrt-lite, runs-on: [self-hosted, npu]}
  vulkan:
    backend: vulkan-spirv
    device: vulkan
    runs-on: ubuntu-24.04
    compile-flags: ["--iree-vulkan-target-features=spirv:v1.6,cap:Shader,cap:Int64"]
"""
SUITE = "suite: {0}\ndescription: A test\ndepth: {1}\ntargets: [{2}]\nmodels: {3}\n"


def suites(root: pathlib.Path, depth: str, target: str, models: str) -> pathlib.Path:
    folder = root / "suites"
    folder.mkdir()
    (folder / "targets.yaml").write_text(TARGETS)
    (folder / "one.yaml").write_text(SUITE.format("one", depth, target, models))
    made = python("generator", "--root", str(root), "--suites", str(folder))
    assert made.returncode == 0, made.stderr
    return folder


def shard(root: pathlib.Path, target: str, *options: str, **environment: str) -> tuple[Any, ShardResults]:
    where = ("--root", str(root), "--suites", str(root / "suites"), "--out", str(root / "out"))
    done = python("runner", "--shard", f"one/{target}/0", *where, *options, **environment)
    assert (root / "out" / "one" / target / "0" / "results.json").is_file(), done.stderr
    return done, decode((root / "out" / "one" / target / "0" / "results.json").read_bytes(), ShardResults)


def merged(root: pathlib.Path) -> tuple[int, dict[str, Any]]:
    arguments = (str(root / "out"), "--matrix", str(root / ".github" / "matrices" / "one.json"))
    done = python("results", "merge", *arguments, "--out", str(root / "report"))
    return done.returncode, json.loads((root / "report" / "results.json").read_bytes())


def test_a_missing_device_is_infra_for_every_case_at_once(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, "execute", "metal", "[{tag: cast}]")
    begun = time.monotonic()
    done, results = shard(tmp_path, "metal")
    assert time.monotonic() - begun < 20, "nothing is imported or compiled"
    assert done.returncode == 4
    assert len(results.records) > 50
    assert {record.outcome for record in results.records} == {Outcome.INFRA}
    assert {record.error.signature for record in results.records if record.error} == {"no driver metal"}
    assert done.stdout.count("mend:") == 1, "one remedy for all"
    assert results.provenance.device == "metal"
    code, report = merged(tmp_path)
    assert code == 1
    assert report["totals"]["INFRA"] == len(results.records)


def test_on_ci_a_missing_device_is_one_annotation(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, "execute", "metal", "[{tag: add}]")
    done, _ = shard(tmp_path, "metal", GITHUB_ACTIONS="true", CI="true")
    assert done.stdout.count("::error ") == 1
    assert "use a Mac" in done.stdout


def test_a_device_that_is_missing_does_not_keep_cases_from_compiling(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, "compile", "metal", "[{name: onnx/node/test_add}]")
    done, results = shard(tmp_path, "metal")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [record.outcome for record in results.records] == [Outcome.PASS]
    assert results.records[0].flags is not None
    assert "--iree-hal-target-device=metal" in results.records[0].flags.compiler


def test_a_compiler_without_the_plug_in_skips_and_says_so(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, "compile", "aie", "[{tag: add}]")
    done, results = shard(tmp_path, "aie")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(record.outcome, record.skip_reason) for record in results.records} == {(Outcome.SKIP, SkipReason.DRIVER)}
    assert all("nod-ai/iree-amd-aie" in record.skip_detail for record in results.records)
    code, report = merged(tmp_path)
    assert code == 0
    assert report["totals"]["SKIP"] == len(results.records)


def test_vulkan_runs_and_names_its_device(tmp_path: pathlib.Path) -> None:
    needs_vulkan()
    suites(tmp_path, "execute", "vulkan", "[{name: onnx/node/test_add}, {name: onnx/node/test_relu}]")
    done, results = shard(tmp_path, "vulkan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {record.outcome for record in results.records} == {Outcome.PASS}
    assert results.provenance.device.startswith("vulkan: ")


def test_vulkan_without_a_driver_says_how_to_get_one(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, "execute", "vulkan", "[{name: onnx/node/test_add}]")
    done, results = shard(tmp_path, "vulkan", VK_DRIVER_FILES="/nonexistent", VK_ICD_FILENAMES="/nonexistent")
    assert done.returncode == 4
    assert "mesa-vulkan-drivers" in done.stdout
    error = results.records[0].error
    assert error is not None
    assert "mesa-vulkan-drivers" in error.excerpt
