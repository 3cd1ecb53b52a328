"""What builds knew, joined with a matrix and the records of devices: nothing vanishes, nothing counts twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from results.merge import merge
from schemas.codec import decode, encode, encode_pretty
from schemas.partial import PARTIALS, BuildFooter, BuildHeader, BuildStarted, CaseBuilt, Partial, PartialLine
from schemas.record import CaseRecord, Record, ShardFooter, ShardHeader, StageResult
from schemas.report import Report
from schemas.words import Outcome, Stage, StageStatus
from tests.results_support.build import DIGEST, key, matrix, record

BUILT = StageResult(stage=Stage.COMPILATION, status=StageStatus.PASS, seconds=3.0, built_on="host")


def case(number: int) -> str:
    return f"s/cpu/{key(number)}"


def handed(number: int) -> Partial:
    return Partial(case=case(number), stages=(BUILT,), seconds=3.5, bundle="b", digest="0" * 64)


def ended(number: int) -> Partial:
    return Partial(case=case(number), final=record(key(number), Outcome.FAIL, signature="no such op"))


def build(
    root: Path, name: str, partials: Sequence[Partial], *, attempt: int = 1, digest: str = DIGEST,
    complete: bool = True, begun: Sequence[int] = (),
) -> None:  # fmt: skip
    header = BuildHeader(
        suite="s", target="cpu", shard=0, build_on="host", matrix_digest=digest, planned=3, attempt=attempt
    )
    lines: list[PartialLine] = [header, *(BuildStarted(case=case(n), started="t") for n in begun)]
    lines += [CaseBuilt(partial=each) for each in partials]
    lines += [BuildFooter()] if complete else []
    folder = root / name / "s" / "cpu" / "0" / "build"
    folder.mkdir(parents=True)
    (folder / PARTIALS).write_bytes(b"".join(encode(each) + b"\n" for each in lines))


def device(root: Path, records: Sequence[Record]) -> None:
    folder = root / "device" / "s" / "cpu" / "0"
    folder.mkdir(parents=True)
    header = ShardHeader(suite="s", target="cpu", shard=0, matrix_digest=DIGEST, planned=3)
    lines = [header, *(CaseRecord(record=each) for each in records), ShardFooter()]
    (folder / "records.jsonl").write_bytes(b"".join(encode(each) + b"\n" for each in lines))


def merged(root: Path) -> tuple[dict[str, Record], list[tuple[str, bool]], bool]:
    (root / "m.json").write_bytes(encode_pretty(matrix([[key(n) for n in range(3)]])))
    head = merge([root], [root / "m.json"], None, root / "out")
    report = decode((root / "out" / "results.json").read_bytes(), Report)
    assert [each.case for each in report.records] == [case(n) for n in range(3)]
    return {each.case: each for each in report.records}, [(str(p.kind), p.red) for p in head.problems], head.red


def test_where_the_device_spoke_its_build_adds_nothing(tmp_path: Path) -> None:
    joined = msgspec.structs.replace(record(key(0)), stages=(BUILT, *record(key(0)).stages))
    build(tmp_path, "build", [handed(0), handed(1), ended(2)])
    device(tmp_path, [joined, record(key(1)), record(key(2), Outcome.FAIL, signature="no such op")])
    records, problems, red = merged(tmp_path)
    assert [each.outcome for each in records.values()] == ["PASS", "PASS", "FAIL"]
    assert problems == []
    assert red
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert "| `s` | `cpu` | 1 | `host` | " in summary


def test_a_silent_device_leaves_the_ends_and_the_stages_of_the_build(tmp_path: Path) -> None:
    build(tmp_path, "build", [handed(0), ended(2)], complete=False, begun=[1])
    records, problems, _ = merged(tmp_path)
    assert [each.outcome for each in records.values()] == ["MISSING", "MISSING", "FAIL"]
    assert records[case(0)].stages == (BUILT,)
    assert records[case(0)].notes[0].endswith("; its build on host is there")
    assert records[case(1)].notes[0].endswith("; host had begun to build it")
    assert problems == [("cut-off", False)]


def test_the_newest_attempt_of_a_build_counts(tmp_path: Path) -> None:
    build(tmp_path, "one", [handed(0), handed(1), handed(2)])
    build(tmp_path, "two", [ended(0), handed(1), handed(2)], attempt=2)
    records, problems, _ = merged(tmp_path)
    assert (records[case(0)].outcome, records[case(0)].attempt) == (Outcome.FAIL, 2)
    assert problems == []


@pytest.mark.parametrize("wrong", ["stale", "unplanned", "duplicate", "damaged"])
def test_a_build_that_does_not_fit_is_a_problem_and_counts_for_nothing(tmp_path: Path, wrong: str) -> None:
    device(tmp_path, [record(key(n)) for n in range(3)])
    if wrong == "stale":
        build(tmp_path, "build", [ended(0)], digest="e" * 64)
    elif wrong == "unplanned":
        build(tmp_path, "build", [handed(0), handed(7)])
    elif wrong == "duplicate":
        build(tmp_path, "build", [handed(0)])
        build(tmp_path, "again", [handed(0), handed(1)])
    else:
        build(tmp_path, "build", [])
        (tmp_path / "build/s/cpu/0/build" / PARTIALS).write_text("no line\n")
    records, problems, red = merged(tmp_path)
    assert {each.outcome for each in records.values()} == {Outcome.PASS}
    assert problems == [(wrong, True)]
    assert red


def test_the_same_build_given_twice_counts_once(tmp_path: Path) -> None:
    build(tmp_path, "build", [handed(0), ended(1), handed(2)])
    build(tmp_path, "copy", [handed(0), ended(1), handed(2)])
    assert merged(tmp_path)[1] == []
