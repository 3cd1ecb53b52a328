"""torch_models: quality, benchmark and compstat tests, from the manifest's entry to the record."""

from __future__ import annotations

import datetime as dt
import pathlib
from typing import Any

import numpy as np
import pytest

from schemas.errors import ManifestError
from schemas.words import Depth, Outcome, Stage
from tests.files_support.web import Site, website
from tests.imported_support.modules import MLP, write_archive
from tests.imported_support.suite import CPU_FLAGS, DOUBLE, VMVX_FLAGS, Folder, entry
from tests.targets_support import needs_vulkan

BENCHMARK_ARGS = ["--function=main", "--device=local-task", "--benchmark_repetitions=3", "--benchmark_min_time=0.01s"]


def suite(root: pathlib.Path, **settings: str) -> Folder:
    made = Folder(root, entry("tests", "torch-models", **settings))
    made.write("tests/double.mlir", DOUBLE)
    made.write("tests/modules/double.json", {"mlir": "double.mlir", "compiler_flags": CPU_FLAGS})
    return made


def quality(**fields: Any) -> dict[str, Any]:
    usual = {
        "type": "quality",
        "markers": ["cpu"],
        "modules": ["modules/double"],
        "inputs": [{"value": "4xf32=1 2 3 4"}],
        "expected_outputs": [{"value": "4xf32=2 4 6 8"}],
        "run_args": ["--function=main", "--device=local-task"],
    }
    return usual | fields


def benchmark(**fields: Any) -> dict[str, Any]:
    return quality(type="benchmark", expected_outputs=None, run_args=BENCHMARK_ARGS) | fields


