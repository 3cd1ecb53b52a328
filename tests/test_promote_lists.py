"""The laws of the lists, and patches that keep them: every model is where it was decided, and all comments stay."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from generator.cli import main as generate
from results.promote.command import propose
from results.promote.decide import Move
from results.promote.issues import HEADINGS
from results.promote.standing import LISTS
from schemas.errors import Exit
from schemas.record import Record
from schemas.words import Depth, Outcome, Stage
from schemas.words import Path as ModelPath
from tests.promote_support import (
    COMPILE,
    FAMILY,
    MODELS,
    NIGHTLY,
    NIGHTLY_OPS,
    OTHER,
    WEEKLY,
    make,
    members,
    ops,
    record,
    report,
)
from tests.suites_support import findings

ROOT = Path(__file__).parent.parent
CHECKS = ("--- ", "+++ ")


def said(root: Path) -> list[str]:
    return [f"{each.location.file.rpartition('/')[2]}:{each.location.line}: {each.message}" for each in findings(root)]


def test_the_folder_of_these_tests_is_right(tmp_path: Path) -> None:
    assert said(make(tmp_path / "suites")) == []


def test_a_model_without_a_weekly_twin_is_told_where_it_is_chosen(tmp_path: Path) -> None:
    weekly = WEEKLY.replace("exclude: [onnx/net/a,", "exclude: [onnx/net/a, onnx/net/b, onnx/net/c,")
    (one,) = said(make(tmp_path / "suites", weekly_op_by_op=weekly))
    assert one == (
        "nightly-execute.yaml:13: onnx/net/b and onnx/net/c are run on cpu in suite nightly-execute, and not in suite "
        "weekly-op-by-op there"
    )


def test_the_twin_must_run_on_the_same_target(tmp_path: Path) -> None:
    weekly = WEEKLY.replace("  - name: onnx/net/a\n", "  - name: onnx/net/a\n    only: [cpu]\n").replace(
        "targets: [cpu, vmvx]", "targets: [cpu]"
    )
    (one,) = said(make(tmp_path / "suites", weekly_op_by_op=weekly))
    assert "onnx/net/a is run on vmvx" in one


def test_the_catalogue_and_skipped_models_need_no_twin(tmp_path: Path) -> None:
    weekly = WEEKLY.replace("onnx/net/a,", "onnx/net/a, onnx/net/b,")
    nightly = NIGHTLY + "  - name: onnx/net/b\n    skip: too large\n    only: [cpu]\n"
    assert said(make(tmp_path / "suites", weekly_op_by_op=weekly, nightly_execute=nightly)) == []


def test_another_suite_s_definitions_need_no_twin(tmp_path: Path) -> None:
    nightly = NIGHTLY + "  - directory: theirs\n    format: torch-models\n    only: [cpu]\n"
    theirs = tmp_path / "suites" / "theirs"
    theirs.mkdir(parents=True)
    flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
    (theirs / "module.json").write_text(json.dumps({"mlir": "module.mlir", "compiler_flags": flags}))
    test = {"type": "quality", "markers": [], "modules": ["module"], "run_args": ["--device=local-task"]}
    (theirs / "test.json").write_text(json.dumps(test))
    root = make(tmp_path / "suites", nightly_execute=nightly)
    assert said(root) == []
    passed = record("torch-models/test", path=ModelPath.DIRECT)
    runs = [report(tmp_path / f"{number}", passed) for number in (1, 2, 3)]
    found = propose(runs, root, runs=3, repository="")
    assert (found.patches, found.moves) == ((), 0)  # nothing moves it


@pytest.mark.parametrize(("stage", "twin"), [("compilation", "nightly-op-by-op"), ("comparison", "weekly-op-by-op")])
def test_an_expected_failure_decides_on_the_twin(tmp_path: Path, stage: str, twin: str) -> None:
    root = make(tmp_path / "suites")
    failure = f"{{signature: s, stage: {stage}, cases: [onnx/net/b@onnx]}}"
    expected = f"suite: nightly-execute\ntarget: cpu\nfailures:\n  - {failure}\n"
    (root / "expectations").mkdir()
    (root / "expectations/nightly-execute.cpu.yaml").write_text(expected)
    told = said(root)
    assert [f"not in suite {twin}" in each for each in told] == ([True] if twin == "nightly-op-by-op" else [])


def test_no_model_is_in_both_op_by_op_lists_on_a_target(tmp_path: Path) -> None:
    both = NIGHTLY_OPS + "  - name: onnx/net/b\n"
    told = said(make(tmp_path / "suites", nightly_op_by_op=both))
    assert Counter(each.partition(":")[0] for each in told) == {"nightly-op-by-op.yaml": 1, "weekly-op-by-op.yaml": 1}
    assert all("on cpu, and the two must not overlap there" in each for each in told)
    elsewhere = (
        NIGHTLY_OPS.replace("targets: [cpu]", "targets: [cpu, vmvx]").replace("models:", "only: [cpu]\nmodels:")
        + "  - name: onnx/net/b\n    only: [vmvx]\n"
    )
    assert said(make(tmp_path / "other", nightly_op_by_op=elsewhere)) == []


def test_a_member_of_the_compile_list_is_not_executed_on_that_target(tmp_path: Path) -> None:
    wrong = COMPILE + "  - name: onnx/net/a\n"
    told = said(make(tmp_path / "suites", e2e_compile=wrong))
    assert any("onnx/net/a is also in suite nightly-execute" in each and "on vmvx" in each for each in told)
    assert said(make(tmp_path / "other", e2e_compile=COMPILE + "  - name: onnx/net/b\n")) == []


def test_the_head_of_a_manifest_limits_entries_that_say_nothing(tmp_path: Path) -> None:
    limited = COMPILE.replace("targets: [vmvx]\n", "targets: [vmvx, cpu]\nonly: [vmvx]\n")
    root = make(tmp_path / "suites", e2e_compile=limited + "  - name: onnx/net/g\n    only: [cpu]\n")
    assert members(root)["onnx/net/g", "cpu"] == {"nightly-op-by-op", "e2e-compile"}
    assert ("onnx/net/g", "vmvx") not in members(root)


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("disjoint-per-target-with: [others]", "unknown suite 'others'"),
        ("disjoint-per-target-with: [e2e-compile]", "a suite cannot be disjoint with itself"),
        ("twin-in: others", "unknown suite 'others'"),
        ("twin-in-bring-up: others", "unknown suite 'others'"),
        ("twin-in: e2e-compile", "a suite cannot be its own twin"),
        ("only: [vmvx, cpu]", "only: the suite does not run on target 'cpu'"),
    ],
)
def test_a_key_that_names_nothing_of_use(tmp_path: Path, written: str, what: str) -> None:
    body = COMPILE.replace("disjoint-per-target-with: [nightly-execute]", written)
    assert said(make(tmp_path / "suites", e2e_compile=body)) == [f"e2e-compile.yaml:5: {what}"]


def test_an_empty_list_has_no_workflow_until_a_model_comes(tmp_path: Path) -> None:
    empty = NIGHTLY_OPS[: NIGHTLY_OPS.index("models:")] + "models: []\n"
    listed = COMPILE + "  - name: onnx/net/g\n  - name: onnx/net/h\n"
    root = make(tmp_path / "suites", nightly_op_by_op=empty, e2e_compile=listed)
    assert generate(["--root", str(tmp_path)]) == Exit.OK
    assert not (tmp_path / ".github/workflows/suite-nightly-op-by-op.yml").exists()
    one = ops("onnx/net/b", {5: 1}, suite="weekly-op-by-op")
    run = report(tmp_path / "run", record("onnx/net/b", Outcome.FAIL), one)
    for patch in propose([run], root, runs=3, repository="").patches:
        patch.apply()
    assert generate(["--root", str(tmp_path)]) == Exit.OK
    assert (tmp_path / ".github/workflows/suite-nightly-op-by-op.yml").exists()


def test_a_target_comes_and_goes_with_its_only_model(tmp_path: Path) -> None:
    root = make(tmp_path / "suites")
    before = (root / "e2e-compile.yaml").read_text()
    runs = [report(tmp_path / "0", ops("onnx/net/g", {6: 1, 7: 1}))]
    for patch in propose(runs, root, runs=3, repository="").patches:
        patch.apply()
    assert (root / "e2e-compile.yaml").read_text() != before
    (root / "expectations").mkdir()
    (root / "expectations/e2e-compile.cpu.yaml").write_text("suite: e2e-compile\ntarget: cpu\nfailures: []\n")
    runs += [report(tmp_path / f"{number}", record("onnx/net/g", suite="bring-up")) for number in (1, 2, 3)]
    for patch in propose(runs, root, runs=3, repository="").patches:
        patch.apply()
    assert (root / "e2e-compile.yaml").read_text() == before
    assert not (root / "expectations/e2e-compile.cpu.yaml").exists()


def test_a_patch_is_one_that_git_takes(tmp_path: Path) -> None:
    root = make(tmp_path / "suites")
    run = report(tmp_path / "run", record("onnx/net/b", Outcome.FAIL), ops("onnx/net/g", {6: 1, 7: 1}))
    found = propose([run], root, runs=3, repository="")
    text = (
        "".join(patch.diff() for patch in found.patches).replace(f"a/{tmp_path}/", "a/").replace(f"b/{tmp_path}/", "b/")
    )
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=text, text=True, check=True)
    assert {patch.file.name for patch in found.patches} == {
        "nightly-op-by-op.yaml", "weekly-op-by-op.yaml", "e2e-compile.yaml", "nightly-execute.cpu.yaml"
    }  # fmt: skip
    for patch in found.patches:
        assert patch.file.read_text() == patch.new


def test_issue_texts_have_the_headings_and_labels_of_the_templates() -> None:
    labels = {each["name"] for each in yaml.safe_load((ROOT / ".github/labels.yml").read_text())}
    assert labels == set(HEADINGS)
    for label, headings in HEADINGS.items():
        _, head, body = (ROOT / f".github/ISSUE_TEMPLATE/{label}.md").read_text().split("---\n", 2)
        assert yaml.safe_load(head)["labels"] == [label]
        assert tuple(line[4:] for line in body.splitlines() if line.startswith("### ")) == headings


def _records(model: str, target: str) -> st.SearchStrategy[list[Record]]:
    """What one run may say of a model on a target."""
    end = st.builds(
        lambda outcome, stage, reason, suite: record(
            model, outcome, target=target, stage=stage, reason=reason, suite=suite, signature=f"fails at {stage}"
        ),
        st.sampled_from([o for o in Outcome if o is not Outcome.MISSING]),
        st.sampled_from([Stage.SETUP, Stage.COMPILATION, Stage.COMPILED_INFERENCE, Stage.COMPARISON]),
        st.sampled_from(
            ["PCC 0.5, required 0.99", "3 of 6 elements differ", "3 of 6 elements differ; PCC 0.5, required 0.9"]
        ),
        st.sampled_from(["nightly-execute", "presubmit"]),
    )
    walk = st.builds(
        lambda counts, depth, suite: ops(model, counts, target=target, depth=depth, suite=suite),
        st.dictionaries(st.integers(4, 7), st.integers(0, 3)),
        st.sampled_from([Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP]),
        st.sampled_from(["nightly-op-by-op", "weekly-op-by-op"]),
    )
    return st.lists(st.one_of(end, walk), max_size=3, unique_by=lambda each: each.case)


@st.composite
def _run(draw: st.DrawFn) -> list[Record]:
    places = draw(
        st.lists(st.tuples(st.sampled_from(MODELS), st.sampled_from(["cpu", "vmvx"])), unique=True, max_size=6)
    )
    return [each for place in places for each in draw(_records(*place))]


def _scenario(model: str, target: str, move: Move) -> tuple[list[Record], list[Record]]:
    """Two runs that ask for a move; the second alone says what is now."""
    stage = {Move.COMPILES: Stage.COMPILED_INFERENCE, Move.NUMERICS: Stage.COMPARISON}.get(move, Stage.COMPILATION)
    good = [record(model, target=target)]
    bad = record(model, Outcome.FAIL, target=target, stage=stage, signature=f"fails at {stage}")
    walked = ops(model, {6: 1, 7: 3}, target=target)
    return {
        Move.PASSES: (good, good),
        Move.REGRESSED: (good, [bad]),
        Move.NUMERICS: ([], [bad]),
        Move.COMPILES: ([], [bad, walked]),
        Move.STAYS: ([], []),
    }[move]


@st.composite
def _scenarios(draw: st.DrawFn) -> list[list[Record]]:
    first, second = [], []
    for model in MODELS:
        for target in ("cpu", "vmvx"):
            before, after = _scenario(model, target, draw(st.sampled_from(Move)))
            first += before
            second += after
    return [first, second]


@pytest.mark.parametrize("head", ["", "only: [cpu]\n"])
def test_a_list_all_of_whose_targets_change_loads(tmp_path: Path, head: str) -> None:
    """The models of its only target leave, and one on another target comes."""
    moves = {
        ("onnx/net/g", "cpu"): Move.NUMERICS,
        ("onnx/net/h", "cpu"): Move.PASSES,
        ("onnx/net/a", "vmvx"): Move.REGRESSED,
    }
    runs: tuple[list[Record], list[Record]] = ([], [])
    for (model, target), move in moves.items():
        for run, records in zip(runs, _scenario(model, target, move), strict=True):
            run.extend(records)
    root = make(tmp_path / "suites")
    manifest = root / "nightly-op-by-op.yaml"
    manifest.write_text(manifest.read_text().replace("targets: [cpu]\n", f"targets: [cpu]\n{head}"))
    paths = [report(tmp_path / f"run-{number}", *records) for number, records in enumerate(runs)]
    for patch in propose(paths, root, runs=2, repository="").patches:
        patch.apply()
    found = {place for place, lists in members(root).items() if "nightly-op-by-op" in lists}
    assert found == {("onnx/net/a", "vmvx")}
    assert "only: []" not in manifest.read_text()


#: An example takes most of a second, and shrinking one takes hundreds.
_NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=_NO_SHRINKING)
@given(
    st.one_of(_scenarios(), st.lists(_run(), min_size=1, max_size=4)), st.integers(1, 2), st.sampled_from([{}, OTHER])
)
def test_patched_manifests_load_and_say_what_was_decided(
    runs: list[list[Record]], needed: int, style: Mapping[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = make(Path(name) / "suites", **style)
        paths = [report(Path(name) / f"run-{n}", *records) for n, records in enumerate(runs) if records]
        before, comments = members(root), _comments(root)
        found = propose(paths, root, runs=needed, repository="")
        for patch in found.patches:
            patch.apply()
        after = members(root)  # loads, so that every law holds
        event(f"moves: {min(found.moves, 3)}")
        moved = {(each.model, each.target): each for each in found.decisions if each.changes}
        for place in {*before, *after}:
            wanted = moved[place].lists if place in moved else before[place]
            assert after.get(place, frozenset()) == wanted
        assert not (comments - _comments(root)), "a comment that heads several entries is gone"
        assert generate(["--root", name]) == Exit.OK
        assert generate(["--root", name, "--check"]) == Exit.OK
        again = propose(paths, root, runs=needed, repository="")
        assert (again.patches, again.issues, again.moves) == ((), (), 0)


def _comments(root: Path) -> Counter[str]:
    """Comments that belong to no single entry of the networks."""
    own = ("# needs a", "# long", "# those in bring-up", "# the one", "# slow", "# networks", "# here", "# and there")
    texts = "\n".join((root / f"{name}.yaml").read_text() for name in LISTS).splitlines()
    found = (f"#{line.partition('#')[2]}" for line in texts if "#" in line)
    return Counter(each for each in found if not each.startswith(own))


def test_every_move_has_a_heading() -> None:
    from results.promote.explain import _WHAT  # noqa: PLC0415 - only here

    assert {*_WHAT, Move.STAYS} == set(Move)


def test_models_of_the_family_are_those_of_the_folder(tmp_path: Path) -> None:
    assert {model for model, _ in members(make(tmp_path / "suites"))} == {f"onnx/net/{each}" for each in FAMILY}
