from __future__ import annotations

import itertools
import json
import random
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.cli import main
from results.merge import load_plan, merge, merged
from results.ops.ask import Ops
from results.ops.rows import OpRow
from results.shard import write_shard
from results.view import View
from schemas.codec import decode, encode, encode_pretty
from schemas.errors import Exit
from schemas.ops import OpLine, OpResult, OpStarted, OpUse
from schemas.opsreport import ModelOps
from schemas.opwords import OpSkip, OpStatus
from schemas.report import ProblemKind, Report
from schemas.words import StageStatus
from tests.results_support.build import journal, matrix, shard_results
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

BERT, VIT = op_case("torch/bert/tiny"), op_case("torch/vit/tiny")
PLANNED = matrix([["torch/bert/tiny@torch-mlir"], ["torch/vit/tiny@torch-mlir"]])
ADD, SOFTMAX = result("aten.add"), result("aten.softmax", OpStatus.DISPATCHES, bundle="ops/bert/1")


def taken_over(found: OpResult) -> OpResult:
    return msgspec.structs.replace(found, reused=True, bundle="", reproduce="")


def shard(top: Path, number: int, case: str, lines: Iterable[OpLine], **fields: int) -> Path:
    """A shard's folder with one case."""
    lines = tuple(lines)
    folder = top / f"shard-{number}"
    attempt = fields.get("attempt", 1)
    journal(folder, [op_record(case, lines, shard=number, attempt=attempt)], shard=number, attempt=attempt)
    write_ops(folder, case, lines)
    return folder


def ops_of(view: View) -> Ops:
    assert view.ops is not None
    return view.ops


def places(rows: Iterable[OpRow]) -> list[tuple[str, int, str, int | None]]:
    return [(row.case, row.index, row.name, row.status) for row in rows]


def report(top: Path, *inputs: Path, plan: bool = False) -> Report:
    matrices = []
    if plan:
        (top / "m.json").write_bytes(encode_pretty(PLANNED))
        matrices = [top / "m.json"]
    merge(inputs or [top / "in"], matrices, None, top / "out")
    return decode((top / "out" / "results.json").read_bytes(), Report)


def red(found: Report) -> list[tuple[ProblemKind, str]]:
    return [(problem.kind, problem.text) for problem in found.problems if problem.red]


# ---- the join -------------------------------------------------------------------------------------------------------


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


# ---- totals ---------------------------------------------------------------------------------------------------------


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


# ---- damage ---------------------------------------------------------------------------------------------------------


def test_a_journal_cut_in_the_middle_of_a_line_loses_that_line(tmp_path: Path) -> None:
    lines = walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX])
    folder = shard(tmp_path / "in", 0, BERT, lines[:-1])
    path = write_ops(folder, BERT, lines)
    path.write_bytes(path.read_bytes()[:-20])
    found = report(tmp_path)
    assert found.ops is not None
    assert (found.ops.uses, red(found)) == (1, [])


def test_lines_that_cannot_be_read_are_named_and_the_rest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("results.journal.MAX_LINE", 3000)
    lines = walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX])
    folder = shard(tmp_path / "in", 0, BERT, lines)
    path = write_ops(folder, BERT, lines)
    whole = path.read_bytes().splitlines(keepends=True)
    huge = b'{"kind":"use","index":' + b"9" * 40 + b"}\n"
    far = encode(msgspec.structs.replace(use(BERT, 7, "aten.add"), index=2**40)) + b"\n"
    path.write_bytes(b"".join([b"\x00\xff\n", *whole[:3], b'"' + b"x" * 5000 + b'"\n', huge, far, b"\n", *whole[3:]]))
    found = report(tmp_path)
    assert found.ops is not None
    assert found.ops.uses == 2
    ((kind, text),) = red(found)
    assert (kind, text) == (ProblemKind.DAMAGED, "lines 1, 5, 6, 7 are unreadable; the other lines were taken")


def test_lines_of_other_shards_and_targets_are_refused(tmp_path: Path) -> None:
    """A shard cannot add operations to another one's cases, nor results to another target's."""
    lines = walked(BERT, ["aten.add"], [ADD])
    folder = shard(tmp_path / "in", 0, BERT, lines)
    foreign = op_case("torch/bert/tiny", target="vmvx")
    more = (*lines, use(foreign, 0, "aten.add"), msgspec.structs.replace(SOFTMAX, target="vmvx"))
    write_ops(folder, BERT, more)
    found = report(tmp_path)
    assert found.ops is not None
    assert found.ops.uses == 1
    assert red(found) == [(ProblemKind.DAMAGED, "lines 4, 5 are of another shard's case or target, and were not taken")]


