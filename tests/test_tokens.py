"""Integer outputs of a model with a tokenizer are compared as text, sequence by sequence."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runner.judge import judge
from runner.protocol import Finished
from runner.tokens import SIGNATURE, UNDECODABLE, TokenVerdict, compare_tokens, positions
from schemas.case import Checks, Tolerance
from schemas.record import Record, TokenComparison
from schemas.words import Outcome
from tests.stages_support.cases import CLEAN, error_of, run
from tests.torch_support import NEEDS_TORCH, job_of, model

WORDS = ["the", " the", " cat", " sat", " mat", "\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}", "", ""]


class Words:
    """Decodes as byte-level tokenizers do: several ids may have one text, some have none that is text."""

    def decode(self, ids: Any) -> str:
        assert isinstance(ids, list)
        if not all(type(each) is int and 0 <= each < len(WORDS) for each in ids):
            msg = f"no token {ids}"
            raise IndexError(msg)
        return "".join(WORDS[each] for each in ids).strip(" ")


class Output(NamedTuple):
    name: str
    value: Any


def compared(actual: Any, expected: Any, *, asserted: bool = True, tokenizer: Any = None) -> TokenVerdict:
    golden, outputs = [Output("ids", np.asarray(expected))], [np.asarray(actual)]
    which = positions(golden, outputs)
    return compare_tokens(golden, outputs, which, tokenizer or Words(), asserted=asserted)


def test_equal_tokens_pass_with_their_text() -> None:
    (one,) = compared([0, 2, 3], [0, 2, 3]).comparisons
    assert one == TokenComparison(output="ids", passed=True, expected="the cat sat", actual="the cat sat")


def test_the_first_difference_is_named_with_both_tokens() -> None:
    verdict = compared([0, 2, 4, 3], [0, 2, 3, 4])
    (one,) = verdict.comparisons
    assert verdict.signature == SIGNATURE
    assert not one.passed
    assert (one.first_difference, one.reason) == (2, "token 2: 4 'mat', expected 3 'sat'")
    assert (one.expected, one.actual) == ("the cat sat mat", "the cat mat sat")


def test_rows_are_sequences_of_their_own() -> None:
    verdict = compared([[0, 2], [0, 3]], [[0, 2], [0, 4]])
    assert [(each.sequence, each.passed) for each in verdict.comparisons] == [(0, True), (1, False)]
    assert verdict.signature == SIGNATURE


def test_other_tokens_with_the_same_text_pass_and_are_told() -> None:
    verdict = compared([1, 2], [0, 2])
    (one,) = verdict.comparisons
    assert verdict.signature is None
    assert one.passed
    assert (one.first_difference, one.expected, one.actual) == (0, "the cat", "the cat")
    assert one.reason == "token 0: 1 'the', expected 0 'the'; the text is the same"


@pytest.mark.parametrize(("actual", "expected"), [([5, 0], [6, 0]), ([7, 7], [8, 8])], ids=["no text", "nothing"])
def test_the_same_text_proves_nothing_where_the_decoder_lost_the_tokens(actual: Any, expected: Any) -> None:
    assert compared(actual, expected).signature == SIGNATURE


def test_what_cannot_be_decoded_is_no_pass() -> None:
    (one,) = compared([0, 99], [0, 2]).comparisons
    assert one.reason == "decode raised IndexError: no token [0, 99]; token 1: 99 (no token), expected 2 'cat'"
    assert compared([0, 99], [0, 2]).signature == UNDECODABLE
    assert compared([-100], [-100]).signature == UNDECODABLE, "not this model's tokenizer, though the ids are equal"

    class Strange:
        def decode(self, ids: Any) -> Any:
            return ids

    (other,) = compared([0], [0], tokenizer=Strange()).comparisons
    assert other.reason == "decode returned a list, not a text"


def test_a_disabled_check_is_still_measured_and_told() -> None:
    verdict = compared([0, 2], [0, 3], asserted=False)
    (one,) = verdict.comparisons
    assert verdict.signature is None
    assert one.passed
    assert (one.reason, one.unasserted) == ("", "token 1: 2 'cat', expected 3 'sat'")


def test_long_texts_are_cut_in_the_record_only() -> None:
    ids = [0] * 2000
    (one,) = compared([*ids, 2], [*ids, 3]).comparisons
    assert not one.passed
    assert len(one.expected) <= 2000
    assert one.expected.endswith("… [6004 characters]")


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (np.zeros(3, np.int64), True),
        (np.zeros((2, 3), np.int32), True),
        (np.zeros((2, 3), np.uint16), True),
        (np.zeros((), np.int64), False),
        (np.zeros((1, 2, 3), np.int64), False),
        (np.zeros(3, np.bool_), False),
        (np.zeros(3, np.float32), False),
    ],
)
def test_which_outputs_hold_tokens(value: Any, tokens: bool) -> None:
    assert positions([Output("y", value)], [value]) == ((0,) if tokens else ())


def test_outputs_of_another_shape_or_type_are_left_to_the_comparison() -> None:
    golden = [Output("y", np.zeros((2, 3), np.int64))]
    for actual in (np.zeros((3,), np.int64), np.zeros((2, 3), np.int32), np.zeros((2, 3), np.float32)):
        assert positions(golden, [actual]) == ()
    assert positions(golden, [np.zeros((2, 3), np.uint64)]) == (0,), "read with the expected sign"
    assert positions(golden, []) == ()


IDS = hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=2, max_side=5), elements=st.integers(0, 8))


@given(IDS, st.data())
def test_equal_ids_pass_and_other_text_never_does(expected: Any, data: st.DataObject) -> None:
    assert compared(expected, expected).signature is None
    actual = data.draw(hnp.arrays(np.int64, expected.shape, elements=st.integers(0, 8)))
    verdict = compared(actual, expected)
    for one in verdict.comparisons:
        assert one.passed == (one.first_difference is None or one.reason.endswith("the text is the same"))
        assert not one.passed or one.expected == one.actual
    assert (verdict.signature is None) == all(one.passed for one in verdict.comparisons)


@pytest.mark.skipif(find_spec("tokenizers") is None, reason="tokenizers is absent: make install EXTRAS=torch")
def test_a_real_tokenizer() -> None:
    from tokenizers import Tokenizer, decoders, models  # noqa: PLC0415 - it may be absent

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2}, unk_token="a"))  # noqa: S106 - no password
    tokenizer.decoder = decoders.Fuse()
    (one,) = compared([0, 1, 2], [0, 1, 1], tokenizer=tokenizer).comparisons
    assert (one.expected, one.actual, one.first_difference) == ("abb", "abc", 2)
    assert compared([-1], [0], tokenizer=tokenizer).signature == UNDECODABLE


# ---- through the runner ---------------------------------------------------------------------------------------------

TOKENIZER = """\
def load_tokenizer(self):
    return self
