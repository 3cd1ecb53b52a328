"""Whatever happens to a batch, every case has its one record, and it is the one that the case would have had alone."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from runner.fast.merging import MOST
from schemas.codec import decode
from schemas.record import AGREED, DIFFERED, ShardResults, Together
from schemas.words import Outcome, Stage
from tests.engine_support.build import CHATTER, FAULT, FAULTY, LIE, OPERATORS, RealSuite, model, together
from tests.runner_support.build import marked

pytestmark = pytest.mark.slow
NAMES = list(OPERATORS[:6])
#: As many as one batch has, where nobody has measured them.
TWO_CALLS = list(OPERATORS[:10])
_STAGES = (Stage.COMPILATION, Stage.COMPILED_INFERENCE)


def run(suite: RealSuite, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", *options, **extra)
    assert done.returncode in (0, 1), done.stderr
    return done


@pytest.mark.parametrize("fault", ["crash", "killed", "hang", "exit0", "raises", "eat", "zygote", "garbage"])
@pytest.mark.parametrize("where", ["compilation", "inference"])
def test_a_batch_that_goes_wrong_leaves_its_cases_to_be_run_alone(
    tmp_path: pathlib.Path, fault: str, where: str
) -> None:
    """In inference the second call goes wrong: what has passed before, in the first, stays passed."""
    names = NAMES if where == "compilation" else TWO_CALLS
    suite = RealSuite(tmp_path, names, worker=FAULTY, stage="3s", memory="1GiB", stages=_STAGES)
    done = run(suite, "--timeout-scale", "4", **{FAULT: f"{fault}-{where}"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS"), done.stdout
    assert done.returncode == 0
    batches = (tmp_path / "state" / "batches").read_text().splitlines()
    assert sorted(batches[0].split()) == sorted(f"onnx/{name}" for name in names)
    if where == "compilation":
        assert together(suite.records()) == set()
    elif fault == "raises":  # then each of the second call is called by itself
        assert len(together(suite.records())) == len(names) - 1  # one is drawn
    else:
        assert MOST - 1 <= len(together(suite.records())) <= MOST
    assert not (suite.folder() / "work").exists()
    assert marked(str(tmp_path / "state")) == []


def test_a_compiler_that_crashes_on_one_module_costs_that_one_alone(tmp_path: pathlib.Path) -> None:
    """By halves; the rest passes together."""
    names = [*OPERATORS[:8], "Erf"]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    run(suite, **{FAULT: "crash-tool"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    assert "Erf" not in together(suite.records())
    assert len(together(suite.records())) >= 5


def test_a_compiler_that_crashes_after_lowering_costs_few_the_way_alone(tmp_path: pathlib.Path) -> None:
    names = [*OPERATORS[:8], "Erf"]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    run(suite, **{FAULT: "late-tool"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    assert "Erf" not in together(suite.records())
    assert len(together(suite.records())) >= len(names) - 2, "halves are tried, down to one; one is drawn"


@pytest.mark.parametrize("fault", ["blames", "mute"])
def test_a_module_that_is_refused_only_among_others_is_run_in_its_own_process(
    tmp_path: pathlib.Path, fault: str
) -> None:
    """Whether the errors name it, and it is compiled alone in the batch first, or not. Nothing is left of that."""
    names = [*OPERATORS[:4], "Erf"]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    done = run(suite, "--log-level", "info", **{FAULT: f"{fault}-tool"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    records = suite.records()
    assert records["Erf"].together is None, "it has passed by itself"
    assert len(together(records)) >= len(names) - 2, "one is drawn"
    assert "a batch of 5: 4 ended as they should" in done.stderr or "a batch of 5: 3 ended" in done.stderr
    assert not (suite.folder() / "work").exists()
    logs = suite.folder() / "logs" / "onnx"
    assert not [name for name in together(records) if (logs / f"{name}@onnx").exists()]
    said = (logs / "Erf@onnx" / "compilation.log").read_text()
    assert said.count("$ ") == 1, "of its own process, and not of the batch's"
    assert_it_goes_alone_until_its_model_changes(suite, fault, names)


@pytest.mark.parametrize("fault", ["crash", "hang", "full", "works"])
@pytest.mark.parametrize("refused", [("Erf",), ("Erf-1", "Erf-2", "Erf-3")], ids=["one", "several"])
def test_what_happens_to_refused_modules_when_each_is_compiled_by_itself_in_their_batch_is_no_verdict(
    tmp_path: pathlib.Path, fault: str, refused: tuple[str, ...]
) -> None:
    """Several of them by one process, and then each by one of its own."""
    names = [*OPERATORS[:3], *refused]
    suite = RealSuite(tmp_path, names, worker=FAULTY, stage="4s")
    for rows, name in enumerate(refused, 2):
        (suite.suites / "models" / f"{name}.onnx").write_bytes(model("Erf", rows=rows))
    run(suite, **{FAULT: f"{fault}-solitary"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    records = suite.records()
    assert [records[name].together for name in refused] == [None] * len(refused)
    assert len(together(records) & set(OPERATORS)) >= 2, "they were judged last: what the others have, they keep"
    assert not (suite.folder() / "work").exists()
    for name in refused:
        said = (suite.folder() / "logs" / "onnx" / f"{name}@onnx" / "compilation.log").read_text()
        assert said.count("$ ") == 1, "of its own process"


def test_a_refusal_by_the_process_of_several_which_the_run_alone_contradicts_is_said_to_differ(
    tmp_path: pathlib.Path,
) -> None:
    """As many as make sure that one of them is drawn; that one is compiled anew, and passes."""
    names = [f"Erf-{number}" for number in range(6)]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    for rows, name in enumerate(names, 2):
        (suite.suites / "models" / f"{name}.onnx").write_bytes(model("Erf", rows=rows))
    assert run(suite, **{FAULT: "lies-solitary"}).returncode == 1
    records = suite.records()
    (drawn,) = (name for name, each in records.items() if each.outcome is Outcome.PASS)
    assert records[drawn].together == Together(modules=len(names), again=DIFFERED)
    assert "and not alone" in " ".join(records[drawn].notes)
    for name in set(names) - {drawn}:
        assert records[name].outcome is Outcome.FAIL
        assert records[name].together == Together(modules=len(names))


def test_a_refusal_of_many_words_is_kept_whole_in_the_log_and_short_in_the_record(tmp_path: pathlib.Path) -> None:
    names = [*OPERATORS[:3], "Erf"]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    assert run(suite, **{FAULT: "chatty-solitary"}).returncode == 1
    assert suite.outcomes() == {**dict.fromkeys(names, "PASS"), "Erf": "FAIL"}
    record = suite.records()["Erf"]
    assert record.error is not None
    assert record.error.signature == "failed to legalize operation 'it'"
    assert len(record.error.excerpt) < 10_000
    assert (suite.folder() / str(record.stages[-1].log)).stat().st_size > CHATTER
    assert (suite.folder() / "records.jsonl").stat().st_size < CHATTER // 10


def assert_it_goes_alone_until_its_model_changes(suite: RealSuite, fault: str, names: list[str]) -> None:
    """However often it passes alone: nothing is compiled, and nothing more kept, in any later run."""
    batches, store = suite.root / "state" / "batches", suite.root / "store"
    kept = sum(path.is_file() for path in store.rglob("*"))
    for _ in range(3):
        run(suite, **{FAULT: f"{fault}-tool"})
        assert suite.outcomes() == dict.fromkeys(names, "PASS")
        assert "onnx/Erf" not in batches.read_text().splitlines()[-1]
        assert sum(path.is_file() for path in store.rglob("*")) == kept
    for name in ("Erf", "Neg"):  # one alone would have nobody to be compiled with
        (suite.suites / "models" / f"{name}.onnx").write_bytes(model(name, name="changed"))
    run(suite, **{FAULT: f"{fault}-tool"})
    assert "onnx/Erf onnx/Neg" in batches.read_text().splitlines()


def test_a_refusal_that_the_run_alone_contradicts_is_not_believed_the_next_night_either(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, NAMES, worker=FAULTY)
    folder = suite.suites / "expectations"
    folder.mkdir()
    cases = ", ".join(f"onnx/{name}@onnx" for name in NAMES[:2])
    failures = f'failures:\n  - signature: "{LIE}"\n    stage: compilation\n    cases: [{cases}]\n'
    (folder / "fakes.cpu.yaml").write_text(f"suite: fakes\ntarget: cpu\n{failures}")
    run(suite, **{FAULT: "lies-refusals"})
    (drawn,) = (name for name, each in suite.outcomes().items() if each == "XPASS")
    record = suite.records()[drawn]
    assert record.together == Together(modules=2, again=DIFFERED)
    for _ in range(2):
        run(suite)
        record = suite.records()[drawn]
        assert (record.outcome, record.together) == (Outcome.XPASS, None), "it goes alone, and nothing is kept of it"


def test_a_compiler_that_hangs_costs_the_batch_its_deadline(tmp_path: pathlib.Path) -> None:
    names = [*OPERATORS[:2], "Erf"]
    suite = RealSuite(tmp_path, names, worker=FAULTY, stage="10s")
    run(suite, **{FAULT: "hang-tool"})
    assert suite.outcomes() == dict.fromkeys(names, "PASS")
    assert together(suite.records()) == set()


def test_a_module_that_is_refused_is_judged_alone_and_at_once_in_the_next_run(tmp_path: pathlib.Path) -> None:
    names = [*OPERATORS[:4], "Nonsense"]
    suite = RealSuite(tmp_path, names, worker=FAULTY)
    for number in (1, 2):
        done = run(suite, **{FAULT: "none"})
        assert suite.outcomes() == {**dict.fromkeys(OPERATORS[:4], "PASS"), "Nonsense": "FAIL"}
        assert done.returncode == 1
        members = [line.split() for line in (tmp_path / "state" / "batches").read_text().splitlines()]
        assert len(members) == number
        assert ("onnx/Nonsense" in members[-1]) is (number == 1)
    assert {each.metrics["modules_from_cache"] for each in suite.records().values() if each.together} == {1.0}


def test_wrong_outputs_of_a_batch_are_no_verdict(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, NAMES, worker=FAULTY)
    run(suite, **{FAULT: "wrong"})
    assert suite.outcomes() == dict.fromkeys(NAMES, "PASS")
    assert together(suite.records()) == set()


def test_a_drawn_case_that_does_not_pass_alone_has_the_verdict_of_its_own_run(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, NAMES, worker=FAULTY)
    done = run(suite, **{FAULT: "alone"})
    assert done.returncode == 1
    records = suite.records()
    (drawn,) = (each for each in records.values() if each.outcome is not Outcome.PASS)
    assert drawn.together == Together(modules=len(NAMES), again=DIFFERED)
    assert drawn.error is not None
    assert drawn.error.signature == "only alone"
    assert "and not alone" in " ".join(drawn.notes)
    assert f"1 of {len(NAMES)} joined verdicts were judged again alone, 1 did not agree" in done.stdout
    assert "1 did not agree" in (suite.folder() / "summary.md").read_text()


def test_a_drawn_case_that_agrees_is_counted(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, NAMES)
    done = run(suite)
    again = [each for each in suite.records().values() if each.together is not None and each.together.again]
    assert [each.together for each in again] == [Together(modules=len(NAMES), again=AGREED)]
    assert f"1 of {len(NAMES)} joined verdicts were judged again alone, all agreed" in done.stdout
    results = decode((suite.folder() / "results.json").read_bytes(), ShardResults)
    assert sum(each.together is not None for each in results.records) == len(NAMES)
    assert run(suite, "--engine", "solo").returncode == 0
    assert not any(each.together for each in suite.records().values())