def test_operations_of_no_shard_are_named(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    (tmp_path / "in/shard-0/records.jsonl").rename(tmp_path / "in/shard-0/else.jsonl")
    shard(tmp_path / "in", 1, VIT, walked(VIT, ["aten.add"], [ADD]))
    found = report(tmp_path)
    assert found.ops is not None
    assert found.ops.uses == 1
    ((kind, text),) = red(found)
    assert kind is ProblemKind.DAMAGED
    assert text.startswith("operations of no shard")


def test_what_lies_in_a_bundle_is_no_journal_and_links_are_refused(tmp_path: Path) -> None:
    folder = shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    beside = folder / "ops/torch/bert/tiny@torch-mlir"
    beside.mkdir()
    (beside / "other.jsonl").write_bytes(b"{}\n")
    (folder / "ops/torch/link.jsonl").symlink_to(folder / "records.jsonl")
    found = report(tmp_path)
    assert red(found) == [(ProblemKind.REFUSED, "it is a symbolic link, and links are not followed")]
    assert found.ops is not None
    assert found.ops.uses == 1


# ---- archives -------------------------------------------------------------------------------------------------------


def packed(top: Path, folder: Path, prefix: str = "") -> Path:
    archive = top / "in.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                made.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


@pytest.mark.parametrize("prefix", ["", "deep/ops/cpu/0/"])
def test_an_artifact_is_read_like_its_folder(tmp_path: Path, prefix: str) -> None:
    lines = walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX])
    folder = shard(tmp_path / "made", 0, BERT, lines)
    odd = op_case("ops/odd")
    journal(folder, [op_record(BERT, lines), op_record(odd, walked(odd, ["aten.add"], [ADD]))])
    write_ops(folder, odd, walked(odd, ["aten.add"], [ADD]))
    bundle = folder / "ops/torch/bert/tiny@torch-mlir"
    bundle.mkdir()
    (bundle / "other.jsonl").write_bytes(b"{}\n")
    with merged([packed(tmp_path, folder, prefix)], None) as view:
        zipped = [msgspec.structs.replace(row, bundle="") for row in ops_of(view).rows()]
        assert view.head.problems == ()
    with merged([folder], None) as view:
        assert [msgspec.structs.replace(row, bundle="") for row in ops_of(view).rows()] == zipped
    assert len(zipped) == 3