def decode(self, ids):
    return " ".join(f"w{each}" for each in ids)
"""
#: Compiled and golden sides differ by what the hook adds to the golden.
GREEDY = "def forward(self, x):\n    return self.a(x).argmax(-1), self.a(x)"
OTHER_IDS = "def forward(self, inputs):\n    ids, logits = super().forward(inputs)\n    return ids + 1, logits\n"
SHIFTED = TOKENIZER + OTHER_IDS


def told(folder: Path, more: str, checks: Checks | None = None) -> tuple[Finished, Record, str]:
    text = model(GREEDY, "torch.randn(2, 6, 4)", init="self.a = nn.Linear(4, 16)", more=more)
    job = job_of(folder, text, tolerance=Tolerance(pcc=0.99, atol=0.01, rtol=0.0), checks=checks or Checks())
    events, _, last = run(job)
    return last, judge(job.case, events, CLEAN, shard=None, attempt=1, started="", reproduce=""), error_of(events)


@pytest.mark.slow
@NEEDS_TORCH
def test_a_model_that_returns_tokens_passes_by_its_text(tmp_path: Path) -> None:
    last, record, error = told(tmp_path, TOKENIZER)
    assert error == ""
    assert record.outcome is Outcome.PASS
    assert [(each.output, each.sequence, each.passed) for each in record.tokens] == [("0", 0, True), ("0", 1, True)]
    assert record.tokens == last.tokens
    assert record.tokens[0].expected.startswith("w")


@pytest.mark.slow
@NEEDS_TORCH
def test_other_tokens_fail_at_comparison_whatever_the_tolerance(tmp_path: Path) -> None:
    _, record, error = told(tmp_path, SHIFTED)
    assert error == SIGNATURE
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "Numerics")
    assert record.tokens[0].first_difference == 0
    assert record.error is not None
    assert record.error.excerpt.startswith("0[0]: token 0: ")
    ids, logits = record.comparisons
    assert (ids.passed, ids.mismatched, ids.total) == (True, 12, 12), "informative"
    assert (logits.passed, logits.mismatched) == (True, 0)


@pytest.mark.slow
@NEEDS_TORCH
def test_disabled_tokens_are_measured_and_noted(tmp_path: Path) -> None:
    _, record, error = told(tmp_path, SHIFTED, Checks(tokens=False, issue="https://issues.example/5"))
    assert error == ""
    assert record.outcome is Outcome.PASS
    assert all(each.passed and each.unasserted for each in record.tokens)
    (note,) = [each for each in record.notes if "disabled" in each]
    assert note.startswith("token check disabled: 0[0] token 0: ")
    assert note.endswith("(https://issues.example/5)")


@pytest.mark.slow
@NEEDS_TORCH
def test_without_a_tokenizer_integers_are_numbers(tmp_path: Path) -> None:
    _, record, error = told(tmp_path, OTHER_IDS)
    assert (error, record.tokens) == ("values differ", ())


def test_a_worker_that_calls_differing_tokens_a_pass_is_not_believed() -> None:
    """The judge holds the last word against itself, as it does with figures."""
    from tests.test_runner_judge_laws import GOOD, case, judged, stages_of, story  # noqa: PLC0415

    assert case().depth is not None
    wrong = TokenComparison(output="ids", passed=False, expected="a", actual="b")
    hidden = msgspec.structs.replace(wrong, passed=True, unasserted="token 0 differs")
    for tokens in ((wrong,), (hidden,)):
        *events, last = story(stages_of(case().depth), comparisons=(GOOD,))
        assert isinstance(last, Finished)
        record = judged(case(), [*events, msgspec.structs.replace(last, tokens=tokens)])
        assert (record.outcome, record.error and record.error.signature) == (Outcome.FAIL, "tokens differ")
