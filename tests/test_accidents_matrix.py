"""Every fault at every stage, all in one shard: one table says how each ends, and nobody beside it is harmed."""

from __future__ import annotations

import pytest

from runner.stages.plan import WHOLE
from schemas.record import Record
from schemas.words import Outcome, Stage, StageStatus
from tests.accidents_support.build import accident_suite, run

#: Fault -> outcome, and the signature with the stage put in.
TABLE: dict[str, tuple[Outcome, str]] = {
    "segfault": (Outcome.CRASH, "SIGSEGV in {stage}"),
    "hang": (Outcome.TIMEOUT, "timed out in {stage}"),
    "eat": (Outcome.OOM, "out of memory in {stage}"),
    "exit0": (Outcome.CRASH, "exited 0 without a result in {stage}"),
    "unreadable": (Outcome.FAIL, "PermissionError: [Errno N] Permission denied: '<path>'"),
    "full": (Outcome.INFRA, "OSError: [Errno N] No space left on device"),
}
NEIGHBOUR = "passes"


@pytest.fixture(name="records", scope="module")
def _records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    names = [f"{fault}-{stage}" for stage in WHOLE for fault in (*TABLE, NEIGHBOUR)]
    suite = accident_suite(tmp_path_factory.mktemp("matrix"), names, stage="3s", memory="250MiB")
    done = run(suite, "--jobs", "4", "--no-rerun")
    assert done.returncode == 1, done.stdout + done.stderr
    return suite.records()


@pytest.mark.slow
@pytest.mark.parametrize("fault", TABLE)
@pytest.mark.parametrize("stage", WHOLE)
def test_a_fault_is_told_and_blamed_on_its_stage(records: dict[str, Record], stage: Stage, fault: str) -> None:
    record = records[f"{fault}-{stage}"]
    outcome, signature = TABLE[fault]
    assert (record.outcome, record.error and record.error.signature) == (outcome, signature.format(stage=stage))
    numerics = stage is Stage.COMPARISON and outcome is Outcome.FAIL
    assert record.exit_status == ("Numerics" if numerics else stage)
    order = list(WHOLE)
    before = order[: order.index(stage)]
    assert [(each.stage, each.status) for each in record.stages] == [
        *((each, StageStatus.PASS) for each in before),
        (stage, StageStatus(outcome.value)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stage", WHOLE)
def test_a_neighbour_is_unharmed(records: dict[str, Record], stage: Stage) -> None:
    record = records[f"{NEIGHBOUR}-{stage}"]
    assert (record.outcome, record.exit_status, record.error) == (Outcome.PASS, "PASS", None)


@pytest.mark.slow
def test_nothing_is_lost(records: dict[str, Record]) -> None:
    assert len(records) == len(WHOLE) * (len(TABLE) + 1)
