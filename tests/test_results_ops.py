from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.merge import merged
from schemas.ops import OpLine, OpResult, OpStarted, OpUse
from schemas.opwords import OpSkip, OpStatus
from schemas.report import ProblemKind
from schemas.words import StageStatus
from tests.results_support.build import journal
from tests.results_support.opruns import (
    ADD,
    BERT,
    SOFTMAX,
    VIT,
    ops_of,
    places,
    red,
    report,
    shard,
    taken_over,
)
from tests.results_support.ops import (
    digest_of,
    op_case,
    op_key,
    op_record,
    result,
    totals,
    use,
    walked,
    write_ops,
)


def test_every_place_is_there_once_with_its_result(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add", "aten.softmax", "aten.add"], [ADD, SOFTMAX]))
    with merged([tmp_path / "in"], None) as view:
        found = list(ops_of(view).rows())
    assert places(found) == [(BERT, 0, "aten.add", 7), (BERT, 1, "aten.softmax", 5), (BERT, 2, "aten.add", 7)]
    assert [row.result for row in found] == [ADD, SOFTMAX, ADD]
    assert view.head.problems == ()
    assert view.head.ops is not None
    assert (view.head.ops.uses, view.head.ops.unique, view.head.ops.failed) == (3, 2, 1)


def test_a_result_that_the_case_lacks_is_taken_from_another_shard(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX]))
    shard(tmp_path / "in", 1, VIT, walked(VIT, ["aten.softmax", "aten.add"]))
    with merged([tmp_path / "in"], None) as view:
        found = [row for row in ops_of(view).rows() if row.case == VIT]
    assert [row.result for row in found] == [SOFTMAX, ADD]
    assert found[0].bundle == f"{(tmp_path / 'in/shard-0').as_posix()}/ops/bert/1"


def test_a_result_that_was_taken_over_shows_the_bundle_of_who_ran_it(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.softmax"], [SOFTMAX]))
    shard(tmp_path / "in", 1, VIT, walked(VIT, ["aten.softmax"], [taken_over(SOFTMAX)]))
    with merged([tmp_path / "in"], None) as view:
        rows = list(ops_of(view).rows())
        assert [row.result and row.result.reused for row in rows] == [False, True]
        assert rows[0].bundle.endswith("/shard-0/ops/bert/1")
        assert {(row.bundle, row.reproduce) for row in rows} == {(rows[0].bundle, SOFTMAX.reproduce)}
        assert [case.reused for case in ops_of(view).cases] == [0, 1]


def test_two_shards_that_ran_the_same_operation_keep_their_own_results(tmp_path: Path) -> None:
    """The worse machine's failure is not hidden by the other's pass, nor the other way round."""
    timeout = result("aten.add", OpStatus.TORCH_IR, outcome=StageStatus.TIMEOUT, signature="timed out in compile")
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    shard(tmp_path / "in", 1, VIT, walked(VIT, ["aten.add"], [timeout]))
    with merged([tmp_path / "in"], None) as view:
        assert places(ops_of(view).rows()) == [(BERT, 0, "aten.add", 7), (VIT, 0, "aten.add", 2)]
        assert [(each.name, each.models, each.frees) for each in ops_of(view).blocking] == [("aten.add", 1, 1)]


def test_a_place_without_any_result_is_shown_with_the_reason(tmp_path: Path) -> None:
    lines = (*walked(BERT, ["aten.add", "aten.lost"], [ADD]), OpStarted(case=BERT, digest=digest_of(op_key("aten.x"))))
    begun = (*lines, use(BERT, 2, "aten.x"), use(BERT, 3, "aten.sym", skip=OpSkip.NO_TENSOR_RESULT))
    shard(tmp_path / "in", 0, BERT, begun)
    with merged([tmp_path / "in"], None) as view:
        found = list(ops_of(view).rows())
        (case,) = ops_of(view).cases
    assert [(row.status, row.why) for row in found] == [
        (7, ""),
        (0, "no journal has its result"),
        (0, "begun, and no journal has its result"),
        (None, "has no tensor result"),
    ]
    assert (case.counts.uses, case.counts.no_result, case.counts.unknown_errors, case.skipped) == (3, 2, 2, 1)
    assert (case.in_flight, case.counts.failed) == (1, 2)


def test_a_resumed_walk_says_each_place_once_and_the_last_result_stands(tmp_path: Path) -> None:
    first = result("aten.add", OpStatus.TORCH_IR, outcome=StageStatus.CRASH)
    lines = (*walked(BERT, ["aten.add"], [first]), *walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX]))
    folder = shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX]))
    write_ops(folder, BERT, lines)
    found = report(tmp_path)
    assert found.ops is not None
    assert (found.ops.uses, found.ops.by_status[7], found.ops.crashes) == (2, 1, 0)
    assert red(found) == []


