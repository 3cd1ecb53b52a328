"""The exceptions by which a stage says how it failed, and how any other exception reads as one of them."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Iterator

from runner import signature
from schemas.errors import E2EShardError
from schemas.record import ErrorInfo
from schemas.words import StageStatus

_WORLD = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)
_EXCERPT_LINES = 20
_EXCERPT_CHARACTERS = 2000


class StageFailure(Exception):  # noqa: N818 - a model's failure is a value; this only carries it to the end of its stage
    """A stage failed and says itself with which status and signature."""

    def __init__(self, signature_text: str, excerpt: str = "", status: StageStatus = StageStatus.FAIL) -> None:
        super().__init__(signature_text)
        self.status = status
        self.error = ErrorInfo(signature=signature_text, excerpt=cut(excerpt))


def cut(text: str) -> str:
    """The first lines of a text: what a report shows; the whole stands in the stage's log."""
    lines = text.strip().splitlines()
    kept = "\n".join(line.rstrip() for line in lines[:_EXCERPT_LINES])
    if len(kept) > _EXCERPT_CHARACTERS:
        return kept[:_EXCERPT_CHARACTERS] + " …"
    return kept if len(lines) <= _EXCERPT_LINES else kept + "\n…"


def classify(exception: Exception) -> tuple[StageStatus, ErrorInfo]:
    """The status and the error of a stage that ended with ``exception``.

    A full disk and every :class:`E2EShardError` is INFRA (the world, not the model), an allocation failure is OOM, and
    anything else is the stage's own FAIL.
    """
    if isinstance(exception, StageFailure):
        return exception.status, exception.error
    excerpt = cut("".join(traceback.format_exception_only(exception)))
    if isinstance(exception, E2EShardError):
        return StageStatus.INFRA, ErrorInfo(signature=signature.of_exception(exception), excerpt=cut(str(exception)))
    if isinstance(exception, OSError) and exception.errno in _WORLD:
        return StageStatus.INFRA, ErrorInfo(signature=signature.of_exception(exception), excerpt=excerpt)
    if isinstance(exception, MemoryError) or signature.is_allocation_failure(str(exception)):
        return StageStatus.OOM, ErrorInfo(signature=signature.OUT_OF_MEMORY, excerpt=excerpt)
    return StageStatus.FAIL, ErrorInfo(signature=signature.of_exception(exception), excerpt=excerpt)


@contextlib.contextmanager
def in_piece(number: int, count: int) -> Iterator[None]:
    """Name the graph of a model in pieces in whatever goes wrong with it: ``graph 2 of 5: …`` for the number 1."""
    try:
        yield
    except Exception as exception:
        status, error = classify(exception)
        if status is StageStatus.INFRA:
            raise
        raise StageFailure(f"graph {number + 1} of {count}: {error.signature}", error.excerpt, status) from exception
