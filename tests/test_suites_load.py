"""A suites folder becomes cases: inheritance, precedence, sources, expectations, and what the shipped folder holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.case import Case
from schemas.errors import UsageError
from schemas.matrix import cases_digest
from schemas.target import InputCast
from schemas.words import Lowering, Outcome, SkipReason, SourceKind, Stage
from suites import catalog, workspace
from suites.targets import at_depth
from tests.suites_support import TARGETS, findings, folder, manifest

REPOSITORY = Path(__file__).parent.parent
SUITES = REPOSITORY / "suites"


def cases(root: Path) -> dict[str, Case]:
    """Cases of the only suite by id without the suite."""
    (suite,) = workspace.load(root).suites
    return {case.id.removeprefix(f"{suite.name}/"): case for case in suite.cases}


def test_shipped_suites_hold_the_whole_catalogue_and_a_fast_selection() -> None:
    loaded = workspace.load(SUITES)
    nightly, presubmit = loaded.suite("nightly-execute"), loaded.suite("presubmit")
    assert len([case for case in nightly.cases_for("cpu") if case.model in catalog.by_name()]) == 2024
    assert nightly.schedule == "17 2 * * *"
    assert not nightly.pull_request
    assert presubmit.pull_request
    assert presubmit.schedule is None
    assert presubmit.targets == nightly.targets == ("cpu", "vmvx", "vulkan-lavapipe")
    for target in presubmit.targets:
        by_torch = [case for case in presubmit.cases_for(target) if case.model.startswith("torch/")]
        assert 50 <= len(presubmit.cases_for(target)) - len(by_torch) <= 75
        assert len(by_torch) <= 10
        assert sum(case.model.startswith("onnx/node/") for case in nightly.cases_for(target)) >= 500
    assert len({case.tags[0] for case in presubmit.cases}) > 40, "many operator families"
    assert [c.id for c in nightly.cases] == sorted(c.id for c in nightly.cases)
    assert loaded.target("cpu").hosted


def test_shipped_gpu_targets_compile_on_hosted_machines() -> None:
    loaded = workspace.load(SUITES)
    compiled = loaded.suite("e2e-compile")
    assert compiled.depth == "compile"
    assert compiled.targets == ("amd-mi300", "amd-rdna3", "nvidia-sm80", "apple-metal", "amd-aie")
    for name in compiled.targets:
        assert len(compiled.cases_for(name)) >= 300
        assert not loaded.target(name).hosted
        assert at_depth(loaded.target(name), compiled.depth).hosted


def test_no_shipped_case_is_skipped_by_hand() -> None:
    nightly = workspace.load(SUITES).suite("nightly-execute")
    reasons = {case.skip.reason for case in nightly.cases if case.skip}
    assert reasons == {SkipReason.RANDOM, SkipReason.SEQUENCE, SkipReason.OPTIONAL, SkipReason.STRING}


def test_loading_is_light() -> None:
    code = (
        "import sys, pathlib; from suites import workspace, timings;"
        "workspace.load(pathlib.Path('suites')); timings.load(pathlib.Path('suites'));"
        "print([m for m in ('onnx', 'numpy', 'iree', 'torch', 'openpyxl', 'ruamel', 'difflib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_thousand_expectations_load(tmp_path: Path) -> None:
    nightly = workspace.load(SUITES).suite("nightly-execute")
    shipped = catalog.by_name()
    keys = [c.key for c in nightly.cases_for("cpu") if not c.skip and c.model in shipped][:1000]
    groups = "".join(
        f"  - signature: 'failure {i}: it says so'\n    stage: compilation\n    cases:\n"
        + "".join(f"      - {key}\n" for key in keys[i : i + 10])
        for i in range(0, 1000, 10)
    )
    text = f"suite: mine\ntarget: cpu\nfailures:\n{groups}"
    root = folder(tmp_path, mine=manifest("models: [{name: '*'}]\n"), expectations__mine_cpu=text)
    loaded = cases(root)
    assert sum(case.expectation is not None for case in loaded.values()) == 1000


def test_settings_are_inherited_suite_group_model_target(tmp_path: Path) -> None:
    body = """\