def test_only_the_attempt_whose_record_stands_is_counted(tmp_path: Path) -> None:
    shard(tmp_path / "in/first", 0, BERT, walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX]))
    shard(tmp_path / "in/second", 0, BERT, walked(BERT, ["aten.add", "aten.softmax"], [ADD, ADD]), attempt=2)
    mended = walked(BERT, ["aten.add"], [ADD])
    shard(tmp_path / "in/third", 0, BERT, mended, attempt=3)
    with merged([tmp_path / "in"], None) as view:
        assert places(ops_of(view).rows()) == [(BERT, 0, "aten.add", 7)]


def test_a_stale_shard_gives_no_operation_and_a_stranger_is_named(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    stale = tmp_path / "in/shard-1"
    journal(stale, [op_record(VIT, walked(VIT, ["aten.add"], [ADD]), shard=1)], shard=1, digest="e" * 64)
    write_ops(stale, VIT, walked(VIT, ["aten.add"], [ADD]))
    write_ops(tmp_path / "in/shard-0", op_case("torch/alien"), walked(op_case("torch/alien"), ["aten.add"]))
    found = report(tmp_path, plan=True)
    assert found.ops is not None
    assert found.ops.uses == 1
    kinds = [kind for kind, _ in red(found)]
    assert kinds.count(ProblemKind.STALE) == 1
    assert (
        ProblemKind.UNPLANNED,
        "operations of cases that were not planned for this run; they are not counted",
    ) in red(found)


def test_a_case_that_could_not_be_walked_is_shown_without_operations(tmp_path: Path) -> None:
    journal(tmp_path / "in", [op_record(BERT, ())])
    found = report(tmp_path)
    assert found.ops is not None
    assert (found.ops.cases, found.ops.uses) == (1, 0)
    assert found.ops.standings["doesn't compile"] == 1
    page = (tmp_path / "out/models.md").read_text()
    assert "`op_by_op; failed to legalize operation 'torch.operator'`" in page


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"uses": 3}, "record: 3 uses, journal: 2"),
        ({"verified": 0}, "record: 0 verified, journal: 1"),
        ({"by_status": (0, 0, 0, 0, 0, 0, 1, 1)}, "record: [0, 0, 0, 0, 0, 0, 1, 1] uses by status"),
        ({"unknown_errors": 5}, "record: 5 unknown errors, journal: 0"),
        ({"backend": "onnx"}, "record: backend onnx, journal: torch"),
    ],
)
def test_totals_that_differ_from_the_journal_are_a_problem(
    tmp_path: Path, change: dict[str, object], text: str
) -> None:
    lines = walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX])
    told = msgspec.convert({**msgspec.to_builtins(totals(lines)), **change}, type(totals(lines)))
    record = msgspec.structs.replace(op_record(BERT, lines), ops=told)
    journal(tmp_path / "in", [record])
    write_ops(tmp_path / "in", BERT, lines)
    ((kind, found),) = red(report(tmp_path))
    assert kind is ProblemKind.OPS_DIFFER
    assert text in found


