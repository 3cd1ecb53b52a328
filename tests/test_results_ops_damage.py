from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import pytest

from results.merge import merged
from schemas.codec import encode
from schemas.report import ProblemKind
from tests.results_support.build import journal
from tests.results_support.opruns import (
    ADD,
    BERT,
    SOFTMAX,
    VIT,
    ops_of,
    red,
    report,
    shard,
)
from tests.results_support.ops import (
    op_case,
    op_record,
    use,
    walked,
    write_ops,
)


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
