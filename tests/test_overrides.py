"""What the command line and the environment set instead of the suites: read, applied, recorded, repeated."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.backends import compile_flags
from runner.backends.tuning import ir_flags, tuning_flags
from runner.options import parse
from runner.overrides import COMMAND_LINE, ENVIRONMENT, OTHER_VARIABLES, OVERRIDES, apply, settings_of
from runner.reproduce import reproduce_command
from runner.select import select
from runner.stages.plan import WHOLE, plan
from schemas.case import Case, Setting, Tuning
from schemas.errors import UsageError
from schemas.matrix import cases_digest
from schemas.words import Depth, Lowering, Mode, Path, Stage
from suites import workspace
from tests.models_support import GOOD, put
from tests.runner_support.build import TARGET, case
from tests.suites_support import folder, manifest

REPOSITORY = pathlib.Path(__file__).parent.parent

#: A value of each row that is not what a case has by itself, and one that cannot be.
VALUES = {
    "depth": ("compile", "compil"),
    "verify": ("false", "perhaps"),
    "verify-intermediates": ("true", "maybe"),
    "save-ir": ("true", "2"),
    "const-eval": ("false", "never"),
    "const-eval-parameters": ("true", "x"),
    "externalize": ("true", "inline"),
    "externalize-above": ("1MiB", "1"),
    "opt-level": ("O3", "O4"),
    "compile-flags": ("--iree-x=1 '--iree-y=a b'", "iree-x"),
}
NAMES = st.sampled_from(sorted(VALUES))


def test_every_row_has_its_values_here() -> None:
    assert VALUES.keys() == OVERRIDES.keys()


@pytest.mark.parametrize("name", VALUES)
def test_a_row_changes_a_case_and_is_shown(name: str) -> None:
    good, bad = VALUES[name]
    row = OVERRIDES[name]
    for options, origin in (
        (parse(["m", "--target", "t", f"{row.option}={good}"]), COMMAND_LINE),
        (parse(["m", "--target", "t"], {row.variable: good}), ENVIRONMENT),
    ):
        assert options.settings == (Setting(name, good, origin),)
        changed = apply(case("a"), options.settings)
        assert changed.settings == options.settings
        assert msgspec.structs.replace(changed, settings=()) != case("a"), "it changes something"
    with pytest.raises(UsageError, match=re.escape(row.option)):
        parse(["m", "--target", "t", f"{row.option}={bad}"])
    with pytest.raises(UsageError, match=row.variable) as caught:
        parse(["m", "--target", "t"], {row.variable: bad})
    assert caught.value.remedy


@given(st.dictionaries(NAMES, st.booleans()), st.dictionaries(NAMES, st.booleans()))
def test_the_command_line_is_stronger_than_the_environment(
    given_here: dict[str, bool], set_there: dict[str, bool]
) -> None:
    said = {name: VALUES[name][0] if full else "" for name, full in given_here.items()}
    environ = {OVERRIDES[name].variable: VALUES[name][0] if full else "" for name, full in set_there.items()}
    found = {each.name: each.origin for each in settings_of(said, environ)}
    here = {name for name, full in given_here.items() if full}
    there = {name for name, full in set_there.items() if full}
    assert found == dict.fromkeys(there, ENVIRONMENT) | dict.fromkeys(here, COMMAND_LINE)
    assert list(found) == [name for name in OVERRIDES if name in found], "always in one order"


@given(st.sets(NAMES))
def test_the_command_that_repeats_a_case_sets_the_same(names: set[str]) -> None:
    environ = {OVERRIDES[name].variable: VALUES[name][0] for name in names}
    options = parse(["m", "--target", "t"], environ)
    argv = shlex.split(reproduce_command(case("a"), options))[3:]
    again = parse(argv)
    assert {(each.name, each.value) for each in again.settings} == {(e.name, e.value) for e in options.settings}
    assert {each.origin for each in again.settings} <= {COMMAND_LINE}


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("E2ESHARD_OPTLEVEL", "E2ESHARD_OPT_LEVEL?"),
        ("E2ESHARD_COMPILE_FLAG", "E2ESHARD_COMPILE_FLAGS"),
        ("E2ESHARD_ZZ", "unset it"),
    ],
)
def test_a_variable_that_nothing_reads_is_told(name: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        parse(["m", "--target", "t"], {name: "1"})
    assert remedy in caught.value.remedy


def test_every_variable_of_the_project_is_known() -> None:
    """Whatever reads an E2ESHARD_ variable must have it in the table, or be refused by its own runner."""
    known = {row.variable for row in OVERRIDES.values()} | set(OTHER_VARIABLES)
    found = {
        (path.name, name)
        for room in ("runner", "suites", "generator", "results", "schemas", "e2eshard")
        for path in sorted((REPOSITORY / room).rglob("*"))
        if path.suffix in (".py", ".j2", ".yml")
        for name in re.findall(r"E2ESHARD_[A-Z_]*[A-Z]", path.read_text("utf-8"))
        if not name.startswith("E2ESHARD_TEST")
    }
    assert {each for each in found if each[1] not in known} == set()


@pytest.mark.parametrize(
    ("tuning", "flags"),
    [
        (Tuning(), ()),
        (Tuning(opt_level="O2", const_eval=False), ("--iree-opt-level=O2", "--iree-opt-const-eval=false")),
        (Tuning(const_eval=True), ("--iree-opt-const-eval=true",)),
        (
            Tuning(const_eval_parameters=True),
            ("--iree-parameter-import=model=w.irpa", f"--iree-parameter-import-maximum-size={2**63 - 1}"),
        ),
    ],
)
def test_tuning_becomes_flags(tuning: Tuning, flags: tuple[str, ...]) -> None:
    assert tuning_flags(tuning, ("model", pathlib.Path("w.irpa"))) == flags


def test_there_is_nothing_to_import_without_an_archive() -> None:
    assert tuning_flags(Tuning(const_eval_parameters=True), None) == ()


def test_a_flag_of_the_case_is_stronger_than_its_tuning() -> None:
    given_flags = ("--iree-opt-level=O0", "--other")
    flags = compile_flags(TARGET, given_flags, tuning_flags(Tuning(opt_level="O2", const_eval=False), None))
    assert [each for each in flags if each.startswith("--iree-opt")] == [
        "--iree-opt-const-eval=false",
        "--iree-opt-level=O0",
    ]
    kept = ir_flags(Tuning(save_ir=True), pathlib.Path("ir"), ("--mlir-elide-resource-strings-if-larger=1",))
    assert [each.partition("=")[0] for each in kept] == [
        "--dump-compilation-phases-to",
        "--mlir-elide-elementsattrs-if-larger",
    ]
    assert ir_flags(Tuning(), pathlib.Path("ir"), ()) == ()


def test_an_override_is_stronger_than_a_manifests_flag_of_the_same_meaning() -> None:
    declared = msgspec.structs.replace(case("a"), compile_flags=("--iree-opt-level=O1", "--keep"))
    changed = apply(declared, settings_of({"opt-level": "O3", "compile-flags": "--more"}, {}))
    assert changed.compile_flags == ("--keep", "--more")
    assert changed.tuning.opt_level == "O3"


def test_flags_of_the_table_are_known_to_the_compiler() -> None:
    """Each as `iree-compile --help` of the installed compiler shows it."""
    compiler = pathlib.Path(sys.executable).parent / "iree-compile"
    text = subprocess.run([compiler, "--help"], capture_output=True, text=True, check=True).stdout
    flags = {
        flag for row in OVERRIDES.values() for flag in row.flags if flag.startswith("--") and flag != "--parameters"
    }
    flags |= {"--mlir-elide-elementsattrs-if-larger", "--mlir-elide-resource-strings-if-larger"}
    assert {flag for flag in flags if not re.search(rf"^\s+{flag}[ =]", text, re.MULTILINE)} == set()


def test_docs_show_the_table() -> None:
    page = (REPOSITORY / "docs" / "overrides.md").read_text("utf-8")
    for row in OVERRIDES.values():
        (line,) = [each for each in page.splitlines() if each.startswith(f"| `{row.option}`")]
        cells = [each.strip() for each in line.strip("|").split("|")]
        assert cells[1] == f"`{row.variable}`"
        assert cells[2] == f"`{row.key}`"
        assert cells[3] == (", ".join(f"`{each}`" for each in row.elsewhere) or "none")
        for flag in row.flags:
            assert flag in cells[4], flag
        assert row.doc in cells[5]
        assert row.note in cells[5]
    for name in OTHER_VARIABLES:
        assert f"`{name}" in page


def test_without_comparison_nothing_is_compared() -> None:
    unverified = msgspec.structs.replace(case("a"), tuning=Tuning(verify=False))
    assert Stage.COMPARISON not in plan(unverified)
    assert Stage.COMPARISON in plan(unverified, stages=WHOLE), "asked for by name"
    assert plan(msgspec.structs.replace(unverified, depth=Depth.COMPILE)) == plan(
        msgspec.structs.replace(case("a"), depth=Depth.COMPILE)
    )


TRAINED = 'class A(ModelTester):\n    modes = ("eval", "train")\n'


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder whose suite has one model on one path; two files are in no list."""
    body = "models:\n  - {name: torch/a, timeout: 2m}\n  - name: onnx/node/test_abs\n"
    made = folder(tmp_path, mine=manifest(body))
    put(made, "models/torch/a.py", TRAINED)
    put(made, "models/torch/new.py", TRAINED)
    put(made, "models/onnx/new.py", GOOD)
    return made


