"""Cases that are expected to fail: in a batch, from what an earlier run has kept, and where they do something else."""

from __future__ import annotations

import pathlib
import re

import onnx
import pytest

from runner.fast.known import Known, Refusal
from runner.pool import WORKER_VARIABLE
from runner.protocol import Failed, Finished
from schemas.bundle import BUNDLE_FILE, Bundle
from schemas.codec import decode
from schemas.record import AGREED, ErrorInfo, Record, StageResult
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Outcome, Stage, StageStatus
from tests.engine_support.build import RealSuite, model, together

SIGNATURE = "failed to legalize operation 'torch.operator': onnx.Swish"
PASSING = ("Abs-1", "Neg-1", "Exp-1")
REFUSED = ("Swish-1", "Swish-2", "Swish-3")
EXPECTATIONS = """suite: fakes
target: cpu
failures:
  - signature: "{signature}"
    stage: {stage}
    cases: [{cases}]
"""


@pytest.fixture
def suite(tmp_path: pathlib.Path) -> RealSuite:
    made = RealSuite(tmp_path, [*PASSING, *REFUSED])
    made.write_unknown(REFUSED)
    return made


def expect(
    suite: RealSuite, names: tuple[str, ...] = REFUSED, signature: str = SIGNATURE, stage: str = "compilation"
) -> None:
    folder = suite.suites / "expectations"
    folder.mkdir(exist_ok=True)
    cases = ", ".join(f"onnx/{name}@onnx" for name in names)
    text = EXPECTATIONS.format(signature=signature, stage=stage, cases=cases)
    (folder / "fakes.cpu.yaml").write_text(text)


def run(suite: RealSuite, *options: str) -> tuple[dict[str, Record], str]:
    """The records by model, and what the runner says of its batches."""
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", "--log-level", "info", *options)
    assert done.returncode in (0, 1), done.stderr
    return suite.records(), done.stderr


def stages(record: Record) -> list[tuple[Stage, StageStatus]]:
    return [(each.stage, each.status) for each in record.stages]


@pytest.mark.slow
def test_an_expected_failure_in_a_batch_is_the_one_that_the_case_has_alone(suite: RealSuite) -> None:
    expect(suite)
    alone, _ = run(suite, "--engine", "solo", "--force-recompile")
    batched, said = run(suite, "--force-recompile")
    assert said.count("a batch of 3: 2 ended as they should") == 2, "one of those that pass and of the others is drawn"
    ends = [batched[name].together for name in REFUSED]
    assert sorted(each.again for each in ends if each) == ["", "", AGREED]
    assert all(each and each.modules == len(REFUSED) for each in ends)
    for name in REFUSED:
        assert batched[name].outcome is alone[name].outcome is Outcome.XFAIL
        assert stages(batched[name]) == stages(alone[name])
        assert batched[name].error == alone[name].error
        assert batched[name].flags == alone[name].flags
        assert batched[name].metrics[MODULES_COMPILED] == 1
        log = batched[name].stages[-1].log
        assert log == f"logs/onnx/{name}@onnx/compilation.log"
        assert "failed to legalize operation" in (suite.folder() / log).read_text()
    assert not list((suite.folder() / "work").rglob("*")), "nothing is left of the batch"


@pytest.mark.slow
def test_what_is_known_to_be_refused_needs_no_process(suite: RealSuite) -> None:
    expect(suite)
    first, _ = run(suite)
    second, said = run(suite)
    assert "a batch of 3" in said, "of those that pass"
    assert said.count("a batch of") == 1
    for name in REFUSED:
        assert second[name].outcome is Outcome.XFAIL
        assert stages(second[name]) == stages(first[name])
        assert second[name].error == first[name].error
        assert second[name].seconds == 0
        assert (second[name].metrics[MODULES_COMPILED], second[name].metrics[MODULES_FROM_CACHE]) == (0, 1)
    forced, said = run(suite, "--force-recompile")
    assert said.count("a batch of") == 2
    assert forced[REFUSED[0]].metrics[MODULES_COMPILED] == 1