@pytest.mark.slow
def test_quality(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    made.write("tests/good.json", quality())
    made.write("tests/bad.json", quality(expected_outputs=[{"value": "4xf32=2 4 6 9"}]))
    made.write("tests/near.json", quality(
        expected_outputs=[{"value": "4xf32=2 4 6 9"}],
        run_args=["--function=main", "--device=local-task", "--expected_f32_threshold=1.5f"],
    ))  # fmt: skip
    made.write("tests/broken.json", quality(run_args=["--function=nowhere", "--device=local-task"]))
    made.write("tests/runs.json", quality(expected_outputs=None))
    made.write("tests/lacking.json", quality(inputs=[{"value": "4xf32=@absent.bin"}]))
    records = made.run(code=1)
    good, bad, near = (records[f"torch-models/{name}"] for name in ("good", "bad", "near"))
    assert (good.outcome, good.exit_status) == (Outcome.PASS, "PASS"), good.error
    assert good.reached_depth is Depth.EXECUTE
    assert good.metrics["dispatch_count"] == 1
    assert good.metrics["vmfb_bytes"] > 0
    assert "compile_peak_rss_bytes" in good.metrics
    assert near.outcome is Outcome.PASS
    assert (bad.outcome, bad.exit_status) == (Outcome.FAIL, "Numerics")
    assert bad.error is not None
    assert "does not match the expected" in bad.error.signature
    broken, runs, lacking = (records[f"torch-models/{name}"] for name in ("broken", "runs", "lacking"))
    assert (broken.outcome, broken.exit_status) == (Outcome.FAIL, Stage.COMPILED_INFERENCE)
    assert runs.outcome is Outcome.PASS
    assert any(each.startswith("the definition expects no outputs") for each in runs.notes)
    assert (lacking.outcome, lacking.exit_status) == (Outcome.INFRA, Stage.SETUP)
    assert lacking.error is not None
    assert "absent.bin" in lacking.error.excerpt


@pytest.mark.slow
def test_a_strict_entry_adds_our_comparison(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path, comparison="strict")
    loose = ["--function=main", "--device=local-task", "--expected_f32_threshold=1.5f"]
    made.write("tests/good.json", quality())
    made.write("tests/near.json", quality(expected_outputs=[{"value": "4xf32=2 4 6 9"}], run_args=loose))
    made.write("tests/ignored.json", quality(expected_outputs=[{"value": "(ignored)"}]))
    made.write("tests/file.json", quality(expected_outputs=[{"url": "want.bin", "value": "4xf32"}]))
    np.save(made.suites / "tests" / "given.npy", np.array([1, 2, 3, 4], np.float32))
    made.write("tests/npy.json", quality(inputs=[{"value": "@given.npy"}]))
    made.write("tests/want.bin", np.array([2, 4, 6, 8], np.float32).tobytes())
    records = made.run(code=1)
    near, ignored = records["torch-models/near"], records["torch-models/ignored"]
    assert {name: each.outcome for name, each in records.items() if each not in (near, ignored)} == {
        f"torch-models/{name}": Outcome.PASS for name in ("good", "file", "npy")
    }
    assert (near.outcome, near.exit_status) == (Outcome.FAIL, "Numerics")
    assert near.comparisons[0].mismatched == 1
    assert ignored.outcome is Outcome.FAIL  # nothing was compared


@pytest.mark.slow
def test_benchmark_against_its_golden(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    made.write("tests/slow.json", benchmark(golden_time_ms=1e-9))
    made.write("tests/fits.json", benchmark(golden_time_ms=1e-9, tolerance_factor=1e15))
    made.write("tests/fast.json", benchmark(golden_time_ms=1e9))
    made.write("tests/free.json", benchmark())
    records = made.run(code=1)
    slow, fits, fast, free = (records[f"torch-models/{name}"] for name in ("slow", "fits", "fast", "free"))
    assert (slow.outcome, slow.exit_status) == (Outcome.FAIL, Stage.BENCHMARK)
    assert slow.error is not None
    assert slow.error.signature == "missed golden_time_ms"
    assert slow.metrics["repetitions"] == 3
    assert slow.metrics["time_min_ms"] <= slow.metrics["time_median_ms"]
    assert slow.metrics["golden_time_ms"] == 1e-9
    assert fits.outcome is Outcome.PASS
    assert not any("golden" in each for each in fits.notes)
    assert (fast.outcome, fast.reached_depth) == (Outcome.PASS, Depth.EXECUTE)
    assert any("golden_time_ms: improved to" in each for each in fast.notes)
    assert free.outcome is Outcome.PASS
    spans = sorted((dt.datetime.fromisoformat(each.started).timestamp(), each.seconds) for each in records.values())
    ends = [begin + seconds for begin, seconds in spans]
    assert all(begin >= end - 0.01 for end, (begin, _) in zip(ends, spans[1:], strict=False)), "two were timed at once"


@pytest.mark.slow
def test_compstat_needs_no_device(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("tests", "torch-models"), targets="mi300")
    made.write("tests/double.mlir", DOUBLE)
    flags = ["--iree-hal-target-device=hip", "--iree-rocm-target=gfx942"]
    made.write("tests/modules/double.json", {"mlir": "double.mlir", "compiler_flags": flags})
    stat = {"type": "compstat", "markers": ["hip"], "module": "modules/double"}
    made.write("tests/good.json", stat | {"golden_dispatch_count": 1, "golden_binary_size": 1e6})
    made.write("tests/many.json", stat | {"module": ["modules/double"], "golden_dispatch_count": 0})
    made.write("tests/large.json", stat | {"golden_dispatch_count": 0, "golden_binary_size": 10})
    made.write("tests/better.json", stat | {"golden_dispatch_count": 2})
    records = made.run(target="mi300", code=1)
    found = {
        name.rpartition("/")[2]: (each.outcome, each.error and each.error.signature) for name, each in records.items()
    }
    assert found == {
        "good": (Outcome.PASS, None),
        "many": (Outcome.FAIL, "missed golden_dispatch_count"),
        "large": (Outcome.FAIL, "missed golden_dispatch_count and golden_binary_size"),
        "better": (Outcome.PASS, None),
    }
    better = records["torch-models/better"]
    assert "golden_dispatch_count: improved to 1 dispatches from the golden 2 (-50.0 %)" in better.notes
    assert better.reached_depth is Depth.COMPILE


@pytest.mark.slow
def test_addresses_are_fetched_before_the_clock(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("tests", "torch-models"))
    values = np.array([1, 2, 3, 4], np.float32)
    site = Site({"m/double.mlir": DOUBLE.encode(), "in.bin": values.tobytes(), "out.bin": (2 * values).tobytes()})
    with website(site) as address:
        made.write("tests/modules/double.json", {"mlir": f"{address}/m/double.mlir", "compiler_flags": CPU_FLAGS})
        there = {"inputs": [{"url": f"{address}/in.bin", "value": "4xf32"}]}
        there["expected_outputs"] = [{"url": f"{address}/out.bin", "value": "4xf32"}]
        made.write("tests/there.json", quality(**there))
        made.write("tests/gone.json", quality(inputs=[{"url": f"{address}/gone.bin", "value": "4xf32"}]))
        records = made.run(code=1)
    there_, gone = records["torch-models/there"], records["torch-models/gone"]
    assert there_.outcome is Outcome.PASS, there_.error
    assert gone.outcome is Outcome.INFRA
    assert gone.error is not None
    assert gone.error.signature == "source not available"
    assert "gone.bin" in gone.error.excerpt


@pytest.mark.slow
def test_other_directories(tmp_path: pathlib.Path) -> None:
    text = entry("tests", "torch-models", module_directory="modules", external_file_directory="files", name="mine")
    made = Folder(tmp_path, text)
    made.write("files/sub/double.mlir", DOUBLE)
    made.write("files/in.bin", np.array([1, 2, 3, 4], np.float32).tobytes())
    made.write("files/tuned.flags", "")
    made.write(
        "modules/a/double.json", {"mlir": "sub/double.mlir", "compiler_flags": [*CPU_FLAGS, "--iree-opt-level=O2"]}
    )
    made.write("tests/deep/good.json", quality(modules="a/double", inputs=[{"value": "4xf32=@in.bin"}]))
    (record,) = made.run(code=0).values()
    assert (record.model, record.outcome) == ("mine/deep/good", Outcome.PASS)
    assert record.flags is not None
    assert record.flags.compiler == (*CPU_FLAGS, "--iree-opt-level=O2")


@pytest.mark.parametrize(
    ("file", "content", "where", "said"),
    [
        ("a.json", '{"type": "quality", "markers": [],\n "modules": ["modules/double"], "inptus": []}', "2:33",
         "unknown key 'inptus'"),
        ("a.json", '{"type": "qualty", "markers": []}', "1:10", "unknown value 'qualty'"),
        ("a.json", '{"type": "quality", "markers": [],\n "modules": ["modules/duoble"]}', "2:14",
         "there is no module definition 'modules/duoble'"),
        ("a.json", '{"type": "quality",\n  "markers": [] "modules": []}', "2:17", "a comma or } is meant"),
        ("a.json", '{"type": "quality", "markers": [], "modules": ["modules/double"],\n "inputs": [{}]}', "2:13",
         "neither `url` nor `value`"),
        ("a.json", ('{"type": "quality", "markers": [], "modules": ["modules/double"],\n'
         ' "weights": [{"type": "random", "scope": "m", "module": "modules/double"}]}'), "2:14", "'seed' is missing"),
        ("a.json", '{"type": "compstat", "markers": [],\n "module": ["modules/double", "x"]}', "2:12",
         "a compstat test is about one module"),
        ("modules/double.json", '{"mlir": "x.mlir",\n "compile_flags": []}', "2:2", "unknown key 'compile_flags'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(
    tmp_path: pathlib.Path, file: str, content: str, where: str, said: str
) -> None:
    made = suite(tmp_path)
    made.write("tests/good.json", quality())
    made.write(f"tests/{file}", content)
    with pytest.raises(ManifestError) as raised:
        made.cases()
    found = [str(each) for each in raised.value.findings]
    assert any(f"tests/{file}:{where}: " in each and said in each for each in found), found
    assert "YAML" not in "".join(found)


def test_markers_choose(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path, markers='"cpu and not (slow or benchmark)"')
    made.write("tests/a.json", quality())
    made.write("tests/b.json", quality(markers=["cpu", "slow"]))
    made.write("tests/c.json", benchmark())
    assert list(made.cases()) == ["torch-models/a"]
    assert made.cases()["torch-models/a"].tags == ("quality", "cpu", "local", "llvm-cpu")


def test_a_definition_is_for_targets_of_its_kind(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("tests", "torch-models"), targets="cpu, vmvx, mi300, mi250")
    made.write("tests/double.mlir", DOUBLE)
    made.write("tests/modules/cpu.json", {"mlir": "double.mlir", "compiler_flags": CPU_FLAGS})
    flags = ["--iree-hal-target-backends=vmvx"]
    made.write("tests/modules/vmvx.json", {"mlir": "double.mlir", "compiler_flags": flags})
    flags = ["--iree-hal-target-device=hip", "--iree-rocm-target=gfx942"]
    made.write("tests/modules/gfx942.json", {"mlir": "double.mlir", "compiler_flags": flags})
    for name, device in (("cpu", "local-sync"), ("vmvx", "local-task"), ("gfx942", "hip://0")):
        made.write(f"tests/{name}.json", quality(modules=[f"modules/{name}"], run_args=[f"--device={device}"]))
    where = {target: [name.rpartition("/")[2] for name in made.cases(target)] for target in ("cpu", "vmvx", "mi300")}
    assert where == {"cpu": ["cpu"], "vmvx": ["vmvx"], "mi300": ["gfx942"]}
    assert made.cases("mi250") == {}


def test_nothing_for_any_target_is_a_mistake(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    made.write("tests/a.json", quality(run_args=["--device=cuda"]))
    with pytest.raises(ManifestError, match="none of its 1 definitions is for a target"):
        made.cases()


@pytest.mark.slow
def test_a_relative_statistics_file_stays_out_of_the_suite(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    flags = ["--iree-scheduling-dump-statistics-format=json", "--iree-scheduling-dump-statistics-file=info.json"]
    made.write("tests/modules/double.json", {"mlir": "double.mlir", "compiler_flags": [*CPU_FLAGS, *flags]})
    made.write("tests/good.json", quality())
    (record,) = made.run(code=0).values()
    assert record.metrics["dispatch_count"] == 1
    assert not (made.suites / "tests" / "info.json").exists()


@pytest.mark.slow
def test_weights(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("tests", "torch-models"))
    made.write("tests/mlp.mlir", MLP)
    made.write("tests/modules/mlp.json", {"mlir": "mlp.mlir", "compiler_flags": CPU_FLAGS})
    w, b = np.arange(12, dtype=np.float32).reshape(4, 3), np.full((2, 3), 2, np.float32)
    write_archive(made.suites / "tests" / "both.irpa", {"w": w, "b": b})
    np.savez(made.suites / "tests" / "both.npz", w=w, b=b)
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    np.save(made.suites / "tests" / "x.npy", x)
    np.save(made.suites / "tests" / "y.npy", x @ w + b)
    np.save(made.suites / "tests" / "zero.npy", np.zeros((2, 3), np.float32))
    given = {"modules": ["modules/mlp"], "inputs": [{"value": "@x.npy"}], "expected_outputs": [{"url": "y.npy"}]}
    scopes = ("model", "bias")
    url = [{"type": "url", "scope": scope, "url": "both.irpa"} for scope in scopes]
    converted = [{"type": "url", "scope": scope, "url": "both.npz"} for scope in scopes]
    splat = [{"type": "splat", "scope": scope, "module": "modules/mlp"} for scope in scopes]
    random = [{"type": "random", "scope": scope, "module": "modules/mlp", "seed": 7} for scope in scopes]
    made.write("tests/url.json", quality(**given, weights=url))
    made.write("tests/converted.json", quality(**given, weights=converted))
    made.write("tests/unknown.json", quality(**given, weights=[url[0] | {"url": "x.npy.txt"}]))
    made.write("tests/x.npy.txt", "no weights")
    made.write("tests/splat.json", quality(**given | {"expected_outputs": [{"url": "zero.npy"}]}, weights=splat))
    made.write("tests/random.json", quality(**given | {"expected_outputs": None}, weights=random))
    made.write("tests/lacking.json", quality(**given, weights=url[:1]))
    records = {name.rpartition("/")[2]: each for name, each in made.run(code=1).items()}
    assert {name: (each.outcome, each.exit_status) for name, each in records.items()} == {
        "url": (Outcome.PASS, "PASS"),
        "converted": (Outcome.PASS, "PASS"),
        "unknown": (Outcome.INFRA, Stage.CONSTRUCT_INPUTS),
        "splat": (Outcome.PASS, "PASS"),
        "random": (Outcome.PASS, "PASS"),
        "lacking": (Outcome.FAIL, Stage.COMPILED_INFERENCE),
    }, {name: each.error for name, each in records.items()}
    unknown = records["unknown"].error
    assert unknown is not None
    assert "unknown.json" in unknown.excerpt


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cpu", "vmvx", "vulkan"])
def test_weights_and_expected_outputs_on_each_software_target(tmp_path: pathlib.Path, target: str) -> None:
    if target == "vulkan":
        needs_vulkan()
    flags = {"cpu": CPU_FLAGS, "vmvx": VMVX_FLAGS, "vulkan": ("--iree-hal-target-device=vulkan",)}[target]
    device = {"cpu": "local-task", "vmvx": "local-sync", "vulkan": "vulkan"}[target]
    made = Folder(tmp_path, entry("tests", "torch-models"), targets=target)
    made.write("tests/mlp.mlir", MLP)
    made.write("tests/modules/mlp.json", {"mlir": "mlp.mlir", "compiler_flags": flags})
    generator = np.random.default_rng(3)
    x, w, b = (generator.standard_normal(shape).astype(np.float32) for shape in ((2, 4), (4, 3), (2, 3)))
    write_archive(made.suites / "tests" / "both.irpa", {"w": w, "b": b})
    made.write("tests/x.bin", x.tobytes())
    made.write("tests/y.bin", (x @ w + b).tobytes())
    made.write("tests/mlp.json", quality(
        modules=["modules/mlp"],
        weights=[{"type": "url", "scope": scope, "url": "both.irpa"} for scope in ("model", "bias")],
        inputs=[{"url": "x.bin", "value": "2x4xf32"}],
        expected_outputs=[{"url": "y.bin", "value": "2x3xf32"}],
        run_args=["--function=main", f"--device={device}", "--expected_f32_threshold=0.0001f"],
    ))  # fmt: skip
    (record,) = made.run(target=target, code=0).values()
    assert record.outcome is Outcome.PASS, record.error
