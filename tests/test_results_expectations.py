from __future__ import annotations

import difflib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.expectations.gap import Gap, Observed
from results.expectations.surgery import quoted, revise, scalar
from schemas.case import Expectation
from schemas.errors import ManifestError
from schemas.words import OWN_STAGES, Outcome, Stage
from suites import expectations as files
from tests.results_support.expected import GAPS, RUNS, TEXT, key
from tests.results_support.strategies import NASTY
from tests.results_support.workspace import KEYS, judge

FILE = Path("s.cpu.yaml")


def gap(signature: str, stage: Stage = Stage.COMPILATION, outcome: Outcome = Outcome.FAIL) -> Gap:
    return Gap(stage, outcome, signature)


def after(text: str, failing: dict[str, Gap] | None = None, passing: tuple[str, ...] = (), cause: str = "") -> str:
    observed = Observed(
        failing={key(name): found for name, found in (failing or {}).items()},
        passing=frozenset(key(name) for name in passing),
        refused=(),
    )
    return revise(text, FILE, observed, cause)[0]


def changed(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines gone and lines come."""
    diff = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    return [line[2:] for line in diff if line[0] == "-"], [line[2:] for line in diff if line[0] == "+"]


def test_nothing_observed_changes_nothing() -> None:
    assert after(TEXT) == TEXT


def test_a_case_that_passes_loses_its_line_and_nothing_else() -> None:
    new = after(TEXT, passing=("abs",))
    assert new == TEXT.replace("      - onnx/node/test_abs@onnx\n", "")


def test_a_new_failure_joins_the_group_it_belongs_to_in_order() -> None:
    new = after(TEXT, {"acos": gap("failed to legalize 'a'")})
    assert new == TEXT.replace("test_abs@onnx\n", "test_abs@onnx\n      - onnx/node/test_acos@onnx\n")


def test_a_first_case_goes_above_and_a_comment_stays_with_its_case() -> None:
    text = TEXT.replace("      - onnx/node/test_abs@onnx\n", "")
    new = after(text, {"add": gap("failed to legalize 'a'")})
    assert new == text.replace("      # a special one", "      - onnx/node/test_add@onnx\n      # a special one")


def test_a_group_without_cases_goes_with_its_comment() -> None:
    new = after(TEXT, passing=("log",))
    gone, come = changed(TEXT, new)
    assert come == []
    assert [line for line in gone if line] == [
        "  # Wrong numbers.",
        "  - signature: 3 of 60 elements differ",
        "    stage: comparison",
        "    cases:",
        "      - onnx/node/test_log@onnx",
        "      # nothing after this",
    ]
    assert "\n\n\n" not in new


def test_a_new_signature_makes_a_new_group_at_the_end() -> None:
    new = after(
        TEXT, {"relu": gap("b"), "floor": gap("c"), "erf": gap("c"), "add": gap("hang", outcome=Outcome.TIMEOUT)}
    )
    assert new == TEXT.replace(
        "# the end\n",
        """\
  - signature: "c"
    stage: compilation
    cases:
      - onnx/node/test_erf@onnx
      - onnx/node/test_floor@onnx
  - signature: "b"
    stage: compilation
    cases:
      - onnx/node/test_relu@onnx
  - signature: "hang"
    stage: compilation
    outcome: TIMEOUT
    cases:
      - onnx/node/test_add@onnx
# the end
""",
    )


def test_a_changed_signature_moves_the_case() -> None:
    new = after(TEXT, {"abs": gap("3 of 60 elements differ", Stage.COMPARISON)})
    gone, come = changed(TEXT, new)
    assert gone == come == ["      - onnx/node/test_abs@onnx"]
    assert new.index("test_abs") > new.index("3 of 60")


def test_a_group_whose_signature_changed_keeps_its_issue_and_comments() -> None:
    to = gap('now "quoted"')
    new = after(TEXT, {"abs": to, "cos": to, "exp": to})
    old_line = "- signature: \"failed to legalize 'a'\"   # upstream knows"
    assert new == TEXT.replace(old_line, r'- signature: "now \"quoted\""   # upstream knows')


def test_the_last_group_leaves_an_empty_list_and_a_new_one_finds_it_again() -> None:
    head = "suite: s\ntarget: cpu\n"
    group = "  - signature: a\n    stage: compilation\n    cases:\n      - onnx/node/test_abs@onnx\n"
    text = f"{head}failures:   # none is best\n{group}"
    empty = after(text, passing=("abs",))
    assert empty == "suite: s\ntarget: cpu\nfailures: []  # none is best\n"
    again = after(empty, {"abs": gap("a")})
    assert files_of(again) == {key("abs"): gap("a")}
    assert "failures:  # none is best\n" in again


def test_windows_line_ends_and_a_missing_last_one_are_kept() -> None:
    text = TEXT.replace("\n", "\r\n").rstrip()
    new = after(text, {"acos": gap("failed to legalize 'a'"), "relu": gap("z")}, passing=("log",))
    assert new.count("\n") == new.count("\r\n")
    assert not new.endswith("\n")


@pytest.mark.parametrize(
    "text",
    [
        "failures:\n  - signature: a\n    stage: compilation\n    cases: [onnx/node/test_abs@onnx]\n",
        "failures: [{signature: a, stage: compilation, cases: [onnx/node/test_abs@onnx]}]\n",
        "failures:\n  - signature: a\n    stage: nowhere\n    cases:\n      - onnx/node/test_abs@onnx\n",
        "failures:\n  - signature: a\n    stage: compilation\n    cases:\n      - x@onnx\n      - x@onnx\n",
        "failures: [\n",
    ],
)
def test_a_layout_that_lines_cannot_change_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ManifestError, match=r"s\.cpu\.yaml:\d+"):
        after(text, passing=("abs",))


CAUSES = """\
suite: s
target: cpu
failures:
  - signature: values differ
    stage: comparison
    cause: a padding is lost
    cases:
      - onnx/node/test_abs@onnx
  - signature: values differ
    stage: comparison
    cases:
      - onnx/node/test_cos@onnx
  - signature: values differ
    stage: comparison
    cause: a window is too large
    cases:
      - onnx/node/test_log@onnx
"""


def test_a_case_of_unknown_cause_joins_the_group_without_one() -> None:
    differ = gap("values differ", Stage.COMPARISON)
    gone, come = changed(CAUSES, after(CAUSES, {"abs": differ, "exp": differ}))
    assert (gone, come) == ([], ["      - onnx/node/test_exp@onnx"])
    new = after(CAUSES, {"exp": differ})
    assert new.index("test_cos") < new.index("test_exp") < new.index("a window")
    explained = CAUSES.replace(
        "    cases:\n      - onnx/node/test_cos", "    cause: c\n    cases:\n      - onnx/node/test_cos"
    )
    assert after(explained, {"exp": differ}) == explained + (
        '  - signature: "values differ"\n    stage: comparison\n    cases:\n      - onnx/node/test_exp@onnx\n'
    )


def test_groups_of_one_failure_are_emptied_one_by_one() -> None:
    gone, come = changed(CAUSES, after(CAUSES, passing=("cos",)))
    assert (len(gone), come) == (4, [])
    assert "a padding is lost" in after(CAUSES, passing=("cos", "log"))


def test_a_cause_goes_on_with_its_own_cases_only() -> None:
    new = gap("PCC too low", Stage.COMPARISON)
    text = after(CAUSES, {"abs": new, "exp": new})
    assert text == CAUSES.replace("values differ", '"PCC too low"', 1) + (
        '  - signature: "PCC too low"\n    stage: comparison\n    cases:\n      - onnx/node/test_exp@onnx\n'
    )


@pytest.mark.parametrize("stage", OWN_STAGES)
def test_a_failure_at_our_own_stages_needs_a_cause(stage: Stage) -> None:
    observed = Observed(failing={key("abs"): gap("ours", stage)}, passing=frozenset(), refused=())
    new, refused = revise(TEXT, FILE, observed, "")
    assert new == TEXT
    assert [(one.case, "--cause" in one.remedy) for one in refused] == [(key("abs"), True)]
    new, refused = revise(TEXT, FILE, observed, "the model needs a file that does not exist")
    assert refused == ()
    assert f'    stage: {stage}\n    cause: "the model needs a file that does not exist"\n' in new
    assert key("abs") in new


def test_a_known_cause_serves_another_case_of_the_same_failure() -> None:
    text = after(TEXT, {"abs": gap("ours", Stage.SETUP)}, cause="because")
    assert files_of(after(text, {"erf": gap("ours", Stage.SETUP)}))[key("erf")] == gap("ours", Stage.SETUP)


def files_of(text: str) -> dict[str, Gap]:
    """What the loader of the suites makes of it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "s.cpu.yaml"
        path.write_bytes(text.encode())
        return {k: Gap(e.stage, e.outcome, e.signature) for k, e in files.load(path).by_key().items()}


@given(NASTY.filter(str.strip))
def test_any_signature_survives_the_file(text: str) -> None:
    new = after(TEXT, {"relu": gap(text)})
    assert files_of(new)[key("relu")].signature == text


def test_scalars_are_quoted_only_where_needed() -> None:
    assert scalar("onnx/node/test_abs@onnx.linalg.train") == "onnx/node/test_abs@onnx.linalg.train"
    assert scalar("odd: key@onnx") == '"odd: key@onnx"'
    assert quoted("a\x85b") == '"a\\u0085b"'


# ---- any file, any run ----------------------------------------------------------------------------------------------

COMMENTS = st.sampled_from(["", "", "# a comment\n", "\n", "\n# two\n# lines\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """An expectation file as people write them."""
    outer = draw(st.sampled_from(["", "  ", "    "]))
    inner = outer + "  " + draw(st.sampled_from(["", "  "]))
    lines = [draw(COMMENTS), "suite: s\n", "target: cpu\n", "failures:\n"]
    keys = draw(st.permutations(KEYS))
    found = draw(st.lists(GAPS, min_size=1, max_size=4, unique=True))
    for number, one in enumerate(found):
        chosen = keys[number * 3 : number * 3 + draw(st.integers(1, 3))]
        if draw(st.booleans()):
            chosen = sorted(chosen)
        comment = draw(COMMENTS)
        lines += [f"{outer}{line}" if line.strip() else line for line in comment.splitlines(keepends=True)]
        lines.append(f"{outer}- signature: {quoted(one.signature)}\n{outer}  stage: {one.stage}\n")
        if one.outcome is not Outcome.FAIL or draw(st.booleans()):
            lines.append(f"{outer}  outcome: {one.outcome}\n")
        lines += [f"{outer}  issue: https://example.org/{number}\n"] if draw(st.booleans()) else []
        lines.append(f"{outer}  cases:\n")
        for item in chosen:
            lines += [f"{inner}# about it\n"] if draw(st.booleans()) else []
            lines.append(f"{inner}- {item}" + draw(st.sampled_from(["", "  # why"])) + "\n")
    return "".join(lines) + draw(COMMENTS)


@given(texts(), RUNS)
def test_after_the_patch_the_same_run_is_as_expected(text: str, run: dict[str, Gap | None]) -> None:
    failing = {k: found for k, found in run.items() if found is not None}
    passing = frozenset(k for k, found in run.items() if found is None)
    observed = Observed(failing=failing, passing=passing, refused=())
    new, refused = revise(text, FILE, observed, "")
    assert refused == ()
    declared = files_of(new)
    before = files_of(text)
    assert {k: v for k, v in declared.items() if k not in run} == {k: v for k, v in before.items() if k not in run}
    for case, found in run.items():
        one = declared.get(case)
        known = Expectation(stage=one.stage, signature=one.signature, outcome=one.outcome) if one else None
        outcome = (
            judge(Outcome.PASS, None, "", known)
            if found is None
            else judge(found.outcome, found.stage, found.signature, known)
        )
        assert outcome in (Outcome.PASS, Outcome.XFAIL)
    assert revise(new, FILE, observed, "") == (new, ()), "a second time there is nothing to do"
