"""Models that are equal but for the name of their graph are one module: compiled once, called with each's inputs."""

from __future__ import annotations

import pathlib

import pytest

from runner.cache.inventory import JOINED
from schemas.record import Record
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Outcome
from tests.engine_support.build import RealSuite, model, together, unknown_model

PASSING = ("Abs-1", "Abs-2", "Abs-3", "Neg-1", "Exp-1")
REFUSED = ("Swish-1", "Swish-2", "Swish-3")
EXPECTATIONS = """suite: fakes
target: cpu
failures:
  - signature: "{signature}"
    stage: compilation
    cases: [{cases}]
"""
SIGNATURE = "failed to legalize operation 'torch.operator': onnx.Swish"


@pytest.fixture
def suite(tmp_path: pathlib.Path) -> RealSuite:
    """Every model's graph has a name of its own, and every case other inputs."""
    made = RealSuite(tmp_path, [*PASSING, *REFUSED])
    for name in (*PASSING, *REFUSED):
        graph = f"graph_of_{name.replace('-', '_')}"
        made_of = unknown_model(graph) if name in REFUSED else model(name.partition("-")[0], name=graph)
        (made.suites / "models" / f"{name}.onnx").write_bytes(made_of)
    manifest = made.suites / "fakes.yaml"
    for seed, name in enumerate((*PASSING, *REFUSED), 1):
        line = f"  - onnx: ./models/{name}.onnx\n"
        manifest.write_text(manifest.read_text().replace(line, f"{line}    seed: {seed}\n"))
    made.write_matrix()
    return made


def run(suite: RealSuite, *options: str) -> dict[str, Record]:
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", *options)
    assert done.returncode in (0, 1), done.stderr
    return suite.records()


@pytest.mark.slow
def test_twins_that_pass_are_one_module(suite: RealSuite, tmp_path: pathlib.Path) -> None:
    records = run(suite, "--tests", "onnx/(Abs|Neg|Exp)")
    assert {each.outcome for each in records.values()} == {Outcome.PASS}
    joined = together(records)
    assert len(joined) >= len(PASSING) - 1, "one is drawn"
    modules = [each.together.modules for name, each in records.items() if name in joined and each.together is not None]
    assert modules == [len({each.partition("-")[0] for each in PASSING})] * len(joined)
    assert sum(records[name].metrics[MODULES_COMPILED] for name in PASSING if name in joined) <= modules[0]
    again = run(suite, "--tests", "onnx/(Abs|Neg|Exp)")
    for name in joined:
        assert again[name].outcome is Outcome.PASS
        assert again[name].metrics[MODULES_FROM_CACHE] == 1.0
    assert len(list((tmp_path / "store" / JOINED / "modules").glob("*.vmfb"))) == 1


@pytest.mark.slow
def test_twins_that_are_refused_have_each_the_record_of_its_own_process(suite: RealSuite) -> None:
    alone = run(suite, "--engine", "solo", "--force-recompile", "--tests", "onnx/Swish")
    logs = {name: log(suite, record) for name, record in alone.items()}
    batched = run(suite, "--tests", "onnx/Swish")
    compiled = [each.metrics[MODULES_COMPILED] for each in batched.values()]
    assert sorted(compiled) == [0.0, 0.0, 0.0], "they are known from before"
    for name in REFUSED:
        one, other = batched[name], alone[name]
        assert one.outcome is other.outcome is Outcome.FAIL
        assert (one.error, one.flags, one.reproduce) == (other.error, other.flags, other.reproduce)
        assert one.error is not None
        assert one.error.signature == SIGNATURE
        command, note, said = log(suite, one).split("\n", 2)
        assert note.startswith("# not run: from the cache, ")
        assert f"{command}\n{said}" == logs[name]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["solo", "auto"])
def test_of_twins_that_are_refused_one_is_compiled(suite: RealSuite, engine: str) -> None:
    records = run(suite, "--engine", engine, "--tests", "onnx/Swish", "--jobs", "1")
    compiled = [records[name].metrics[MODULES_COMPILED] for name in REFUSED]
    assert sorted(compiled) == [0.0, 0.0, 1.0]
    assert {records[name].outcome for name in REFUSED} == {Outcome.FAIL}
    assert len({records[name].error for name in REFUSED}) == 1


@pytest.mark.slow
def test_twins_that_are_declared_to_be_refused_have_each_its_own_words(suite: RealSuite) -> None:
    """Of two models, so that the compiler has something to tell apart."""
    models, other = suite.suites / "models", "Swish-3"
    (models / f"{other}.onnx").write_bytes(unknown_model("quite_another_name", 5))
    suite.write_matrix()
    (suite.suites / "expectations").mkdir()
    cases = ", ".join(f"onnx/{name}@onnx" for name in REFUSED)
    (suite.suites / "expectations" / "fakes.cpu.yaml").write_text(EXPECTATIONS.format(signature=SIGNATURE, cases=cases))
    alone = run(suite, "--engine", "solo", "--force-recompile", "--tests", "onnx/Swish")
    batched = run(suite, "--force-recompile", "--tests", "onnx/Swish")
    assert {batched[name].outcome for name in REFUSED} == {Outcome.XFAIL}
    assert together(batched), "at most one of them is drawn"
    for name in REFUSED:
        assert batched[name].error == alone[name].error


def log(suite: RealSuite, record: Record) -> str:
    return (suite.folder() / str(record.stages[-1].log)).read_text()
