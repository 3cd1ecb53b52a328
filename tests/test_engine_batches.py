"""Which cases may go together, in what batches, and which of their passes are judged again."""

from __future__ import annotations

import pathlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.fast import eligible, sample
from runner.fast.forming import MODULES, RUNS, Candidate, batches, turn
from runner.fast.known import Alone, Known, Place
from runner.options import Engine, Options, parse
from runner.protocol import Batch, Failed, Finished, Member, Passed
from schemas.case import Expectation, Skip, Tuning
from schemas.record import AGREED, DIFFERED, ErrorInfo, Record, Together
from schemas.words import Depth, Lowering, Mode, Outcome, Path, SkipReason, SourceKind, Stage
from tests.stages_support.cases import CPU, a_case


def test_a_plain_small_case_may_be_joined() -> None:
    assert eligible.joinable(a_case(), ())
    assert eligible.joinable(a_case(depth=Depth.COMPILE), ())
    assert eligible.joinable(a_case(expectation=Expectation(stage=Stage.COMPILATION, signature="s")), ())


@pytest.mark.parametrize(
    "other",
    [
        {"expectation": Expectation(stage=Stage.COMPILATION, signature="s", outcome=Outcome.TIMEOUT)},
        {"expectation": Expectation(stage=Stage.COMPILATION, signature="", anyhow=(Stage.COMPILATION,))},
        {"skip": Skip(SkipReason.MANIFEST, "why")},
        {"depth": Depth.IMPORT},
        {"path": Path.ORT_EP},
        {"lowering": Lowering.LINALG},
        {"mode": Mode.TRAIN},
        {"tuning": Tuning(save_ir=True)},
        {"tuning": Tuning(verify=False)},
        {"run_flags": ("--x",)},
        {"import_flags": ("--x",)},
        {"files": ("f",)},
        {"source": msgspec.structs.replace(a_case().source, kind=SourceKind.PYTHON)},
    ],
)
def test_a_case_with_something_of_its_own_goes_alone(other: dict[str, object]) -> None:
    assert not eligible.joinable(a_case(**other), ())


def test_what_did_not_pass_with_others_before_goes_alone() -> None:
    assert not eligible.joinable(a_case(), {a_case().id})


@pytest.mark.parametrize(
    "options",
    [["--engine", "solo"], ["--stages", "setup"], ["--keep", "all"], ["--load-inputs"], ["--timeout", "10s"]],
)
def test_a_run_that_wants_something_of_single_cases_has_no_batches(options: list[str]) -> None:
    assert eligible.engine_runs(parse(["--shard", "s/cpu"]), CPU)
    assert not eligible.engine_runs(parse(["--shard", "s/cpu", *options]), CPU)


def test_the_engine_is_auto_where_nothing_is_said() -> None:
    assert Options().engine is Engine.AUTO


def test_a_large_model_goes_alone(tmp_path: pathlib.Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"x")
    assert eligible.model_file(str(tmp_path)) == model
    model.write_bytes(b"x" * (eligible.LARGEST_MODEL + 1))
    assert eligible.model_file(str(model)) is None
    assert eligible.model_file(str(tmp_path / "absent")) is None


CANDIDATES = st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.floats(0.01, 90), st.sampled_from(["", "m", "n"])))


@given(CANDIDATES)
def test_every_case_is_in_one_batch_and_families_never_mix(drawn: list[tuple[bytes, float, str]]) -> None:
    candidates = [
        Candidate(
            member=Member(case=a_case(id=f"s/cpu/{n}@onnx"), source="s", compiled=compiled), family=family, seconds=time
        )
        for n, (family, time, compiled) in enumerate(drawn)
    ]
    families = {each.member.case.id: each.family for each in candidates}
    formed = [batch for batch, _ in batches(candidates, "")]
    ids = [each.case.id for batch in formed for each in batch.members]
    assert sorted(ids) == sorted(families)
    for batch in formed:
        assert len({families[each.case.id] for each in batch.members}) == 1
        assert len({bool(each.compiled) for each in batch.members}) == 1
        assert len(batch.members) <= (RUNS if batch.members[0].compiled else MODULES)