targets: [cpu, lab]
defaults:
  timeout: 1m
  seed: 1
  tolerance: {atol: 0.1, rtol: 0.1, pcc: 0.9}
  compile-flags: [--a]
  targets: {lab: {seed: 5, compile-flags: [--a-lab]}}
groups:
  g: {timeout: 2m, tolerance: {rtol: 0.2}, compile-flags: [--b], tags: [grouped], stage-timeouts: {compilation: 30s}}
models:
  - name: onnx/node/test_ab*
    group: g
    compile-flags: [--c]
  - name: onnx/node/test_abs
    timeout: 3m
    tolerance: {pcc: 0.5}
    environment: {A: "1"}
    targets: {lab: {timeout: 4m, lowering: linalg, skip: lab has no floor}}
"""
    found = cases(folder(tmp_path, mine=manifest(body)))
    cpu, lab = found["cpu/onnx/node/test_abs@onnx"], found["lab/onnx/node/test_abs@onnx.linalg"]
    assert (cpu.timeout, cpu.seed, cpu.group) == (180, 1, "g")
    assert (cpu.tolerance.atol, cpu.tolerance.rtol, cpu.tolerance.pcc) == (0.1, 0.2, 0.5)
    assert cpu.compile_flags == ("--iree-llvmcpu-target-cpu=host", "--a", "--b", "--c")
    assert cpu.tags == ("abs", "ai.onnx", "float32", "grouped")
    assert [(s.stage, s.seconds) for s in cpu.stage_timeouts] == [(Stage.COMPILATION, 30)]
    assert [(e.name, e.value) for e in cpu.environment] == [("A", "1")]
    assert cpu.skip is None
    assert (lab.timeout, lab.seed, lab.lowering) == (240, 5, Lowering.LINALG)
    assert lab.compile_flags == ("--a", "--b", "--c", "--a-lab"), "settings for a target come last"
    assert lab.skip is not None
    assert (lab.skip.reason, lab.skip.detail) == (SkipReason.MANIFEST, "lab has no floor")


def test_an_exact_name_wins_over_a_glob_wherever_it_stands(tmp_path: Path) -> None:
    body = """\
models:
  - {name: onnx/node/test_abs, seed: 7}
  - {name: 'onnx/node/*', seed: 1}
  - {tag: abs, seed: 2}
"""
    found = cases(folder(tmp_path, mine=manifest(body)))
    assert found["cpu/onnx/node/test_abs@onnx"].seed == 7
    assert found["cpu/onnx/node/test_add@onnx"].seed == 1


def test_later_globs_win_and_exclude_holds_for_one_entry(tmp_path: Path) -> None:
    body = """\
models:
  - {name: 'onnx/node/test_a*', seed: 1, exclude: [onnx/node/test_and*, onnx/node/test_add]}
  - {tag: add, seed: 2}
"""
    found = cases(folder(tmp_path, mine=manifest(body)))
    assert found["cpu/onnx/node/test_add@onnx"].seed == 2
    assert not [key for key in found if "/test_and" in key]


def test_two_lowerings_of_one_model_are_two_cases(tmp_path: Path) -> None:
    body = "models:\n  - name: onnx/node/test_abs\n  - {name: onnx/node/test_abs, lowering: stablehlo}\n"
    found = cases(folder(tmp_path, mine=manifest(body)))
    assert sorted(found) == ["cpu/onnx/node/test_abs@onnx", "cpu/onnx/node/test_abs@onnx.stablehlo"]


def test_onnx_files_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net-1.onnx").write_bytes(b"")
    body = f"""\
models:
  - onnx: ./models/../models/net-1.onnx
  - onnx: https://host/some/big%20net.onnx?download=1
    name: mine/big
    sha256: {"a" * 64}
    timeout: 3m