def chosen(root: pathlib.Path, *argv: str, **environ: str) -> tuple[Case, ...]:
    """The cases of one batch that a command line leads to."""
    options = parse([*argv, "--target", "cpu", "--suites", str(root)], environ)
    (batch,) = select(workspace.load(root, unlisted=True), options)
    assert batch.suite == batch.cases[0].suite
    return batch.cases


def test_a_model_that_no_suite_names_runs_with_the_targets_settings(root: pathlib.Path) -> None:
    (one,) = chosen(root, "torch/new")
    assert (one.id, one.depth) == ("adhoc/cpu/torch/new@torch-mlir", Depth.EXECUTE)
    assert one.timeout == 600
    assert one.compile_flags == ("--iree-llvmcpu-target-cpu=host",)
    assert chosen(root, "onnx/new")[0].id == "adhoc/cpu/onnx/new@onnx"
    assert chosen(root, "torch/new", "--mode", "train")[0].key == "torch/new@torch-mlir.train"
    assert chosen(root, "torch/new", "--path", "ort-ep")[0].key == "torch/new@ort-ep"
    assert chosen(root, "torch/a", "--suite", "adhoc")[0].timeout == 600, "the suite says 2m"
    assert [each.model for each in chosen(root, "*/new")] == ["onnx/new", "torch/new"]