def test_a_record_whose_journal_is_lost_is_a_problem(tmp_path: Path) -> None:
    journal(tmp_path / "in", [op_record(BERT, walked(BERT, ["aten.add"], [ADD]))])
    assert red(report(tmp_path)) == [(ProblemKind.OPS_DIFFER, "record: 1 uses, journal: none")]


NAMES = [f"aten.op{number}" for number in range(4)]
CASES = [op_case(f"torch/m{number}") for number in range(3)]


@st.composite
def walks(draw: st.DrawFn) -> dict[str, tuple[OpLine, ...]]:
    """What some cases left: any places, results of some of their operations, of several machines."""
    found = {}
    for case in draw(st.lists(st.sampled_from(CASES), min_size=1, unique=True)):
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6))
        known = draw(st.lists(st.sampled_from(NAMES), unique=True))
        statuses = st.sampled_from([OpStatus.TORCH_IR, OpStatus.COMPILED, OpStatus.EXECUTED])
        results = [result(name, draw(statuses), reused=draw(st.booleans())) for name in known]
        skips = [use(case, len(names), "sym", skip=OpSkip.STRUCTURE)] if draw(st.booleans()) else []
        found[case] = (*walked(case, names, results), *skips)
    return found


def seen(inputs: list[Path]) -> list[Any]:
    """Everything that reports show; a result's number is of one merge only."""
    with merged(inputs, None) as view:
        ops = ops_of(view)
        rows = [msgspec.structs.replace(row, number=None) for row in ops.rows()]
        groups = [*ops.operations(), *ops.framework()]
        return [rows, ops.blocking, ops.signatures, ops.cases, view.head.ops, groups]


@settings(max_examples=15)
@given(walks(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_the_inputs_matters(
    walked: dict[str, tuple[OpLine, ...]], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name) / "in"
        folders = [shard(top, number, case, lines) for number, (case, lines) in enumerate(walked.items())]
        shutil.copytree(folders[0], top / "copy")
        inputs = [*folders, top / "copy", *folders]
        rows, *first = seen(folders)
        for _ in range(2):
            chance.shuffle(inputs)
            assert seen(inputs) == [rows, *first]
    owed = Counter((line.case, line.index) for lines in walked.values() for line in lines if isinstance(line, OpUse))
    assert Counter((row.case, row.index) for row in rows) == owed, "every place once, and none besides"
    for row in rows:
        own = [line for line in walked[row.case] if isinstance(line, OpResult) and line.digest == row.digest]
        anybody = [each for lines in walked.values() for each in lines if isinstance(each, OpResult)]
        assert row.result in (own or [each for each in anybody if each.digest == row.digest] or [None])
    cases = first[2]
    assert sum(case.counts.uses + case.skipped for case in cases) == len(rows)


@settings(max_examples=15)
@given(walks())
def test_all_numbers_are_those_of_the_places(walked: dict[str, tuple[OpLine, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for number, (case, lines) in enumerate(walked.items()):
            shard(Path(name), number, case, lines)
        with merged([Path(name)], None) as view:
            ops = ops_of(view)
            rows = [row for row in ops.rows() if not row.skip]
            head = view.head.ops
            assert head is not None
            assert head.by_status == tuple(sum(row.status == rung for row in rows) for rung in range(8))
            assert head.failed == sum(row.failed for row in rows) == sum(each.uses for each in ops.blocking)
            assert head.failed == sum(each.uses for each in ops.signatures)
            assert head.unique == len({row.digest for row in rows}) == len(list(ops.operations()))
            assert sum(group.counts.uses for group in ops.framework()) == len(rows) == head.uses
            for group in ops.operations():
                users = {row.model for row in rows if row.digest == group.digest}
                assert (group.models, ops.models_of(group)) == (len(users), tuple(sorted(users)))
            blockers = {row.case: {r.name for r in rows if r.case == row.case and r.failed} for row in rows}
            for each in ops.blocking:
                assert each.models == sum(each.name in names for names in blockers.values())
                assert each.frees == sum(names == {each.name} for names in blockers.values())