"""
    found = cases(folder(tmp_path, mine=manifest(body)))
    local, remote = found["cpu/onnx/net-1@onnx"], found["cpu/mine/big@onnx"]
    assert (local.source.kind, local.source.locator) == (SourceKind.ONNX_FILE, "models/net-1.onnx")
    assert remote.source.kind is SourceKind.ONNX_URL
    assert remote.source.sha256 == "a" * 64
    assert remote.timeout == 180


def test_the_same_folder_elsewhere_has_the_same_digests(tmp_path: Path) -> None:
    def make(root: Path) -> str:
        made = folder(root, mine=manifest("models: [{onnx: ./a.onnx}, {tag: abs}]\n"))
        return cases_digest(workspace.load(made).suite("mine").cases)

    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.onnx").write_bytes(b"")
    assert make(tmp_path / "one") == make(tmp_path / "two")


def test_expectations_are_attached_and_leave_the_digest_alone(tmp_path: Path) -> None:
    text = """\
suite: mine
target: cpu
failures:
  - signature: it broke
    stage: setup
    outcome: CRASH
    cause: our own fault
    review: 2027-01-31
    cases: [onnx/node/test_abs@onnx]
"""
    root = folder(tmp_path, mine=manifest("models: [{name: onnx/node/test_abs}]\n"))
    before = cases_digest(tuple(cases(root).values()))
    folder(tmp_path, expectations__mine_cpu=text)
    (case,) = cases(root).values()
    assert case.expectation is not None
    assert (case.expectation.stage, case.expectation.outcome) == (Stage.SETUP, Outcome.CRASH)
    assert case.expectation.where.endswith("expectations/mine.cpu.yaml:9")
    assert case.expectation.review == "2027-01-31"
    assert cases_digest((case,)) == before


def test_names_of_files_do_not_depend_on_where_the_folder_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "tests" / "mysuites", mine=manifest("models: [{tag: abs}]\n"))
    assert workspace.load(root).suite("mine").file == "mysuites/mine.yaml"
    monkeypatch.chdir(tmp_path)
    assert workspace.load(Path("tests/mysuites")).suite("mine").file == "tests/mysuites/mine.yaml"
    assert workspace.load(root).suite("mine").file == "tests/mysuites/mine.yaml"


def test_unknown_suites_and_targets_offer_close_names() -> None:
    loaded = workspace.load(SUITES)
    with pytest.raises(UsageError, match="did you mean presubmit"):
        loaded.suite("presubmitt")
    with pytest.raises(UsageError, match="did you mean cpu"):
        loaded.target("cpuu")


def test_disjoint_suites_that_overlap_are_told_in_both_files(tmp_path: Path) -> None:
    mine = manifest("disjoint-with: [other]\nmodels:\n  - name: onnx/node/test_abs\n")
    other = manifest("models:\n  - tag: add\n  - tag: abs\n", suite="other")
    found = findings(folder(tmp_path, mine=mine, other=other))
    assert [(Path(f.location.file).name, f.location.line) for f in found] == [("mine.yaml", 7), ("other.yaml", 7)]
    assert "onnx/node/test_abs is also in suite other" in found[0].message


def test_a_folder_that_owns_the_catalogue_must_list_or_excuse_all_of_it(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{name: 'onnx/node/*'}, {name: 'onnx/simple/*'}]\n"))
    assert findings(root) == ()
    (root / "catalog").mkdir()
    (root / "catalog" / "onnx.json").write_bytes((SUITES / "catalog" / "onnx.json").read_bytes())
    converted, operator = findings(root)
    assert "79 more are in no list" in converted.message
    assert "onnx/pytorch-operator/test_operator_add_broadcast" in operator.message
    excused = "excused:\n  - {name: onnx/pytorch-converted/*, reason: slow}\n"
    folder(tmp_path, excused=excused)
    assert [f.message for f in findings(root)] == [operator.message]


def test_targets_carry_every_field(tmp_path: Path) -> None:
    text = f"""\