def test_a_suites_model_takes_another_path_and_mode(root: pathlib.Path) -> None:
    assert chosen(root, "torch/a", "--path", "torch-mlir")[0].id == "mine/cpu/torch/a@torch-mlir"
    (one,) = chosen(root, "torch/a@torch-mlir", "--path", "onnx", "--lowering", "linalg")
    assert (one.path, one.mode, one.lowering) == (Path.ONNX, Mode.EVAL, Lowering.LINALG)
    (one,) = chosen(root, "torch/a", "--mode", "train", "--lowering", "linalg")
    assert (one.id, one.mode) == ("mine/cpu/torch/a@torch-mlir.linalg.train", Mode.TRAIN)
    assert one.timeout == 120
    assert one.id == f"mine/cpu/{one.key}"


@pytest.mark.parametrize(
    ("argv", "said", "remedy"),
    [
        (("onnx/node/test_abs", "--path", "torch-mlir"), "has no path torch-mlir", "use onnx or ort-ep"),
        (("onnx/node/test_add", "--path", "torch-mlir"), "has no path torch-mlir", "use onnx or ort-ep"),
        (("onnx/node/test_abs", "--mode", "train"), "has no mode train", "use eval"),
        (("torch/a", "--mode", "train", "--path", "onnx"), "no path onnx in mode train", "use torch-mlir"),
        (("torch/new", "--mode", "train", "--path", "onnx"), "no path onnx in mode train", "use torch-mlir"),
        (("onnx/new", "--mode", "train"), "has no mode train", "use eval"),
        (("torch/a", "--path", "torchmlir"), "no path 'torchmlir'", "torch-mlir"),
        (("torch/neww",), "is called 'torch/neww'", "torch/new"),
        (("torch/new", "--suite", "mine"), "of the suite mine is called", ""),
    ],
)
def test_what_a_model_has_not_is_told(root: pathlib.Path, argv: tuple[str, ...], said: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        chosen(root, *argv)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "argv",
    [
        ("torch/new",),
        ("torch/new", "--mode", "train"),
        ("torch/a",),
        ("torch/a", "--path", "onnx"),
        ("torch/a", "--mode", "train", "--path", "torch-mlir"),
        ("torch/a", "--lowering", "linalg"),
        ("torch/a", "--mode", "eval", "--opt-level", "O1", "--depth", "compile"),
    ],
)
def test_the_command_leads_back_to_the_case(root: pathlib.Path, argv: tuple[str, ...]) -> None:
    options = parse([*argv, "--target", "cpu", "--suites", str(root)])
    (one,) = chosen(root, *argv)
    again = parse(shlex.split(reproduce_command(one, options))[3:])
    (batch,) = select(workspace.load(root, unlisted=True), again)
    assert batch.cases == (one,)


