"""A report's operations as ops/<model>.json: one file a model, one entry for each of its unique operations."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from results.ops.ask import Ops
from results.ops.names import file_of
from results.ops.rows import CaseOps, OpRow
from results.ops.text import figures
from results.view import View
from schemas.codec import encode
from schemas.ops import OpResult
from schemas.opsreport import OPS_SCHEMA, OpEntry, SkippedOp
from schemas.opwords import OpBackend, OpSkip, OpStatus

#: How each of these files begins; a file that does not is somebody else's and stays.
_BEGINS = f'{{"schema":"{OPS_SCHEMA}"'.encode()


def write_folder(view: View, folder: Path) -> None:
    """Writes the models' files below ``folder`` and removes those of models that are not in the report any more."""
    written: set[Path] = set()
    if view.ops is not None:
        for model, cases in itertools.groupby(view.ops.cases, key=lambda each: each.info.model):
            path = folder / file_of(model)
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(view.ops, model, cases, path, planned=view.head.planned)
            written.add(path)
    for path in sorted(folder.rglob("*.json")):
        if path not in written and path.is_file() and not path.is_symlink() and _is_ours(path):
            path.unlink()


def _write(ops: Ops, model: str, cases: Iterable[CaseOps], path: Path, *, planned: bool) -> None:
    """One operation a line, so that `grep` works; the file is there whole or not at all."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("wb") as file:
            head = encode({"model": model, "planned": planned}).removeprefix(b"{").removesuffix(b"}")
            file.write(_BEGINS + b"," + head + b',"cases":[')
            for number, case in enumerate(cases):
                file.write(b",\n" if number else b"\n")
                file.writelines(_case(ops, case))
            file.write(b"\n]}\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _case(ops: Ops, case: CaseOps) -> Iterator[bytes]:
    """In pieces: a case's operations with their IR need not be in memory together."""
    first: dict[str, OpRow] = {}
    uses: dict[str, list[tuple[int, str]]] = {}
    skipped: list[SkippedOp] = []
    for row in ops.rows_of(case.info.case):
        if row.skip:
            kind = OpSkip(row.skip)
            skipped.append(SkippedOp(index=row.index, name=row.name, node=row.node, skip=kind, why=row.why))
            continue
        at = row.digest or f"#{row.index}"
        first.setdefault(at, msgspec.structs.replace(row, result=None))
        uses.setdefault(at, []).append((row.index, row.node))
    info = case.info
    head = {"case": info.case, "target": info.target, "backend": case.backend, "outcome": info.outcome}
    yield encode({**head, "standing": case.standing}).removesuffix(b"}") + b',"ops":['
    for number, (at, row) in enumerate(first.items()):
        yield (b",\n" if number else b"\n") + encode(_entry(ops, row, uses[at], info.path))
    yield b'\n],"skipped":' + encode(skipped) + b"}"


def _entry(ops: Ops, row: OpRow, uses: Sequence[tuple[int, str]], frontend: str) -> OpEntry:
    known = OpEntry(
        framework_op_name=row.name,
        torch_name=row.name if row.backend == OpBackend.TORCH else None,
        frontend=frontend,
        backend=row.backend,
        model_name=row.model,
        model_group=row.group,
        global_op_idx=row.index,
        input_shapes=None,
        output_shapes=None,
        num_ops=len(uses),
        compilation_status=OpStatus.NOT_STARTED,
        graphs={},
        runtime_stack_dump="",
        pcc=None,
        atol=None,
        case=row.case,
        target=row.target,
        digest=row.digest,
        indices=tuple(index for index, _ in uses),
        nodes=tuple(node for _, node in uses),
        why=row.why,
        bundle=row.bundle,
        reproduce=row.reproduce,
    )
    return known if row.number is None else _with(known, ops.found(row.number).result)


def _with(known: OpEntry, result: OpResult) -> OpEntry:
    worst = figures(result)
    operands = result.key.operands
    return msgspec.structs.replace(
        known,
        input_shapes=tuple(each.shape if each is not None else None for each in operands),
        output_shapes=tuple(each.shape for each in result.results),
        input_types=tuple(each.dtype if each is not None else None for each in operands),
        output_types=tuple(each.dtype for each in result.results),
        attributes=dict(result.key.attributes),
        constants=result.key.constants,
        compilation_status=result.status,
        graphs=dict(result.ir),
        runtime_stack_dump=result.error.excerpt if result.error is not None else "",
        pcc=worst.pcc,
        atol=worst.max_abs,
        compiler=result.compiler,
        outcome=result.outcome,
        stopped=result.stopped,
        verified=result.verified,
        signature=result.error.signature if result.error is not None else "",
        dispatches=result.dispatches,
        seconds=result.seconds,
        seconds_a_call=result.profile.seconds if result.profile is not None else None,
        reused=result.reused,
    )


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGINS)) == _BEGINS
