"""Builds records, matrices and shard folders for tests of everything that comes after a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from schemas.case import Expectation, case_id
from schemas.codec import encode
from schemas.matrix import Matrix, MatrixSource, ShardPlan, TargetPlan
from schemas.record import (
    CaseRecord,
    CaseStarted,
    ErrorInfo,
    OutputComparison,
    Provenance,
    Record,
    ShardFooter,
    ShardHeader,
    ShardResults,
    StageResult,
    Tool,
)
from schemas.words import Depth, Outcome, SkipReason, Stage, StageStatus
from schemas.words import Path as ModelPath

DIGEST = "d" * 64


def key(number: int) -> str:
    return f"onnx/node/test_{number:04}@onnx"


def record(
    case_key: str,
    outcome: Outcome = Outcome.PASS,
    *,
    suite: str = "s",
    target: str = "cpu",
    shard: int | None = 0,
    attempt: int = 1,
    stage: Stage = Stage.COMPILATION,
    signature: str = "failed to legalize operation 'torch.operator'",
    seconds: float = 0.5,
    kind: Outcome = Outcome.FAIL,
    where: str = "",
) -> Record:
    """A record that is consistent in itself."""
    ran = outcome not in (Outcome.SKIP, Outcome.MISSING)
    expected = outcome in (Outcome.XFAIL, Outcome.XPASS)
    made = Record(
        case=case_id(suite, target, case_key),
        suite=suite,
        target=target,
        model=case_key.rpartition("@")[0],
        path=ModelPath.ONNX,
        depth=Depth.EXECUTE,
        outcome=outcome,
        exit_status="not-run",
        shard=shard,
        attempt=attempt,
        expectation=Expectation(stage=stage, signature=signature, outcome=kind, where=where) if expected else None,
        skip_reason=SkipReason.RANDOM if outcome is Outcome.SKIP else None,
        skip_detail="draws random values" if outcome is Outcome.SKIP else "",
        started="2026-11-20T02:17:00Z",
        seconds=seconds if ran else 0.0,
        reproduce=f"python -m runner {case_id(suite, target, case_key)}",
    )
    if not ran:
        return made
    if outcome in (Outcome.PASS, Outcome.XPASS):
        return _passed(made, stage)
    return _failed(made, stage, kind if outcome is Outcome.XFAIL else outcome, signature)


def _passed(made: Record, stage: Stage) -> Record:
    output = OutputComparison(output="y", dtype="float32", shape=(2, 3), passed=True, max_abs=1e-7, pcc=1.0, total=6)
    return msgspec.structs.replace(
        made,
        exit_status="PASS",
        reached_depth=Depth.EXECUTE,
        stages=_stages(made, stage, StageStatus.PASS),
        comparisons=(output,),
    )


def _failed(made: Record, stage: Stage, end: Outcome, signature: str) -> Record:
    return msgspec.structs.replace(
        made,
        exit_status="Numerics" if stage is Stage.COMPARISON else stage.value,
        reached_depth=Depth.IMPORT,
        stages=_stages(made, stage, StageStatus(end.value)),
        error=ErrorInfo(signature=signature, excerpt=f"error: {signature}\n  at op 3"),
    )


def _stages(made: Record, last: Stage, status: StageStatus) -> tuple[StageResult, ...]:
    return (
        StageResult(stage=Stage.IMPORT_MODEL, status=StageStatus.PASS, seconds=made.seconds / 4),
        StageResult(stage=last, status=status, seconds=made.seconds / 2, peak_rss_bytes=1 << 20),
    )


def matrix(
    shards: Sequence[Iterable[str]], *, suite: str = "s", targets: Sequence[str] = ("cpu",), digest: str = DIGEST
) -> Matrix:
    plans = tuple(ShardPlan(shard=n, minutes=1.0, cases=tuple(sorted(keys))) for n, keys in enumerate(shards))
    return Matrix(
        suite=suite,
        depth="execute",
        source=MatrixSource(f"suites/{suite}.yaml", "0" * 64),
        targets=tuple(
            TargetPlan(target=name, digest=digest, runs_on=("ubuntu-24.04",), timeout_minutes=60, shards=plans)
            for name in targets
        ),
    )


def provenance(started: str = "2026-11-20T02:17:00Z") -> Provenance:
    tool = Tool(name="iree-compile", version="3.13.0", sha256="ab" * 32)
    return Provenance(tools=(tool,), device="local-task", commit="c0ffee", started=started, finished=started)


def journal(
    folder: Path,
    records: Sequence[Record],
    *,
    suite: str = "s",
    target: str = "cpu",
    shard: int | None = 0,
    attempt: int = 1,
    digest: str = DIGEST,
    planned: int | None = None,
    started: Sequence[str] = (),
    complete: bool = True,
) -> Path:
    """Writes ``records.jsonl``; ``started``: ids begun and never ended. Returns the file."""
    header = ShardHeader(
        suite=suite,
        target=target,
        shard=shard,
        matrix_digest=digest,
        planned=len(records) + len(started) if planned is None else planned,
        attempt=attempt,
        provenance=provenance(),
    )
    lines = [encode(header)]
    for item in records:
        lines += [encode(CaseStarted(case=item.case, started=item.started)), encode(CaseRecord(record=item))]
    lines += [encode(CaseStarted(case=case, started="2026-11-20T02:18:00Z")) for case in started]
    lines += [encode(ShardFooter(provenance=provenance()))] if complete else []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "records.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def shard_results(
    records: Sequence[Record],
    *,
    suite: str = "s",
    target: str = "cpu",
    shard: int | None = 0,
    attempt: int = 1,
    digest: str = DIGEST,
) -> ShardResults:
    return ShardResults(
        suite=suite,
        target=target,
        shard=shard,
        matrix_digest=digest,
        attempt=attempt,
        provenance=provenance(),
        records=tuple(records),
    )
