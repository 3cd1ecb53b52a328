"""Hypothesis strategies for records, runs and what shards leave behind."""

from __future__ import annotations

from hypothesis import strategies as st

from results.scan import Entry, Scan, Start
from schemas.case import case_id
from schemas.record import Record
from schemas.words import Outcome, Stage
from tests.results_support.build import DIGEST, key, record

#: Text with everything that formats choke on: control characters, quotes, markup, astral, bidirectional, formulas.
NASTY = st.text(
    st.one_of(
        st.sampled_from("=+-@|`*_<>&\"'[](){}#!~\\/:;,%$^\t\n\r\x00\x07\x1b\x7f\x85\u2028\u202e\ufeff\ufffe😀"),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
)

OUTCOMES = st.sampled_from([o for o in Outcome if o is not Outcome.MISSING])
SIGNATURES = st.sampled_from(["failed to legalize 'a'", "failed to legalize 'b'", 'oops: "quoted" # and : odd', "=1+1"])
KINDS = st.sampled_from([Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM])


@st.composite
def records(draw: st.DrawFn, case_key: str, *, stages: tuple[Stage, ...] = tuple(Stage)) -> Record:
    """Any record of one case that a runner could have written."""
    return record(
        case_key,
        draw(OUTCOMES),
        stage=draw(st.sampled_from(stages)),
        signature=draw(SIGNATURES),
        kind=draw(KINDS),
        seconds=draw(st.floats(0.001, 100)),
    )


@st.composite
def scans(draw: st.DrawFn, *, cases: int = 8, shards: int = 3) -> Scan:
    """What one shard folder may hold: any cases, any attempt, maybe stale, damaged, cut off or of another target."""
    shard = draw(st.integers(0, shards - 1))
    attempt = draw(st.integers(1, 3))
    target = draw(st.sampled_from(["cpu", "cpu", "cpu", "vmvx"]))
    name = draw(st.integers(0, 10**6))
    numbers = draw(st.lists(st.integers(0, cases + 2), max_size=cases))
    begun = draw(st.lists(st.integers(0, cases + 2), max_size=2, unique=True))
    entries = tuple(
        Entry(
            case=case_id("s", target, key(number)),
            attempt=attempt,
            red=draw(st.booleans()),
            fingerprint=draw(st.integers(0, 3)),
            path=f"folder-{name}",
            offset=index,
            length=1,
        )
        for index, number in enumerate(numbers)
    )
    return Scan(
        label=f"folder-{name}",
        digest=f"{name}",
        suite="s",
        target=target,
        shard=shard,
        attempt=attempt,
        matrix_digest=draw(st.sampled_from([DIGEST, DIGEST, DIGEST, "old", ""])),
        planned=len(numbers),
        entries=entries,
        started=tuple(Start(case_id("s", target, key(number)), attempt, "2026-11-20T02:18:00Z") for number in begun),
        complete=draw(st.booleans()),
        damage=draw(st.sampled_from([(), (), ("line 3 is unreadable",)])),
    )
