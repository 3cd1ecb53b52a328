"""Which modules are equal but for the name of their entry point, and which of the compiler's words are of them all."""

from __future__ import annotations

import pathlib

import pytest

from runner.cache.entries import Failure
from runner.cache.neutral import Own, named_words, nameless_words

_TEXT = "module {\n  func.func @%s(%%x: f32) -> f32 {\n    return %%x : f32\n  }\n}\n"


def own(folder: pathlib.Path, entry: str, text: str = _TEXT, file: str = "model.mlir") -> Own:
    place = folder / entry
    place.mkdir(exist_ok=True)
    module = place / file
    module.write_text(text.replace("%s", entry).replace("%%", "%"))
    return Own(place, module, entry)


def failure(said: str, files: dict[str, bytes] | None = None) -> Failure:
    return Failure(seconds=1, peak_rss_bytes=None, said=said, exit_code=1, extras=files or {})


def test_the_name_of_the_entry_point_is_no_part_of_a_module(tmp_path: pathlib.Path) -> None:
    one, two = own(tmp_path, "one"), own(tmp_path, "second")
    assert (
        one.nameless() == two.nameless() == b"module {\n  func.func @(%x: f32) -> f32 {\n    return %x : f32\n  }\n}\n"
    )
    assert own(tmp_path, "third", _TEXT.replace("f32", "f64")).nameless() != one.nameless()


@pytest.mark.parametrize(
    ("entry", "text", "file"),
    [
        ("", _TEXT, "model.mlir"),
        ("one", _TEXT, "model.mlirbc"),
        ("turn", _TEXT, "model.mlir"),  # is in `return`, too
        ("one", _TEXT + "// one\n", "model.mlir"),
        ("one", _TEXT.replace("@%s(", '@"%s"('), "model.mlir"),
        ("one", _TEXT + " " * (1 << 20), "model.mlir"),
    ],
)
def test_a_module_whose_text_does_not_tell_is_nobody_elses(
    tmp_path: pathlib.Path, entry: str, text: str, file: str
) -> None:
    assert own(tmp_path, entry, text, file).nameless() == b""


def test_a_module_that_is_gone_is_nobody_elses(tmp_path: pathlib.Path) -> None:
    one = own(tmp_path, "one")
    one.module.unlink()
    assert one.nameless() == b""


def test_words_of_one_case_are_those_of_another(tmp_path: pathlib.Path) -> None:
    one, two = own(tmp_path, "one"), own(tmp_path, "second")
    said = "{module}:3:5: error: no\n{module}:3:5: note: in @{entry}, or @{entry}_dispatch_0\n{folder}/a.o: no\n"
    words = {each.entry: said.format(module=each.module, entry=each.entry, folder=each.folder) for each in (one, two)}
    neutral = one.nameless_failure(failure(one.neutral(words["one"])))
    assert neutral is not None
    assert two.restored(neutral.said) == words["second"]
    assert one.restored(neutral.said) == words["one"]


@pytest.mark.parametrize(
    "said",
    [
        "{module}:2:14: error: no\n",
        'error: no loc("{module}":2:14)',
        "{module}:3:5: error: no\nnote: sym_name = 'one'\n",
        "{module}:3:5: note: someone",
    ],
)
def test_words_that_depend_on_the_name_are_nobody_elses(tmp_path: pathlib.Path, said: str) -> None:
    one = own(tmp_path, "one")
    assert one.nameless_failure(failure(one.neutral(said.format(module=one.module)))) is None


def test_a_failure_with_files_is_nobody_elses(tmp_path: pathlib.Path) -> None:
    assert own(tmp_path, "one").nameless_failure(failure("no", files={"ir.mlir": b"@one"})) is None


def test_words_without_a_name_are_said_under_another_one() -> None:
    words = nameless_words("m.mlir:3:5: error: in @main and @main$async", "main", "m.mlir", 2)
    assert words is not None
    assert named_words(words, "graph_of_it") == "m.mlir:3:5: error: in @graph_of_it and @graph_of_it$async"
    for said in ("main is not known", 'in @"main"', "m.mlir:2:24: error: no", 'loc("m.mlir":2:24)'):
        assert nameless_words(said, "main", "m.mlir", 2) is None
