"""Cases that go op by op: where their operations' results lie, and what is left of a walk that was cut off."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator

import msgspec

from runner.folder import Keep, ShardFolder
from runner.options import Engine, Options
from runner.order import op_timeout_of
from runner.protocol import Job, OpByOp
from runner.stages.plan import LAST_STAGE
from runner.store import default_store
from schemas.case import Case, case_key
from schemas.errors import UsageError
from schemas.ops import OP_FOLDER, OP_RUN_FOLDER, OpResult, OpUse
from schemas.opwords import OpStatus
from schemas.record import Record
from schemas.words import Depth, Stage


def op_by_op(case: Case, folder: ShardFolder, options: Options, reproduce: str) -> OpByOp:
    """The part of a job that only such a case has."""
    root = folder.root / OP_FOLDER
    return OpByOp(
        journal=str(root / f"{case.key}.jsonl"),
        root=str(folder.root),
        bundles="" if folder.keep is Keep.NONE else str(root / case.key),
        shared=str(root / OP_RUN_FOLDER),
        store=str(default_store().root),
        reproduce=reproduce,
        largest=options.bundle_limit,
        timeout=op_timeout_of(case, options.timeout_scale),
        made=folder.provenance,
        only=options.op,
        joins=options.engine is Engine.AUTO,
        profile=options.profile_ops,
    )


def with_totals(record: Record, job: Job) -> Record:
    """The record; where its process died in the middle of a walk, with the numbers of what had ended by then."""
    if job.ops is None or record.ops is not None:
        return record
    from runner.ops.totals import totals_of  # noqa: PLC0415 - rarely needed

    return msgspec.structs.replace(record, ops=totals_of(pathlib.Path(job.ops.journal)))


def check_chosen(options: Options, cases: Iterable[Case]) -> None:
    """Raises UsageError where --op or --profile-ops is given and no case goes op by op."""
    given = "--op" if options.op else "--profile-ops" if options.profile_ops else ""
    if given and not any(LAST_STAGE.get(case.depth) is Stage.OP_BY_OP for case in cases):
        remedy = f"add --depth {Depth.EXECUTE_OP_BY_OP} or --depth {Depth.COMPILE_OP_BY_OP}"
        raise UsageError(f"{given} is for cases that go op by op, and none of these does", remedy)


def told(records: Iterable[Record], folder: pathlib.Path, *, each: bool) -> Iterator[str]:
    """What operations came to: one line a case, and with ``each`` the operations themselves."""
    for record in records:
        if record.ops is None:
            continue
        ops = record.ops
        rungs = ", ".join(f"{count} {OpStatus(rung).name}" for rung, count in enumerate(ops.by_status) if count)
        judged = f", {ops.verified} of {ops.compared} compared verified" if ops.compared else ""
        yield f"{record.case}: {ops.uses} uses of {ops.unique} operations: {rungs or 'none'}{judged}"
        if each:
            yield from _results(folder / OP_FOLDER / f"{_key(record)}.jsonl")


def _key(record: Record) -> str:
    return case_key(record.model, record.path, record.lowering, record.mode)


def _results(journal: pathlib.Path) -> Iterator[str]:
    from runner.ops.journal import read  # noqa: PLC0415 - a run of --op only

    uses: dict[str, list[int]] = {}
    results: dict[str, OpResult] = {}
    for line in read(journal):
        if isinstance(line, OpResult):
            results[line.digest] = line
        elif isinstance(line, OpUse) and line.digest:
            uses.setdefault(line.digest, []).append(line.index)
        elif isinstance(line, OpUse):
            yield f"  {line.index} {line.name}: skipped, {line.skip}: {line.why}"
    for digest, result in results.items():
        yield from _result(result, uses.get(digest, []))


def _result(result: OpResult, indices: list[int]) -> Iterator[str]:
    kinds = " ".join("-" if each is None else str(each) for each in result.key.operands)
    yield f"  {', '.join(map(str, indices))} {result.key.name} {result.digest}"
    yield f"      of {kinds or 'nothing'}"
    for name, text in result.key.attributes:
        yield f"      {name} = {text}"
    judged = {True: ", verified", False: ", NOT verified", None: ""}[result.verified]
    stopped = f", {result.outcome} at {result.stopped}" if result.stopped else ""
    yield f"      {result.status.value} {result.status.name}{judged}{stopped}"
    for c in result.comparisons:
        wrong = f": {c.reason}" if c.reason else ""
        yield f"      {c.output} pcc {c.pcc} max abs {c.max_abs} max rel {c.max_rel}, {c.total} elements{wrong}"
    if result.profile is not None:
        yield f"      {1000 * result.profile.seconds:.4g} ms a call (median, {result.profile.runs} calls)"
    if result.error is not None:
        yield f"      {result.error.signature}"
        yield from (f"        {line}" for line in result.error.excerpt.splitlines())
    if result.bundle:
        yield f"      bundle: {result.bundle}"