@pytest.mark.parametrize(
    ("cases", "at", "at_once", "sizes"),
    [
        (10, "", True, [10]),
        (40, "", True, [12, 12, 12, 4]),
        (40, "", False, [36, 4]),
        (90, "", True, [23, 23, 23, 21]),
        (400, "", True, [36] * 11 + [4]),
        (36, "m", True, [9, 9, 9, 9]),
        (36, "m", False, [36]),
        (190, "m", True, [48] * 3 + [46]),
        (400, "m", True, [34] * 11 + [26]),
        (100, "m", False, [48, 48, 4]),
        (380, "known m", True, [95] * 4),
        (400, "known m", True, [50] * 8),
        (840, "known m", True, [70] * 12),
        (200, "known m", False, [96, 96, 8]),
    ],
)
def test_few_cases_are_spread_where_several_batches_run_at_a_time(
    cases: int, at: str, at_once: bool, sizes: list[int]
) -> None:
    *key, compiled = at.split() or [""]
    ids = [f"s/cpu/{n}@onnx" for n in range(cases)]
    members = [Member(case=a_case(id=each), source="s", compiled=compiled, key="".join(key)) for each in ids]
    candidates = [Candidate(member=each, family=b"", seconds=0.3) for each in members]
    assert [len(each.members) for each, _ in batches(candidates, "", at_once=at_once)] == sizes


def test_what_is_yet_to_be_compiled_comes_first() -> None:
    """However short it should be: the batches of compiled modules fill what time is left beside it."""
    cases = (("warm", "m", 48.0), ("cold", "", 5.0), ("colder", "", 9.0), ("warmer", "m", 50.0))
    formed = [(Batch(members=(Member(case=a_case(id=n), source="s", compiled=m),)), s) for n, m, s in cases]
    assert [each.members[0].case.id for each, _ in sorted(formed, key=turn)] == ["colder", "cold", "warmer", "warm"]


@given(st.lists(st.text(min_size=1), unique=True), st.integers(0, 500))
def test_the_sample_depends_on_seed_and_cases_alone(cases: list[str], cold: int) -> None:
    found = sample.drawn(cases, "seed", cold)
    assert found == sample.drawn(list(reversed(cases)), "seed", cold)
    assert found <= set(cases)
    assert bool(found) is bool(cases)


def test_a_drawn_case_says_whether_both_runs_agree() -> None:
    record = Record(
        case="s/cpu/a@onnx", suite="s", target="cpu", model="a", path=Path.ONNX, depth=Depth.EXECUTE,
        outcome=Outcome.PASS, exit_status="PASS",
    )  # fmt: skip
    said = Passed(member=0, modules=16, stages=(), last_word=Finished())
    same = sample.settled(record, said)
    assert same.together is not None
    assert (same.together.again, same.notes) == (AGREED, ())
    other = sample.settled(msgspec.structs.replace(record, outcome=Outcome.FAIL), said)
    assert other.together is not None
    assert (other.together.again, other.outcome, len(other.notes)) == (DIFFERED, Outcome.FAIL, 1)


@pytest.mark.parametrize(
    ("outcome", "signature", "again"),
    [
        (Outcome.FAIL, "it", AGREED),
        (Outcome.FAIL, "something else", DIFFERED),
        (Outcome.CRASH, "it", DIFFERED),
        (Outcome.PASS, None, DIFFERED),
    ],
)
def test_a_refusal_that_nobody_declared_agrees_with_the_same_one_alone(
    outcome: Outcome, signature: str | None, again: str
) -> None:
    record = Record(
        case="s/cpu/a@onnx", suite="s", target="cpu", model="a", path=Path.ONNX, depth=Depth.EXECUTE,
        outcome=outcome, exit_status="compilation", error=ErrorInfo(signature=signature) if signature else None,
    )  # fmt: skip
    said = Failed(member=0, modules=12, stages=(), error=ErrorInfo(signature="it"), last_word=Finished())
    assert sample.settled(record, said).together == Together(modules=12, again=again)


def test_a_machine_that_failed_says_nothing_of_a_drawn_case() -> None:
    record = Record(
        case="s/cpu/a@onnx", suite="s", target="cpu", model="a", path=Path.ONNX, depth=Depth.EXECUTE,
        outcome=Outcome.INFRA, exit_status="setup",
    )  # fmt: skip
    assert sample.settled(record, Passed(member=0, modules=16, stages=(), last_word=Finished())) == record


def test_a_kept_module_is_found_again_and_a_damaged_one_is_not(tmp_path: pathlib.Path) -> None:
    known = Known(tmp_path)
    assert known.find("ab12") is None
    place = Place(module=known.keep_module(b"code"), function="f", results=("f32",), modules=3)
    known.keep("ab12", place)
    assert known.find("ab12") == place
    path = known.module(place.module)
    assert known.read(path) == b"code"
    path.write_bytes(b"c0de")
    with pytest.raises(OSError, match="damaged"):
        known.read(path)
    assert known.find("ab12") is None
    alone = Alone(failed=frozenset({"b", "a"}), left={"c": "ab12"})
    known.remember_alone("s-cpu", alone)
    assert known.alone("s-cpu") == alone
    assert known.alone("other") == Alone()
    assert not list((tmp_path / "joined").rglob("*.tmp"))
