"""A record with all that verification can find: a disabled check, tokens, cast inputs, a kept bundle."""

from __future__ import annotations

import msgspec

from schemas.case import Checks, Tolerance
from schemas.record import CastInput, OutputComparison, Record, TokenComparison
from schemas.words import Mode, Outcome
from tests.results_support.build import record

ISSUE = "https://issues.example/7"


def verified(case_key: str, outcome: Outcome = Outcome.PASS, text: str = "") -> Record:
    """``text`` stands wherever a model, its tokenizer or its author can put one."""
    logits = OutputComparison(
        output=f"logits{text}",
        dtype="float32",
        shape=(2, 3),
        passed=True,
        max_abs=0.5,
        max_rel=0.25,
        pcc=0.875,
        mismatched=2,
        total=6,
        worst_index=(1, 2),
        relative_atol=0.125,
        cosine=0.9375,
        unasserted=f"PCC 0.875, required 0.99{text}",
    )
    ids = msgspec.structs.replace(logits, output="ids", dtype="int64", pcc=-1.0, max_abs=900.0, unasserted="")
    tokens = TokenComparison(
        output="ids",
        sequence=1,
        passed=True,
        expected=text or "a cat",
        actual=text or "a  cat",
        first_difference=2,
        reason=f"token 2: 45 ' a', expected 12 'a'; the text is the same{text}",
    )
    hidden = msgspec.structs.replace(
        logits, output=f"mul_1 (aten.mul.Tensor){text}", passed=False, reason=f"2 of 6 differ{text}"
    )
    return msgspec.structs.replace(
        record(case_key, outcome),
        intermediates=(hidden, msgspec.structs.replace(hidden, output="add", max_abs=3.0)),
        mode=Mode.TRAIN,
        owner=text or "vision-team",
        comparisons=(logits, ids),
        tokens=(tokens,),
        tolerance=Tolerance(pcc=0.99, relative_atol=0.01),
        checks=Checks(pcc=False, issue=text or ISSUE),
        casts=(CastInput(input=f"x{text}", given="float64", cast="float32", golden=True),),
        bundle=text or "bundles/m",
    )