targets:
  all:
    description: Everything
    backend: vulkan-spirv
    device: vulkan
    runs-on: [self-hosted, ubuntu-24.04]
    compile-runs-on: macos-15
    chip: gfx942
    sku: mi300
    compile-flags: [--x]
    run-flags: [--y]
    input-casts: {{int64: int32, float64: float32}}
    ort-ep-library: /opt/lib/ep.so
    container: {{image: "h/i@sha256:{"0" * 64}", options: --device=/dev/kfd, volumes: ["/a:/b"]}}
    exclusive-device: true
    environment: {{B: "2", A: ""}}
    secrets: [TOKEN]
    secrets-environment: hardware
    toolchain: ../build
    setup-packages: [mesa-vulkan-drivers]
    jobs: 2
    memory-limit: 1.5GiB
    stage-timeouts: {{comparison: 10s, setup: 1m30s}}
    case-timeout: 5m
    shard-timeout: 1h
    job-timeout: 2h
    setup-time: 2m
    shard-budget: 30m
    capacity: 3
    build-on: builder
    precompile-driver: {{}}
    handover-limit: 2GiB
    handover-total: 4GiB
  builder:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
    toolchain: ../build
"""
    root = folder(tmp_path, targets=text, mine=manifest("targets: [all]\nmodels: [{tag: abs}]\n"))
    target = workspace.load(root).target("all")
    default = workspace.load(folder(tmp_path / "b", mine=manifest("models: [{tag: abs}]\n"))).target("cpu")
    same = [f for f in target.__struct_fields__ if getattr(target, f) == getattr(default, f)]
    assert same == [], "every field differs from its default"
    assert not target.hosted, "self-hosted even with a hosted label"
    assert (target.setup_seconds, target.shard_minutes, target.shard_timeout) == (120, 30, 3600)
    assert target.memory_limit == 1.5 * 1024**3
    assert target.input_casts == (InputCast("float64", "float32"), InputCast("int64", "int32"))
    assert [s.stage for s in target.stage_timeouts] == [Stage.SETUP, Stage.COMPARISON]
    assert target.container is not None
    assert target.container.volumes == ("/a:/b",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("backend: llvm-cpu", "backend: llvm", "unknown value 'llvm'"),
        ("    device: local-task\n    runs-on: ubuntu", "    runs-on: ubuntu", "the key 'device' is missing"),
        ("case-timeout: 10m", "case-timeout: 50m", "case-timeout (50m) does not fit into shard-timeout"),
        ("job-timeout: 1h", "job-timeout: 45m", "shard-timeout (50m) does not fit into job-timeout"),
        ("job-timeout: 1h", "job-timeout: 7h", "GitHub ends hosted jobs after 6h"),
        ("case-timeout: 10m", "case-timeout: 10m\n    stage-timeouts: {setup: 11m}", "stage setup (11m)"),
        ("case-timeout: 10m", "case-timeout: 10m\n    secrets: [TOKEN]", "without a GitHub environment"),
        ("case-timeout: 10m", "case-timeout: 10m\n    secrets-environment: x", "guards no secrets"),
        ("case-timeout: 10m", "case-timeout: 10m\n    container: {image: 'a:latest'}", "pinned by digest"),
        ("  lab:", "  Lab:", "'Lab' is not a name of lower-case"),
        ("  lab:", "  cpu:", "given twice"),
        ("targets:", "target:", "unknown key 'target'"),
    ],
)
def test_mistakes_in_targets(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TARGETS
    root = folder(tmp_path, targets=TARGETS.replace(old, new, 1), mine=manifest("models: [{tag: abs}]\n"))
    found = findings(root)
    assert len(found) == 1, [str(f) for f in found]
    assert said in found[0].message
    assert found[0].location.line
    assert found[0].remedy


def test_a_folder_without_anything(tmp_path: Path) -> None:
    said = [f.message for f in findings(tmp_path)]
    assert said == ["holds no manifest", "there is no targets.yaml"]
    assert [f.message for f in findings(tmp_path / "gone")] == ["there is no such folder of suites"]


def test_names_of_manifests(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\n"), copy=manifest("models: [{tag: abs}]\n"))
    (root / "more.yml").write_text("", "utf-8")
    said = {f.message for f in findings(root)}
    assert any("suite 'mine' does not match the file's name copy.yaml" in s for s in said)
    assert any("already declared" in s for s in said)
    assert "would not be read: these files end in .yaml" in said
