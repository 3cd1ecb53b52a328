from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from results.cli import main
from results.merge import load_plan, merge, merged
from results.shard import write_shard
from schemas.codec import decode
from schemas.errors import Exit
from schemas.opsreport import ModelOps
from schemas.opwords import OpSkip
from schemas.report import ProblemKind, Report
from tests.results_support.build import journal, shard_results
from tests.results_support.opruns import (
    ADD,
    BERT,
    SOFTMAX,
    VIT,
    ops_of,
    red,
    report,
    shard,
    taken_over,
)
from tests.results_support.ops import (
    op_case,
    op_record,
    result,
    use,
    walked,
    write_ops,
)


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
    for number, case in enumerate(op_case(f"torch/m{n}") for n in range(3)):
        shard(tmp_path / "in", number, case, walked(case, ["aten.add"] * 3, [ADD if not number else taken_over(ADD)]))
    with merged([tmp_path / "in"], None) as view:
        (group,) = ops_of(view).operations()
        assert (group.models, group.counts.uses, group.counts.unique) == (3, 9, 1)
        assert [case.reused for case in ops_of(view).cases] == [0, 1, 1]
        for one, other in itertools.pairwise(ops_of(view).rows()):
            assert (one.case, one.index) < (other.case, other.index)


def test_no_room_for_the_scratch_database_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = walked(BERT, ["aten.add"], [ADD])
    write_ops(tmp_path, BERT, lines)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("results.ops.table.Tables.add_uses", full)
    with pytest.raises(OSError, match="database or disk is full"):
        write_shard(tmp_path, shard_results([op_record(BERT, lines)]), None)
