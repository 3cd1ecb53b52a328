"""What a person sees of a run: live on a terminal, plain lines elsewhere; and what GitHub is told."""

from __future__ import annotations

import io
import re

import pytest

from runner.annotations import notice, workflow_errors
from runner.progress import PlainProgress, Tally, clock, ending_line, make_progress
from schemas.record import ErrorInfo, Record
from schemas.words import Depth, Outcome, Path, SkipReason


def record(name: str, outcome: Outcome = Outcome.PASS, said: str = "") -> Record:
    return Record(
        case=f"fakes/cpu/onnx/{name}@onnx",
        suite="fakes",
        target="cpu",
        model=f"onnx/{name}",
        path=Path.ONNX,
        depth=Depth.EXECUTE,
        outcome=outcome,
        exit_status="compilation" if said else "PASS",
        error=ErrorInfo(signature=said) if said else None,
        seconds=0.5,
        reproduce=f"python -m runner onnx/{name}@onnx --target cpu",
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_off_a_terminal() -> None:
    stream = io.StringIO()
    progress = make_progress(Tally(12, {}, 1), stream=stream, on_ci=False)
    progress.ended(record("a"))
    progress.tick(["onnx/b@onnx"])
    progress.ended(record("b", Outcome.CRASH, "SIGSEGV in iree-compile"))
    progress.close()
    assert stream.getvalue().splitlines() == [
        "[ 1/12] PASS    onnx/a@onnx 0.50s",
        "[ 2/12] CRASH   onnx/b@onnx 0.50s at compilation: SIGSEGV in iree-compile",
    ]


def test_plain_lines_on_ci_even_on_a_terminal() -> None:
    stream = Terminal()
    make_progress(Tally(1, {}, 1), stream=stream, on_ci=True).ended(record("a"))
    assert "\x1b" not in stream.getvalue()


def test_a_sign_of_life_when_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    moment = [100.0]
    monkeypatch.setattr("runner.progress.time.monotonic", lambda: moment[0])
    progress = PlainProgress(Tally(2, {}, 1), stream)
    for second in range(65):
        moment[0] = 100.0 + second
        progress.tick(["onnx/slow@onnx"])
    assert stream.getvalue().splitlines() == ["... 0/2; running: onnx/slow@onnx"] * 2


def test_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    tally = Tally(3, {"fakes/cpu/onnx/a@onnx": 1.0, "fakes/cpu/onnx/c@onnx": 90.0}, 1)
    progress = make_progress(tally, stream=stream, on_ci=False)
    progress.ended(record("a"))
    progress.ended(record("b", Outcome.FAIL, "[1] is not legal"))
    progress.tick(["onnx/c@onnx"])
    progress.close()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "2/3 · 1 FAIL · 1 PASS · about 1:30 left" in text
    assert "onnx/c@onnx" in text
    assert "FAIL    onnx/b@onnx 0.50s at compilation: [1] is not legal" in text
    assert "PASS    onnx/a" not in text


def test_the_time_left_follows_this_machines_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr("runner.progress.time.monotonic", lambda: moment[0])
    tally = Tally(2, {"fakes/cpu/onnx/a@onnx": 10.0, "fakes/cpu/onnx/b@onnx": 30.0}, 2)
    assert tally.eta() == 20.0
    moment[0] = 20.0  # twice as slow as recorded
    tally.add(record("a"))
    assert tally.eta() == 60.0


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (75, "1:15"), (3675, "1:01:15")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_skip_says_why() -> None:
    skipped = Record(
        case="s/t/m@onnx",
        suite="s",
        target="t",
        model="m",
        path=Path.ONNX,
        depth=Depth.EXECUTE,
        outcome=Outcome.SKIP,
        exit_status="not-run",
        skip_reason=SkipReason.RANDOM,
        skip_detail="draws random values",
    )
    assert ending_line(skipped) == "SKIP    m@onnx 0.00s: draws random values"


def test_ten_annotations_at_most_and_no_way_out_of_them() -> None:
    records = [record(f"m{n}", Outcome.FAIL, "50% of\n::error::x") for n in range(10)]
    lines = workflow_errors(records, "fakes/cpu/0")
    assert len(lines) == 10
    assert lines[0] == (
        "::error title=FAIL fakes/cpu/onnx/m0@onnx::at compilation: 50%25 of%0A::error::x%0A"
        "reproduce: python -m runner onnx/m0@onnx --target cpu"
    )
    more = workflow_errors([*records, record("n", Outcome.FAIL, "x"), record("good")], "fakes/cpu/0")
    assert len(more) == 10
    assert (
        more[-1]
        == "::error title=fakes/cpu/0::2 more cases of fakes/cpu/0 ended red; all of them are in the job's summary"
    )
    assert notice("a,b:c", "d") == "::notice title=a%2Cb%3Ac::d"
