"""Modules are joined under names of their own, or not at all, and an error's line names the one it is in."""

from __future__ import annotations

import pytest

from runner.fast.joining import CannotJoinError, join, rename
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
        first, last = joined.lines[number]
        assert f"@{prefix}_main" in lines[first - 1]
        assert all(f"@{other}_" not in line for other in "abc" if other != prefix for line in lines[first - 1 : last])
        assert joined.blamed(f"/x/joined_1.mlir:{last}:3: error: failed\nnote: /a:1:1: note: x\n") == {number}
    assert joined.blamed("iree-lld: error: undefined symbol: fmod") == frozenset()
    assert joined.blamed("x.mlir:1:1: error: module") == frozenset()
