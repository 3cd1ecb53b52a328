"""Modules are joined under names of their own, or not at all, and an error's line names the one it is in."""

from __future__ import annotations

import pathlib

import pytest

from runner.fast.joining import RARE, CannotJoinError, failed_symbols, join, rename
from runner.fast.merging import Call
from runner.frontends.mlir import context

pytest.importorskip("iree.compiler")
from iree.compiler.ir import Module

ONE = b"""module {
  func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %0 = call @helper(%x) : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func private @helper(%x: tensor<2xf32>) -> tensor<2xf32> {
    return %x : tensor<2xf32>
  }
}
"""
SIMPLE = b"module { func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> } }"


def test_the_same_names_in_two_modules_are_kept_apart() -> None:
    joined = join((rename(ONE, "a_"), rename(ONE, "b_"), rename(SIMPLE, "c_")))
    module = Module.parse(joined.text, context())
    assert module.operation.verify()
    names = [each.name.value for each in module.body.operations]
    assert names == ["a_main", "a_helper", "b_main", "b_helper", "c_main"]
    assert joined.text.count("call @a_helper") == 1
    assert joined.text.count("call @b_helper") == 1


def test_a_name_that_has_to_be_quoted_is_renamed_too() -> None:
    text = SIMPLE.replace(b"@main", b'@"torch/graph one"')
    module = Module.parse(join((rename(text, "a_"),)).text, context())
    assert [each.name.value for each in module.body.operations] == ["a_torch/graph one"]


def test_modules_that_are_called_otherwise_are_equal() -> None:
    one, two = rename(ONE, "a_"), rename(ONE.replace(b"@main", b"@graph").replace(b"@helper", b"@main"), "b_")
    assert one.nameless == two.nameless
    assert rename(SIMPLE, "a_").nameless != one.nameless
    assert rename(ONE.replace(b"2xf32", b"3xf32"), "a_").nameless != one.nameless
    constant = (
        b"module { func.func @%s() -> tensor<2xf32> { "
        b"%%c = arith.constant %s : tensor<2xf32> return %%c : tensor<2xf32> } }"
    )
    inside, elsewhere = b"dense<[1.0, 2.0]>", b"dense_resource<w>"
    for value, equal in ((inside, True), (elsewhere, False)):
        twins = [rename(constant % (name, value), f"{name.decode()}_") for name in (b"x", b"y")]
        assert (twins[0].nameless == twins[1].nameless) is equal, "values that are elsewhere may be other ones"
    swapped = rename(ONE.replace(b"call @helper", b"call @main"), "a_")
    assert swapped.nameless != one.nameless, "which function is meant counts"


@pytest.mark.parametrize(
    "text",
    [
        b"module attributes {torch.some = 1 : i64} { func.func @main() { return } }",
        b"module { func.func private @elsewhere()  func.func @main() { return } }",
        b"module { module @inner { func.func @main() { return } } }",
    ],
)
def test_what_is_more_than_functions_is_not_joined(text: bytes) -> None:
    with pytest.raises(CannotJoinError):
        rename(text, "a_")


def test_lines_of_errors_name_the_modules_they_are_in() -> None:
    joined = join((rename(ONE, "a_"), rename(SIMPLE, "b_"), rename(ONE, "c_")))
    lines = joined.text.splitlines()
    for number, prefix in enumerate("abc"):
        ((first, last),) = joined.lines[number]
        assert f"@{prefix}_main" in lines[first - 1]
        assert all(f"@{other}_" not in line for other in "abc" if other != prefix for line in lines[first - 1 : last])
        assert joined.blamed(f"/x/joined_1.mlir:{last}:3: error: failed\nnote: /a:1:1: note: x\n") == {number}
    assert joined.blamed("iree-lld: error: undefined symbol: fmod") == frozenset()
    assert joined.blamed("x.mlir:1:1: error: module") == frozenset()


FAILED = """\
// -----// IR Dump After Some Failed: some-pass{{on=true}} //----- //
{0}
  %c0 = arith.constant 0 : index
<unknown>:0: error: failed to legalize operation 'torch.constant.int'
// -----// IR Dump After Whole Failed: some-pipeline //----- //
module {{
  util.func public @c_main(%x: tensor<2xf32>) -> tensor<2xf32> {{
"""


@pytest.mark.parametrize(
    "operation",
    [
        "util.func public @b_main$async(%arg0: !hal.buffer_view) -> !hal.buffer_view attributes {x} {",
        'func.func @"b_torch/graph one"() {',
        '"func.func"() <{function_type = (f32) -> f32, sym_name = "b_main"}> ({',
        "hal.executable private @b_main_dispatch_0 {",
    ],
)
def test_an_error_without_a_place_is_of_the_function_that_a_pass_failed_on(operation: str) -> None:
    joined = join((rename(SIMPLE, "a_"), rename(SIMPLE, "b_"), rename(SIMPLE, "c_")))
    assert joined.blamed(FAILED.format(operation)) == {1}
    assert joined.blamed(FAILED.format("#map = affine_map<(d0) -> (d0)>")) == frozenset()


SAID = """\
/x/joined_1.mlir:{one}:10: error: failed to legalize operation 'a.b'
    %0 = call @{prefix}helper(%x)
         ^
/x/joined_1.mlir:{one}:10: note: see current operation: func.func @"{prefix}main"
/x/joined_1.mlir:{two}:3: error: unimplemented: but another pattern may fit
<inline asm>:{two}:2: error: failed to legalize operation 'of another file'
<unknown>:0: error: of nobody
/x/joined_1.mlir:{one}:5: error: and this
// -----// IR Dump After SomePass Failed (some-pass) //----- //
func.func @{prefix}main() {{
}}
"""
ALONE = """\
m.mlir:3:10: error: failed to legalize operation 'a.b'
    %0 = call @helper(%x)
         ^
m.mlir:3:10: note: see current operation: func.func @"main"
m.mlir:3:5: error: and this
"""


