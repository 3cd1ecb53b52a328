"""A shard's journals of operations become rows of the tables; what cannot be read is named, the rest is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from results.journal import BAD, Source, lines
from results.ops.table import ResultRow, Tables, UseRow
from schemas.ops import OpLine, OpResult, OpStarted, OpUse
from schemas.report import Problem, ProblemKind
from schemas.words import StageStatus

_LINE: msgspec.json.Decoder[OpLine] = msgspec.json.Decoder(OpLine)
_BATCH = 2000
_NAMED = 5  # lines of a file that are named one by one
_MANY = 2**31  # places and graphs of a model; more are no numbers of ours
_BITS = 63  # of a fingerprint: what a signed integer of the database holds


class _Reader:
    """One shard's journals on their way into the tables."""

    def __init__(self, tables: Tables, source: int, suite: str, target: str) -> None:
        self._tables = tables
        self._source = source
        self._prefix = f"{suite}/{target}/"
        self._target = target
        self._uses: list[UseRow] = []
        self._results: list[ResultRow] = []
        self._started: list[tuple[int, str, str, str]] = []

    def read(self, path: Path) -> Iterator[str]:
        """What is wrong with the file, in words. An unfinished last line is where a kill stopped it: no damage."""
        file = self._tables.add_file(str(path))
        bad: list[int] = []
        foreign: list[int] = []
        try:
            with path.open("rb") as opened:
                for number, offset, line, whole in lines(opened):
                    if line and not line.strip():
                        continue
                    try:
                        item = _LINE.decode(line)
                    except BAD:
                        bad += [number] if whole else []
                        continue
                    if isinstance(item, OpUse) and not (0 <= item.index < _MANY and 0 <= item.graph < _MANY):
                        bad.append(number)
                    elif not self._take(file, item, line, offset):
                        foreign.append(number)
        except OSError as error:
            yield f"cannot be read: {error.strerror or error}"
        self.flush()
        if bad:
            yield f"{_numbered(bad)} unreadable; the other lines were taken"
        if foreign:
            yield f"{_numbered(foreign)} of another shard's case or target, and were not taken"

    def flush(self) -> None:
        """Everything read so far is in the tables."""
        self._tables.add_uses(self._uses)
        self._tables.add_results(self._results)
        self._tables.add_started(self._started)
        self._uses.clear()
        self._results.clear()
        self._started.clear()

    def _take(self, file: int, item: OpLine, line: bytes, offset: int) -> bool:
        if isinstance(item, OpResult):
            if item.target != self._target:
                return False
            self._results.append(_result(self._source, file, item, line, offset))
        elif not item.case.startswith(self._prefix):
            return False
        elif isinstance(item, OpStarted):
            self._started.append((file, item.case, self._target, item.digest))
        else:
            self._uses.append(_use(self._source, file, item, self._target))
        if len(self._uses) + len(self._results) >= _BATCH:
            self.flush()
        return True


def read_journals(tables: Tables, number: int, source: Source, suite: str, target: str) -> Iterator[Problem]:
    """Puts the source's journals into the tables as source ``number``; the problems found."""
    reader = _Reader(tables, number, suite, target)
    for name, path in source.ops:
        for text in reader.read(path):
            yield Problem(kind=ProblemKind.DAMAGED, text=text, file=f"{source.label}/{name}")


def unknown_error(result: OpResult) -> bool:
    """Whether it failed without a word that says why; a timeout and a lack of memory say it by themselves."""
    if result.outcome not in (StageStatus.FAIL, StageStatus.CRASH):
        return False
    return result.error is None or not result.error.excerpt.strip()


def _use(source: int, file: int, use: OpUse, target: str) -> UseRow:
    """The model is the case's, whatever the line says; a place without digest and reason is still a place."""
    _, _, key = use.case.split("/", 2)
    return UseRow(
        source=source,
        file=file,
        case=use.case,
        idx=use.index,
        target=target,
        model=key.rpartition("@")[0] or key,
        group=use.group,
        backend=use.backend.value,
        name=use.name,
        digest=use.digest,
        node=use.node,
        graph=use.graph,
        skip=use.skip.value if use.skip is not None else None,
        why=use.why,
    )


def _result(source: int, file: int, result: OpResult, line: bytes, offset: int) -> ResultRow:
    known = hashlib.blake2b(line.strip(), digest_size=8).digest()
    return ResultRow(
        source=source,
        file=file,
        target=result.target,
        digest=result.digest,
        status=int(result.status),
        outcome=result.outcome.value,
        stopped=result.stopped,
        verified=result.verified,
        unknown=unknown_error(result),
        signature=result.error.signature if result.error is not None else "",
        reused=result.reused,
        bundle=bool(result.bundle),
        fingerprint=int.from_bytes(known, "big") >> (64 - _BITS),
        offset=offset,
        length=len(line),
    )


def _numbered(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"line{'s' * (len(numbers) > 1)} {shown}{more} {'are' if len(numbers) > 1 else 'is'}"