@pytest.mark.slow
def test_what_is_known_to_be_refused_has_its_record_where_no_case_can_be_begun(suite: RealSuite) -> None:
    expect(suite)
    run(suite)
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", **{WORKER_VARIABLE: "no.such.module:run"})
    assert done.returncode not in (0, 1)
    assert "No module named 'no'" in done.stderr
    assert suite.outcomes() == dict.fromkeys(REFUSED, "XFAIL")
    resumed, said = run(suite, "--resume")
    assert {name: each.outcome for name, each in resumed.items()} == {
        **dict.fromkeys(REFUSED, Outcome.XFAIL),
        **dict.fromkeys(PASSING, Outcome.PASS),
    }
    assert said.count("a batch of 3") == 1


@pytest.mark.slow
def test_a_failure_that_is_not_the_expected_one_is_judged_alone(suite: RealSuite) -> None:
    expect(suite, signature="failed to legalize something else")
    records, _ = run(suite)
    assert {records[name].outcome for name in REFUSED} == {Outcome.FAIL}
    assert all(records[name].bundle for name in REFUSED), "as every case that is run alone and fails"
    again, said = run(suite)
    assert {again[name].outcome for name in REFUSED} == {Outcome.FAIL}
    assert "a batch of 3: 0" not in said, "they are known to go alone"


@pytest.mark.slow
def test_a_pass_that_nobody_expected_is_judged_alone(suite: RealSuite) -> None:
    expect(suite, names=(*REFUSED, "Abs-1"))
    for _ in range(2):
        records, _ = run(suite)
        assert records["Abs-1"].outcome is Outcome.XPASS
        assert records["Abs-1"].together is None
        assert {records[name].outcome for name in REFUSED} == {Outcome.XFAIL}


@pytest.mark.slow
def test_what_was_kept_of_a_refusal_does_not_excuse_another_model(suite: RealSuite) -> None:
    expect(suite)
    run(suite)
    (suite.suites / "models" / f"{REFUSED[0]}.onnx").write_bytes(model("Abs", name="mended"))
    records, _ = run(suite)
    assert records[REFUSED[0]].outcome is Outcome.XPASS


@pytest.mark.parametrize(
    ("stage", "status", "excerpt", "kept"),
    [
        (Stage.COMPILATION, StageStatus.FAIL, "m.mlir:1:1: error: no", True),
        (Stage.IMPORT_MODEL, StageStatus.FAIL, "OnnxImportError: no", True),
        (Stage.SETUP, StageStatus.FAIL, "no", False),
        (Stage.COMPARISON, StageStatus.FAIL, "values differ", False),
        (Stage.COMPILATION, StageStatus.CRASH, "Stack dump", False),
        (Stage.COMPILATION, StageStatus.INFRA, "disk", False),
        (Stage.COMPILATION, StageStatus.FAIL, "ld: cannot open shared object file", False),
    ],
)
def test_only_a_refusal_that_will_come_again_is_kept(
    tmp_path: pathlib.Path, stage: Stage, status: StageStatus, excerpt: str, kept: bool
) -> None:
    ended = (StageResult(stage=Stage.SETUP, status=StageStatus.PASS, seconds=1.0, log="x"),)
    failed = Failed(
        member=3,
        stages=(*ended, StageResult(stage=stage, status=status, seconds=2.0)),
        error=ErrorInfo(signature="s", excerpt=excerpt),
        last_word=Finished(metrics={MODULES_COMPILED: 1.0, MODULES_FROM_CACHE: 0.0}),
    )
    refusal = Refusal.of(failed)
    assert (refusal is not None) is kept
    if refusal is None:
        return
    known = Known(tmp_path)
    known.keep("ab" * 32, refusal)
    assert known.find("ab" * 32) == refusal
    told = refusal.told(0)
    assert told.error == failed.error
    assert [each.seconds for each in told.stages] == [0, 0]
    assert told.stages[0].log is None
    assert told.last_word.metrics == {MODULES_COMPILED: 0.0, MODULES_FROM_CACHE: 1.0}


