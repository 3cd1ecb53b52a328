"""A job reaches its process whatever its size, and what members of a batch ended with is told in few writes."""

from __future__ import annotations

import os
import pathlib
import select

import pytest

from runner.caseprocess import _HELD, _Emitter
from runner.pool import WORKER_VARIABLE, Zygote
from runner.protocol import Event, Finished, Left, Passed, StageEnded, StageStarted, decode_event
from schemas.words import Stage
from tests.stages_support.cases import a_case, a_job

MIB = 1 << 20


def told(pipe: int) -> list[Event]:
    """All events that are in the pipe, of which nothing more comes."""
    os.set_blocking(pipe, True)
    data = b""
    while piece := os.read(pipe, MIB):
        data += piece
    return [decode_event(line) for line in data.splitlines()]


@pytest.mark.parametrize("count", [1, 200_000])
def test_a_job_may_be_larger_than_any_packet(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """200,000 flags are 3.8 MB; a packet holds a ninth of that where nobody has told the kernel otherwise."""
    monkeypatch.setenv(WORKER_VARIABLE, "tests.pool_support.ahead:run")
    job = a_job(tmp_path, tmp_path, a_case(compile_flags=tuple(f"--flag={n:08}" for n in range(count))))
    with Zygote(tmp_path / "log") as zygote:
        zygote.wait_ready()
        descriptors = len(list(pathlib.Path(f"/proc/{zygote.pid}/fd").iterdir()))
        for number in range(3):
            pipe = zygote.start(number, job, tmp_path / "case.log")
            ended, last = told(pipe)
            os.close(pipe)
            assert isinstance(ended, StageEnded)
            assert ended.error is not None
            assert ended.error.signature == str(count)
            assert isinstance(last, Finished)
            replies: list[object] = []
            while len(replies) < 2:  # begun and ended
                assert select.select([zygote], [], [], 30)[0]
                replies += zygote.replies()
        assert len(list(pathlib.Path(f"/proc/{zygote.pid}/fd").iterdir())) == descriptors, (
            "nothing of a case stays open"
        )


def test_ended_members_are_told_together_and_before_anything_else_begins() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    emit = _Emitter(writer)

    def seen() -> int:
        try:
            return os.read(reader, MIB).count(b"\n")
        except BlockingIOError:
            return 0

    def passed(number: int) -> Passed:
        return Passed(member=number, modules=1, stages=(), last_word=Finished())

    emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
    assert seen() == 1
    for number in range(_HELD - 1):
        emit(passed(number))
    assert seen() == 0
    emit(passed(_HELD))
    assert seen() == _HELD
    for after in (StageStarted(stage=Stage.COMPARISON), Left(member=0, why="it differs"), Finished()):
        emit(passed(1))
        assert seen() == 0
        emit(after)
        assert seen() == 2
    emit(passed(1))
    emit.flush()
    assert seen() == 1
    os.close(reader)
    os.close(writer)
