"""Builds journals of operations, as a run leaves them, and the totals that go into the records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from schemas.case import case_id
from schemas.codec import encode, encode_canonical
from schemas.ops import OpKey, OpLine, OpResult, OpStarted, OpStep, OpUse, TensorType
from schemas.opwords import OpBackend, OpSkip, OpStatus, OpTotals
from schemas.record import ErrorInfo, OutputComparison, Record
from schemas.words import Depth, Outcome, Stage, StageStatus
from tests.results_support.build import record

COMPILER = "iree-3.13.0-abc"


def op_key(name: str, size: int = 2) -> OpKey:
    shape = TensorType("float32", (size, 3))
    return OpKey(backend=OpBackend.TORCH, name=name, operands=(shape, None), attributes=(("dim", "1"),))


def digest_of(key: OpKey) -> str:
    return hashlib.sha256(encode_canonical(key)).hexdigest()


def result(
    name: str,
    status: OpStatus = OpStatus.EXECUTED,
    *,
    size: int = 2,
    target: str = "cpu",
    outcome: StageStatus | None = None,
    signature: str = "failed to legalize operation 'torch.aten.x'",
    pcc: float = 1.0,
    reused: bool = False,
    bundle: str = "",
) -> OpResult:
    """A result that is consistent in itself; less than EXECUTED fails, and so does a low PCC."""
    key = op_key(name, size)
    ran = status is OpStatus.EXECUTED
    passed = ran and pcc >= 0.99 and outcome in (None, StageStatus.PASS)
    stopped = "" if passed else "verify" if ran else "run" if status is OpStatus.COMPILED else "compile"
    output = OutputComparison(
        output="0", dtype="float32", shape=(size, 3), passed=passed, max_abs=1e-7, pcc=pcc, total=size * 3
    )
    return OpResult(
        digest=digest_of(key),
        key=key,
        target=target,
        compiler=COMPILER,
        status=status,
        results=(TensorType("float32", (size, 3)),),
        outcome=outcome or (StageStatus.PASS if passed else StageStatus.FAIL),
        stopped=stopped,
        verified=passed if ran else None,
        comparisons=(output,) if ran else (),
        error=None if passed else ErrorInfo(signature=signature, excerpt=f"error: {signature}\n  at op 3"),
        steps=(OpStep(name="compile", status=StageStatus.PASS, seconds=0.25),),
        dispatches=1 if ran else None,
        ir=(("torch", f'%0 = "{name}"'),),
        seconds=0.5,
        reused=reused,
        bundle=bundle,
        reproduce=f"python -m runner --op {digest_of(key)[:8]}" if bundle else "",
    )


def use(case: str, index: int, name: str, *, size: int = 2, group: str = "g", skip: OpSkip | None = None) -> OpUse:
    key = case.split("/", 2)[2]
    return OpUse(
        case=case,
        model=key.rpartition("@")[0],
        group=group,
        backend=OpBackend.TORCH,
        index=index,
        name=name,
        digest="" if skip is not None else digest_of(op_key(name, size)),
        node=f"n{index}",
        skip=skip,
        why="has no tensor result" if skip is not None else "",
    )


def walked(
    case: str, names: Sequence[str], results: Iterable[OpResult] = (), *, journalled: bool = True
) -> tuple[OpLine, ...]:
    """A case's lines: each operation's result before its first use, as the run writes them."""
    of = {each.key.name: each for each in results}
    lines: list[OpLine] = []
    for index, name in enumerate(names):
        found = of.pop(name, None)
        if found is not None and journalled:
            lines += [OpStarted(case=case, digest=found.digest), found]
        lines.append(use(case, index, name))
    return tuple(lines)


def write_ops(folder: Path, case: str, lines: Iterable[OpLine]) -> Path:
    """``ops/<case key>.jsonl`` below the shard's ``folder``."""
    path = folder / "ops" / f"{case.split('/', 2)[2]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
    return path


def totals(lines: Iterable[OpLine]) -> OpTotals:
    """What the run says of a case whose journal has these lines."""
    results = {line.digest: line for line in lines if isinstance(line, OpResult)}
    every = [line for line in lines if isinstance(line, OpUse)]
    used = [results[each.digest] for each in every if each.skip is None and each.digest in results]
    by_status = [0] * len(OpStatus)
    for each in used:
        by_status[each.status] += 1
    return OpTotals(
        backend=OpBackend.TORCH,
        uses=len(used),
        unique=len({each.digest for each in used}),
        skipped=sum(each.skip is not None for each in every),
        by_status=tuple(by_status),
        verified=sum(each.verified is True for each in used),
        compared=sum(each.verified is not None for each in used),
        timeouts=sum(each.outcome is StageStatus.TIMEOUT for each in used),
        crashes=sum(each.outcome is StageStatus.CRASH for each in used),
        unknown_errors=sum(_unknown(each) for each in used),
        reused=sum(each.reused for each in results.values()),
    )


def _unknown(each: OpResult) -> bool:
    if each.outcome not in (StageStatus.FAIL, StageStatus.CRASH):
        return False
    return each.error is None or not each.error.excerpt.strip()


def op_case(model: str, suite: str = "s", target: str = "cpu") -> str:
    return case_id(suite, target, f"{model}@torch-mlir")


def op_record(
    case: str, lines: Iterable[OpLine], *, depth: Depth = Depth.EXECUTE_OP_BY_OP, shard: int = 0, attempt: int = 1
) -> Record:
    """The record of a case that went op by op; one without lines is of a model that could not be walked."""
    suite, target, key = case.split("/", 2)
    lines = tuple(lines)
    outcome = Outcome.PASS if lines else Outcome.FAIL
    made = record(key, outcome, suite=suite, target=target, shard=shard, attempt=attempt, stage=Stage.OP_BY_OP)
    return msgspec.structs.replace(made, depth=depth, ops=totals(lines) if lines else None)