@pytest.mark.slow
def test_outputs_that_are_expected_to_differ_are_compared_in_a_batch(tmp_path: pathlib.Path) -> None:
    """A tensor without elements, of which nothing can be compared, beside models that pass and one declared in vain."""
    empty = ("Neg-empty", "Abs-empty", "Exp-empty")
    suite = RealSuite(tmp_path, [*PASSING, *empty])
    for name in empty:
        proto = onnx.load_from_string(model(name.partition("-")[0]))
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 0
        (suite.suites / "models" / f"{name}.onnx").write_bytes(proto.SerializeToString())
    suite.write_matrix()
    expect(suite, names=(*empty, "Abs-1"), signature="nothing compared (empty outputs)", stage="comparison")
    alone, _ = run(suite, "--engine", "solo")
    for modules in ({MODULES_COMPILED: 1.0, MODULES_FROM_CACHE: 0.0}, {MODULES_COMPILED: 0.0, MODULES_FROM_CACHE: 1.0}):
        records, said = run(suite)
        joined = [records[name] for name in together(records) if name in empty]
        assert len(joined) == (2 if modules[MODULES_COMPILED] else 3), f"one is drawn when it is compiled\n{said}"
        assert all(modules.items() <= each.metrics.items() for each in joined)
        assert records["Abs-1"].outcome is alone["Abs-1"].outcome is Outcome.XPASS
        assert records["Abs-1"].together is None
        for name in empty:
            assert records[name].outcome is alone[name].outcome is Outcome.XFAIL
            assert stages(records[name]) == stages(alone[name])
            assert records[name].error == alone[name].error
            assert records[name].comparisons == alone[name].comparisons


@pytest.mark.slow
def test_a_failure_that_nobody_declared_is_compiled_alone_in_the_batch(suite: RealSuite) -> None:
    """Where it is the only one; and leaves what it leaves alone: log, bundle, flags, signature."""
    some = ("--force-recompile", "--tests", "onnx/(Abs|Neg|Exp|Swish-1)")
    alone, _ = run(suite, "--engine", "solo", *some)
    files = {name: bundled(suite, record) for name, record in alone.items() if record.bundle}
    batched, said = run(suite, *some)
    assert re.search("a batch of 4: [34] ended as they should", said), f"one is drawn, which may pass\n{said}"
    (name,) = files
    assert name == REFUSED[0]
    assert {name: bundled(suite, record) for name, record in batched.items() if record.bundle} == files
    one, other = batched[name], alone[name]
    assert one.outcome is other.outcome is Outcome.FAIL
    assert one.together is None
    assert stages(one) == stages(other)
    assert (one.error, one.flags, one.reproduce) == (other.error, other.flags, other.reproduce)
    assert (one.stages[-1].log, one.bundle) == (other.stages[-1].log, other.bundle)
    assert "failed to legalize operation" in (suite.folder() / str(one.stages[-1].log)).read_text()
    assert not (suite.folder() / "work").exists(), "nothing is left of the batch"


@pytest.mark.slow
def test_two_cases_of_one_refused_model_have_each_its_own_record(suite: RealSuite) -> None:
    """They are one module among the others, and one of them is found in the cache when it is compiled alone."""
    models = suite.suites / "models"
    (models / "Swish-2.onnx").write_bytes((models / "Swish-1.onnx").read_bytes())
    suite.write_matrix()
    expect(suite, names=("Swish-3", "Exp-1"), signature="values differ", stage="comparison")
    records, said = run(suite)
    for name in REFUSED:
        assert records[name].outcome is Outcome.FAIL
        error = records[name].error
        assert error is not None
        assert error.signature == SIGNATURE
        assert bundled(suite, records[name])
        assert (suite.folder() / f"logs/onnx/{name}@onnx/compilation.log").is_file()
    left = [line for line in said.splitlines() if "a batch of 2: 0 ended as they should" in line]
    assert len(left) == 1, said
    assert "Swish-3" in left[0], "declared to fail in another way: it has its own process"
    assert records["Exp-1"].outcome is Outcome.XPASS
    assert not (suite.folder() / "work").exists()


def bundled(suite: RealSuite, record: Record) -> dict[str, str]:
    """The files of a case's bundle, by name, and what they hold."""
    found = decode((suite.folder() / record.bundle / BUNDLE_FILE).read_bytes(), Bundle)
    return {each.path: each.sha256 for each in found.files}
