"""Refused modules are compiled by one process, each by itself: the words of each are those that it has alone."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import msgspec
import pytest

from runner.cache.inventory import JOINED
from runner.fast import severally
from runner.fast.compiling import Compiler
from runner.quick import ONE_THREAD
from schemas.record import AGREED, Record
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Outcome
from tests.cache_support.build import FLAGS, tools
from tests.engine_support.build import RealSuite, together, unknown_model
from tests.targets_support import program

PASSING = ("Abs-1", "Neg-1")
REFUSED = ("Swish-1", "Swish-2", "Swish-3", "Swish-4")
_UNKNOWN = """\
module {{
  func.func @f(%a: !torch.vtensor<[{size}],f32>) -> !torch.vtensor<[{size}],f32> {{
    %b = torch.operator "onnx.{name}"(%a) : (!torch.vtensor<[{size}],f32>) -> !torch.vtensor<[{size}],f32>
    return %b : !torch.vtensor<[{size}],f32>
  }}
}}
"""
#: Refused without a place: it is a constant that the lowering makes which cannot be legalized.
_PLACELESS = """\
module {
  func.func @g(%a: !torch.vtensor<[3,5],f32>, %b: !torch.vtensor<[3],si64>) -> !torch.vtensor<[],f32> {
    %c = torch.constant.bool true
    %d = torch.prim.If %c -> (!torch.vtensor<[],f32>) {
    } else {
    }
    return %d : !torch.vtensor<[],f32>
  }
}
"""
_TWO_FUNCTIONS = """\
module {
  func.func @f(%a: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32> {
    %b = torch.operator "onnx.One"(%a) : (!torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32>
    return %b : !torch.vtensor<[3],f32>
  }
  func.func @g(%a: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32> {
    %b = torch.operator "onnx.Other"(%a) : (!torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32>
    return %b : !torch.vtensor<[3],f32>
  }
}
"""
_PASSES = "module {\n  func.func @h(%a: tensor<4xf32>) -> tensor<4xf32> {\n    return %a : tensor<4xf32>\n  }\n}\n"


def written(folder: pathlib.Path, *texts: str) -> list[pathlib.Path]:
    paths = [folder / str(number) / "model.mlir" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.parent.mkdir()
        path.write_text(text)
    return paths


def alone(path: pathlib.Path) -> str:
    argv = [tools().iree_compile, str(path), "-o", str(path.with_suffix(".vmfb")), *FLAGS]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stderr


@pytest.mark.slow
@pytest.mark.parametrize("lowered", [True, False])
def test_what_is_said_of_each_is_what_is_said_of_it_alone(tmp_path: pathlib.Path, lowered: bool) -> None:
    texts = [_UNKNOWN.format(size=size, name=f"Made{size}") for size in range(3, 6)]
    texts.insert(1, "module {\n\n\n" + texts[0].partition("\n")[2])  # other lines
    texts.insert(2, "module {\n  func.func @f() {\n    return %a : i32\n  }\n}")  # no module at all
    texts.insert(3, _PLACELESS)
    paths = written(tmp_path, *texts)
    told = Compiler(tools(), FLAGS, tmp_path).severally(paths, lowered=lowered)
    assert {number: each.said for number, each in told.items()} == dict(enumerate(map(alone, paths)))
    assert {each.modules for each in told.values()} == {len(texts)}
    assert all(0 < each.seconds < 60 for each in told.values())


@pytest.mark.slow
def test_where_one_of_them_is_not_refused_nothing_is_told_of_any(tmp_path: pathlib.Path) -> None:
    """What it says of a module that it compiles after all would look like a refusal."""
    paths = written(tmp_path, _UNKNOWN.format(size=3, name="Made"), _PASSES, _UNKNOWN.format(size=4, name="Made"))
    compiler = Compiler(tools(), FLAGS, tmp_path)
    assert compiler.severally(paths, lowered=True) == {}
    assert set(compiler.severally([paths[0], paths[2]], lowered=True)) == {0, 1}


@pytest.mark.slow
def test_a_module_that_cannot_be_among_others_is_not(tmp_path: pathlib.Path) -> None:
    texts = [_UNKNOWN.format(size=size, name="Made") for size in range(3, 6)]
    texts[1] += "\n// -----\n" + _PASSES
    paths = written(tmp_path, *texts)
    told = Compiler(tools(), FLAGS, tmp_path).severally(paths, lowered=True)
    assert {number: each.modules for number, each in told.items()} == {0: 2, 2: 2}
    assert Compiler(tools(), FLAGS, tmp_path).severally(paths[:2], lowered=True) == {}, "one alone needs no company"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "lowered", "threads"),
    [
        ((_UNKNOWN.format(size=3, name="Made"), _UNKNOWN.format(size=4, name="Made")), True, False),
        ((_UNKNOWN.format(size=3, name="Made"), _UNKNOWN.format(size=4, name="Made")), False, True),
        ((_TWO_FUNCTIONS, _UNKNOWN.format(size=4, name="Made")), True, True),
    ],
)
def test_one_thread_reads_only_what_several_would_say_the_same_of(
    tmp_path: pathlib.Path, texts: tuple[str, str], lowered: bool, threads: bool
) -> None:
    """With one thread the compiler stops at the first function, or kernel, that it refuses."""
    told, asked = tools(), tmp_path / "asked"
    tool = program(tmp_path / "iree-compile", f'echo "$@" > {asked}; exec {told.iree_compile} "$@"')
    paths = written(tmp_path, *texts)
    compiler = Compiler(msgspec.structs.replace(told, iree_compile=tool), FLAGS, tmp_path)
    found = compiler.severally(paths, lowered=lowered)
    assert {number: each.said for number, each in found.items()} == dict(enumerate(map(alone, paths)))
    assert (ONE_THREAD not in asked.read_text().split()) is threads


@pytest.mark.parametrize(
    "text",
    [b"ML\xefR\x01", b"module {\n}\n{-#\n  dialect_resources: {}\n#-}\n", b'"x" = dense_resource<a>', b"// -----"],
)
def test_bytecode_and_what_belongs_to_the_whole_process_stay_apart(text: bytes) -> None:
    assert not severally.can_be_among(text)


def said(*parts: str) -> str:
    end = "within split at /x/s.mlir:9 offset :2:30: error: expected '{'\nmodule @e2eshard_no_module\n      ^\n"
    return "".join(part + end for part in parts)


ERROR = "within split at /x/s.mlir:1 offset :{}:5: error: no\n"


def test_lines_are_those_of_the_module_itself() -> None:
    words = severally.words_of(said(ERROR.format(4), ERROR.format(4) + "  note\n"), ["/a/m.mlir", "/b/m.mlir"])
    assert words == {0: "/a/m.mlir:4:5: error: no\n", 1: "/b/m.mlir:3:5: error: no\n  note\n"}


@pytest.mark.parametrize(
    "part",
    [
        "",
        "within split at /x/s.mlir:1 offset :4:5: warning: perhaps\n",
        ERROR.format(4) + "No space left on device\n",
        ERROR.format(4) + "LLVM ERROR: out of memory\n",
        ERROR.format(4) + '"hal.executable"() <{sym_name = "within_split_at_s_linked"}>\n',
    ],
)
def test_nothing_is_told_of_a_module_whose_words_are_not_its_own(part: str) -> None:
    words = severally.words_of(said(ERROR.format(2), part, ERROR.format(3)), ["a", "b", "c"])
    assert sorted(words) == [0, 2]


@pytest.mark.parametrize("output", [said(ERROR.format(2)), said("", "", ""), said("", "") + "more", ""])
def test_nothing_is_told_at_all_where_the_ends_do_not_match(output: str) -> None:
    assert severally.words_of(output, ["a", "b"]) == {}


@pytest.fixture
def suite(tmp_path: pathlib.Path) -> RealSuite:
    made = RealSuite(tmp_path, [*PASSING, *REFUSED])
    made.write_unknown(REFUSED)
    return made


def run(suite: RealSuite, *options: str) -> dict[str, Record]:
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", *options)
    assert done.returncode == 1, done.stderr
    return suite.records()


@pytest.mark.slow
def test_records_logs_and_bundles_are_those_of_processes_of_their_own(suite: RealSuite, tmp_path: pathlib.Path) -> None:
    before = run(suite, "--engine", "solo", "--force-recompile", "--tests", "onnx/Swish")
    logs = {name: log(suite, each) for name, each in before.items()}
    shutil.rmtree(tmp_path / "store")
    records = run(suite)
    told = together(records) & set(REFUSED)
    assert len(told) >= len(REFUSED) - 1, "at most one is drawn"
    for name in REFUSED:
        one, other = records[name], before[name]
        assert one.outcome is Outcome.FAIL
        assert (one.error, one.flags, one.reproduce, one.bundle) == (
            other.error,
            other.flags,
            other.reproduce,
            other.bundle,
        )
        assert one.metrics[MODULES_COMPILED] == 1
        assert one.together is None or one.together.modules >= len(REFUSED)
        assert sum(each.seconds for each in one.stages) > 0.01, "its share of the compiler's time"
        assert (suite.folder() / str(one.bundle) / "artefacts" / "model.mlir").read_bytes()
        if name in told:
            command, remark, words = log(suite, one).split("\n", 2)
            assert remark == f"# run for {len(REFUSED)} modules in one process, each by itself"
            assert f"{command}\n{words}" == logs[name]
        else:
            assert one.together is not None
            assert one.together.again == AGREED
            assert log(suite, one) == logs[name], "drawn: compiled in a process of its own"
    again = run(suite)
    for name in REFUSED:
        assert again[name].error == records[name].error
        assert again[name].metrics[MODULES_FROM_CACHE] == 1


@pytest.mark.slow
def test_a_drawn_twin_is_compiled_by_itself_whatever_its_twin_has_left(
    suite: RealSuite, tmp_path: pathlib.Path
) -> None:
    """One of all is drawn; what it says alone is no echo of the words that its twins were given."""
    for name in REFUSED:
        rows = 7 if name == REFUSED[0] else 2
        model = unknown_model(f"graph_of_{name.replace('-', '_')}", rows)
        (suite.suites / "models" / f"{name}.onnx").write_bytes(model)
    suite.write_matrix()
    for _ in range(2):  # the second time with all that the first has kept
        records = run(suite, "--tests", "onnx/Swish")
        assert {records[name].outcome for name in REFUSED} == {Outcome.FAIL}
        (drawn,) = (each for each in records.values() if each.together is not None and each.together.again)
        assert drawn.together is not None
        assert (drawn.together.again, drawn.together.modules) == (AGREED, 2)
        assert drawn.metrics[MODULES_COMPILED] == 1
        assert "# " not in log(suite, drawn), "a process of its own said it"
        shutil.rmtree(tmp_path / "store" / JOINED / "alone")  # or they would not be tried together


def log(suite: RealSuite, record: Record) -> str:
    return (suite.folder() / str(record.stages[-1].log)).read_text()