def test_what_is_said_of_one_module_reads_as_it_would_of_that_alone() -> None:
    joined = join((rename(SIMPLE, "a_"), rename(ONE, "b_"), rename(SIMPLE, "c_")))
    said = SAID.format(one=joined.lines[1][0][0] + 1, two=joined.lines[2][0][0], prefix="b_")
    source = pathlib.Path("/x/joined_1.mlir")
    assert joined.told(said, source, "m.mlir") == {1: ALONE}, "nothing else says for sure that a module is refused"
    assert joined.blamed(said) == {1, 2}, "whom to leave is another question"


def test_a_renamed_module_has_the_lines_and_columns_of_the_imported_one() -> None:
    text = Module.parse(ONE, context()).operation.get_asm()
    assert join((rename(text.encode(), "a_"),)).text.replace("a_", "").splitlines() == text.splitlines()


LOWERED = """\
#map = affine_map<(d0) -> (d0)>
module attributes {x} {
  util.global private @b_weights = dense<1.0> : tensor<2xf32>
  util.func public @a_main(%x: tensor<2xf32>) -> tensor<2xf32> {
    util.return %x : tensor<2xf32>
  }
  util.func private @shared() {
    util.return
  }
  util.func public @"b_torch/graph"(%x: tensor<2xf8E4M3FN>) -> tensor<2xf32> {
    util.return %x : tensor<2xf32>
  }
  util.func public @c_main(%x: tensor<2xi4>) -> tensor<2xf32> {
    util.return %x : tensor<2xf32>
  }
}
"""


def test_lines_of_a_lowered_module_are_those_of_its_symbols() -> None:
    joined = join((rename(SIMPLE, "a_"), rename(SIMPLE, "b_"), rename(SIMPLE, "c_"))).lowered(LOWERED)
    assert joined.lines == (((4, 6),), ((3, 3), (10, 12)), ((13, 15),))
    assert joined.blamed("j.mlir:5:1: error: x") == {0}
    assert joined.blamed("j.mlir:3:1: error: x\nj.mlir:12:1: error: y") == {1}
    assert joined.blamed("j.mlir:8:1: error: nobody's") == frozenset()


def test_of_lowered_modules_some_are_taken_as_they_stand() -> None:
    names = ("a_", "b_", "c_")
    modules = tuple(rename(ONE, name) for name in names)
    tail = "\n{-#\n  dialect_resources: {}\n#-}\n"
    whole = join(modules).lowered(join(modules).text.rstrip("\n") + tail)
    part = whole.part([2, 0])
    assert part is not None
    assert part.prefixes == ("c_", "a_")
    assert part.text == join((modules[2], modules[0])).text.rstrip("\n") + tail
    for number, prefix in enumerate(part.prefixes):
        lines = [part.text.splitlines()[at - 1] for first, last in part.lines[number] for at in range(first, last + 1)]
        assert "\n".join(lines) == "\n".join(modules[names.index(prefix)].functions)
    assert Module.parse(part.text, context()).operation.verify()


@pytest.mark.parametrize("line", ["  util.func private @shared() {", "#map = affine_map<(d0) -> (d0)>"])
def test_none_are_taken_where_something_belongs_to_nobody(line: str) -> None:
    modules = (rename(SIMPLE, "a_"), rename(SIMPLE, "b_"), rename(SIMPLE, "c_"))
    assert join(modules).lowered(LOWERED).part([0]) is None
    only = [each for each in LOWERED.splitlines() if not each.startswith("#")]
    del only[5:7]  # the shared function, but for its closing brace
    text = "\n".join([line, *only]) if line.startswith("#") else "\n".join([*only[:-1], line, "  }", "}"])
    assert join(modules).lowered(text).part([0]) is None


def test_whom_the_linker_names_is_blamed_and_of_a_call_all_are_suspected() -> None:
    """Its words as they are where a kernel calls a function that no library has."""
    said = (
        "iree-lld: error: undefined symbol: fmod\n>>> referenced by -:53\n"
        ">>>               /tmp/joined_11_linked-9c532f.o:({}_dispatch_0_elementwise_6_f64)\n"
        ">>> did you mean: fmodf\n>>> defined in: /tmp/joined_11_linked-9c532f.o\n"
    )
    joined = join((rename(SIMPLE, "a_"), rename(SIMPLE, "b_")))
    assert joined.blamed(said.format("b_main")) == {1}
    assert joined.blamed(said.format("together_1")) == frozenset()
    (symbol,) = failed_symbols(said.format("together_1"))
    assert [Call(each, ()).has(symbol) for each in ("together_1", "together_10", "together_0")] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "rare"),
    [
        ("tensor<2xi4>", True),
        ("tensor<?x2xui2>", True),
        ("!torch.vtensor<[2],si4>", True),
        ("tensor<f8E5M2FNUZ>", True),
        ("tensor<2xi1>, i8, i16, i32, i64, f16, f32", False),
        ("%i4_0 = arith.constant 4 : i64", False),
        ("@test_cast_f8E4M3FN(", False),
    ],
)
def test_which_element_types_are_rare(text: str, rare: bool) -> None:
    assert (RARE.search(text) is not None) is rare