def test_overrides_leave_the_digest_of_a_shard_alone(root: pathlib.Path) -> None:
    loaded = workspace.load(root, unlisted=True)
    before = cases_digest(loaded.suite("mine").cases_for("cpu"))
    argv = ["torch/a", "onnx/node/test_abs", "--target", "cpu", "--suites", str(root)]
    (batch,) = select(loaded, parse(argv, {"E2ESHARD_OPT_LEVEL": "O3"}))
    assert batch.digest == before
    assert {each.tuning.opt_level for each in batch.cases} == {"O3"}


def test_a_workflow_hands_on_all_overrides_in_one_text() -> None:
    text = "opt-level=O3 E2ESHARD_SAVE_IR=true compile-flags='--a=1 --b'"
    found = parse(["x", "--target", "cpu", "--overrides", text], {"E2ESHARD_OPT_LEVEL": "O1"}).settings
    assert {each.name: each.value for each in found} == {
        "opt-level": "O3", "save-ir": "true", "compile-flags": "--a=1 --b",
    }  # fmt: skip
    assert parse(["x", "--target", "cpu", "--overrides="]).settings == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("opt-level", "is no NAME=VALUE"),
        ("opt-level=", "is no NAME=VALUE"),
        ("opt-levl=O3", "did you mean opt-level"),
        ("opt-level=O3 E2ESHARD_OPT_LEVEL=O2", "is set twice"),
        ("depth=compile", "no setting is called 'depth'"),
        ("E2ESHARD_STORE=/tmp", "no setting is called"),
        ("opt-level='O3", "No closing quotation"),
        ("opt-level=O9", "O9"),
    ],
)
def test_overrides_that_cannot_be_are_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse(["x", "--target", "cpu", "--overrides", text])