def test_an_oversized_journal_of_an_artifact_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shard(tmp_path / "made", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    with zipfile.ZipFile(packed(tmp_path, folder), "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("ops/bomb.jsonl", "0" * 2_000_000)
        made.writestr("../ops/escaped.jsonl", "{}")
    monkeypatch.setattr("results.archive.MAX_MEMBER_BYTES", 1_000_000)
    found = report(tmp_path, tmp_path / "in.zip")
    assert sorted(kind for kind, _ in red(found)) == [ProblemKind.DAMAGED, ProblemKind.REFUSED]
    assert found.ops is not None
    assert found.ops.uses == 1


# ---- laws of the join -----------------------------------------------------------------------------------------------

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


# ---- JSON and the shard's own report --------------------------------------------------------------------------------


def test_the_json_of_a_model_has_typed_fields(tmp_path: Path) -> None:
    low = result("aten.mul", pcc=0.5)
    lines = (
        *walked(BERT, ["aten.add", "aten.mul", "aten.softmax", "aten.add", "aten.lost"], [ADD, SOFTMAX, low]),
        use(BERT, 5, "aten.sym", skip=OpSkip.NO_TENSOR_RESULT),
    )
    shard(tmp_path / "in", 0, BERT, lines)
    report(tmp_path)
    data = (tmp_path / "out/ops/torch/bert/tiny.json").read_bytes()
    (case,) = decode(data, ModelOps).cases
    add, mul, softmax, lost = case.ops
    assert (add.framework_op_name, add.num_ops, add.indices, add.compilation_status) == ("aten.add", 2, (0, 3), 7)
    assert (add.input_shapes, add.output_shapes) == (((2, 3), None), ((2, 3),))
    assert (mul.pcc, mul.atol, mul.verified) == (0.5, 1e-7, False)
    assert softmax.runtime_stack_dump.startswith("error: failed to legalize")
    assert softmax.graphs == {"torch": '%0 = "aten.softmax"'}
    assert (lost.compilation_status, lost.outcome, lost.why) == (0, None, "no journal has its result")
    assert [(each.index, each.skip) for each in case.skipped] == [(5, OpSkip.NO_TENSOR_RESULT)]
    plain = json.loads(data)["cases"][0]["ops"][1]
    assert isinstance(plain["pcc"], float)
    assert isinstance(plain["compilation_status"], int)
    fields = "framework_op_name torch_name frontend backend model_name model_group global_op_idx input_shapes"
    more = "output_shapes num_ops compilation_status graphs runtime_stack_dump pcc atol"
    assert set(f"{fields} {more}".split()) <= plain.keys()


def test_files_of_models_that_are_gone_go_and_others_stay(tmp_path: Path) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    report(tmp_path)
    mine = tmp_path / "out/ops/mine.json"
    mine.write_text("{}")
    shutil.rmtree(tmp_path / "in")
    shard(tmp_path / "in", 0, VIT, walked(VIT, ["aten.add"], [ADD]))
    report(tmp_path)
    left = sorted(path.relative_to(tmp_path / "out/ops").as_posix() for path in (tmp_path / "out/ops").rglob("*.json"))
    assert left == ["mine.json", "torch/vit/tiny.json"]


@pytest.mark.parametrize("model", ["../../../escaped", "/etc/x", "..", "a/../b", "x" * 400, "a\\b", "é/ü", "a/.json"])
def test_no_model_writes_outside_of_the_report(tmp_path: Path, model: str) -> None:
    case = op_case(model)
    lines = walked(case, ["aten.add"], [ADD])
    journal(tmp_path / "in/0", [op_record(case, lines)])
    write_ops(tmp_path / "in/0", BERT, lines)
    before = set(tmp_path.rglob("*"))
    merge([tmp_path / "in"], [], None, tmp_path / "out")
    (made,) = (tmp_path / "out/ops").rglob("*.json")
    assert decode(made.read_bytes(), ModelOps).model == model
    outside = [path for path in set(tmp_path.rglob("*")) - before if not path.is_relative_to(tmp_path / "out")]
    assert outside == []


def test_a_shard_reports_its_own_operations_and_keeps_its_journals(tmp_path: Path) -> None:
    lines = walked(BERT, ["aten.add", "aten.softmax"], [ADD, SOFTMAX])
    journal_file = write_ops(tmp_path, BERT, lines)
    results = shard_results([op_record(BERT, lines)])
    write_shard(tmp_path, results, None)
    found = decode((tmp_path / "results.json").read_bytes(), Report)
    assert found.ops is not None
    assert found.ops.uses == 2
    assert journal_file.exists()
    assert (tmp_path / "ops/torch/bert/tiny.json").exists()
    assert "`torch/bert/tiny`" in (tmp_path / "models.md").read_text()
    journal_file.unlink()
    write_shard(tmp_path, results, None)
    found = decode((tmp_path / "results.json").read_bytes(), Report)
    assert found.red
    assert red(found) == [(ProblemKind.OPS_DIFFER, "record: 1 uses, journal: none".replace("1", "2"))]


def test_merge_on_the_command_line_names_the_files_and_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard(tmp_path / "in", 0, BERT, walked(BERT, ["aten.add"], [ADD]))
    assert main(["merge", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == Exit.OK
    printed = capsys.readouterr().out
    assert "unplanned" in printed
    assert str(tmp_path / "out/models.md") in printed
    assert "**UNPLANNED**" in (tmp_path / "out/models.md").read_text()
    assert load_plan([], None) is None


def test_pairs_of_shards_share_one_unique_operation(tmp_path: Path) -> None:
    for number, case in enumerate(CASES):
        shard(tmp_path / "in", number, case, walked(case, ["aten.add"] * 3, [ADD if not number else taken_over(ADD)]))
    with merged([tmp_path / "in"], None) as view:
        (group,) = ops_of(view).operations()
        assert (group.models, group.counts.uses, group.counts.unique) == (3, 9, 1)
        assert [case.reused for case in ops_of(view).cases] == [0, 1, 1]
        for one, other in itertools.pairwise(ops_of(view).rows()):
            assert (one.case, one.index) < (other.case, other.index)
