"""A StableHLO module is walked operation by operation: places, keys, values, and the reasons why one is skipped."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest
from iree.compiler.ir import Module

from runner.frontends.mlir import context
from runner.ops.keys import digest_of
from runner.ops.program import OpProgram, Place
from runner.tensors import Array
from schemas.opwords import OpBackend, OpSkip
from tests.stablehlo_support import MODELS, NEEDS_JAXLIB, function, one, program_of, walk, walker

pytestmark = NEEDS_JAXLIB
F = "tensor<4xf32>"
X = np.array([3, -1, 2, -5], np.float32)


def of_one(folder: pathlib.Path, body: str, inputs: str = f"%x: {F}", results: str = F) -> list[Place]:
    """The places of a function with this body, whose result is %r."""
    return walk(folder, function(f"{body}\nreturn %r : {results}", inputs, results))


def golden_of(program: OpProgram) -> list[Array]:
    found = program.golden()
    assert found is not None
    return [each.value for each in found]


def module_of(program: OpProgram, folder: pathlib.Path) -> str:
    """The operation's own module, which the compiler's bindings must accept."""
    folder.mkdir()
    imported = program.write_module(folder)
    text = imported.module.read_text()
    Module.parse(text, context()).operation.verify()
    assert imported.entry.name == "main"
    assert len(imported.entry.results) == len(program.results)
    return text


def test_values_go_from_operation_to_operation(tmp_path: pathlib.Path) -> None:
    body = f"%0 = stablehlo.abs %x : {F}\n%r = stablehlo.sqrt %0 : {F}"
    text = function(f"{body}\nreturn %r : {F}", f"%x: {F}", F)
    places = walk(tmp_path, text, [X])
    assert [(each.name, each.node) for each in places] == [("stablehlo.abs", "main#0"), ("stablehlo.sqrt", "main#1")]
    first, second = map(program_of, places)
    np.testing.assert_array_equal(first.operands()[0], X)
    np.testing.assert_array_equal(golden_of(first)[0], np.abs(X))
    np.testing.assert_array_equal(second.operands()[0], np.abs(X))
    np.testing.assert_allclose(golden_of(second)[0], np.sqrt(np.abs(X)), rtol=1e-6)
    assert first.key.backend is OpBackend.STABLEHLO
    assert [str(each) for each in first.results] == ["4xfloat32"]
    assert "stablehlo.abs %arg0" in module_of(first, tmp_path / "op")


def test_operations_with_several_operands_and_results(tmp_path: pathlib.Path) -> None:
    places = walk(tmp_path, (MODELS / "pooling_sort.mlir").read_text())
    sort = program_of(one(places, "sort"))
    rows, _ = sort.operands()
    values, order = golden_of(sort)
    np.testing.assert_array_equal(values, np.sort(rows, axis=1))
    np.testing.assert_array_equal(order, np.argsort(rows, axis=1, kind="stable"))
    assert [str(each) for each in sort.key.operands] == ["16x4xfloat32", "16x4xint32"]
    loop = program_of(one(places, "while"))
    assert len(loop.operands()) == 3, "what its body reads of the values around it is an operand"
    np.testing.assert_allclose(golden_of(loop)[1], rows + 3 * values, rtol=1e-5)
    assert "%arg2" in module_of(loop, tmp_path / "op")


REDUCED = (
    "%r = stablehlo.reduce(%x init: %c) applies stablehlo.{name} across dimensions = [0]"
    " : ({f}, tensor<f32>) -> tensor<f32>"
)


def reduction(folder: pathlib.Path, name: str, start: str, value: str = "%x") -> OpProgram:
    body = f"%c = stablehlo.constant dense<{start}> : tensor<f32>\n" + REDUCED.format(name=name, f=F)
    return program_of(one(of_one(folder, body.replace("%x", value), f"{value}: {F}", "tensor<f32>"), "reduce"))


def test_a_key_has_regions_and_literals_but_no_names_of_values(tmp_path: pathlib.Path) -> None:
    programs = {
        "add": reduction(tmp_path / "a", "add", "0.0"),
        "renamed": reduction(tmp_path / "b", "add", "0.0", "%other"),
        "maximum": reduction(tmp_path / "c", "maximum", "0.0"),
        "start": reduction(tmp_path / "d", "add", "1.0"),
    }
    digests = {name: digest_of(each.key) for name, each in programs.items()}
    assert digests["add"] == digests["renamed"]
    assert len(set(digests.values())) == 3
    key = programs["add"].key
    assert [str(each) for each in key.operands] == ["4xfloat32", "float32"]
    assert dict(key.attributes)["dimensions"] == "array<i64: 0>"
    assert re.search(r"stablehlo\.add.*stablehlo\.return", dict(key.attributes)["region"])
    assert [each.partition(":")[0] for each in key.constants] == ["1"]
    assert len(programs["add"].operands()) == 1, "the literal stands in the module"
    assert "dense<0.000000e+00>" in module_of(programs["add"], tmp_path / "op")


@pytest.mark.parametrize(
    ("one_body", "other_body"),
    [
        (f"%r = stablehlo.abs %x : {F}", f"%r = stablehlo.negate %x : {F}"),
        (f"%r = stablehlo.reverse %x, dims = [0] : {F}", f"%r = stablehlo.reverse %x, dims = [] : {F}"),
    ],
)
def test_different_operations_and_attributes_have_different_keys(
    tmp_path: pathlib.Path, one_body: str, other_body: str
) -> None:
    first, second = (of_one(tmp_path / name, body) for name, body in (("a", one_body), ("b", other_body)))
    assert digest_of(program_of(first[0]).key) != digest_of(program_of(second[0]).key)


def test_attributes_of_other_dialects_are_not_the_operations(tmp_path: pathlib.Path) -> None:
    plain = of_one(tmp_path / "a", f"%r = stablehlo.abs %x : {F}")
    marked = of_one(tmp_path / "b", f'%r = stablehlo.abs %x {{mhlo.sharding = "{{replicated}}"}} : {F}')
    assert digest_of(program_of(plain[0]).key) == digest_of(program_of(marked[0]).key)
    assert "sharding" not in module_of(program_of(marked[0]), tmp_path / "op")


def test_the_same_value_twice_is_two_operands(tmp_path: pathlib.Path) -> None:
    (place,) = of_one(tmp_path, f"%r = stablehlo.add %x, %x : {F}")
    assert len(program_of(place).operands()) == 2
    assert "stablehlo.add %arg0, %arg1" in module_of(program_of(place), tmp_path / "op")


def test_calls_and_composites_are_walked_into(tmp_path: pathlib.Path) -> None:
    private = f"func.func private @half(%a: {F}) -> {F} {{\n%0 = stablehlo.add %a, %a : {F}\nreturn %0 : {F} }}"
    text = function(
        f"""%0 = func.call @half(%x) : ({F}) -> {F}
        %1 = stablehlo.composite "mine.half" %0 {{decomposition = @half}} : ({F}) -> {F}
        return %1 : {F}""",
        f"%x: {F}",
        F,
        private,
    )
    places = walk(tmp_path, text, [X])
    assert [(each.name, each.node, each.skip) for each in places] == [
        ("func.call", "main#0", OpSkip.STRUCTURE),
        ("stablehlo.add", "half#0", None),
        ("stablehlo.composite", "main#1", OpSkip.STRUCTURE),
        ("stablehlo.add", "half#0", None),
    ]
    assert places[0].why == "walked into @half"
    np.testing.assert_array_equal(golden_of(program_of(places[3]))[0], 4 * X)


def test_a_loop_that_calls_a_function_brings_it_along(tmp_path: pathlib.Path) -> None:
    text = function(
        f"""%n = stablehlo.constant dense<0> : tensor<i32>
        %r:2 = stablehlo.while(%i = %n, %v = %x) : tensor<i32>, {F}
        cond {{
          %three = stablehlo.constant dense<3> : tensor<i32>
          %more = stablehlo.compare LT, %i, %three : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %more : tensor<i1>
        }} do {{
          %one = stablehlo.constant dense<1> : tensor<i32>
          %next = stablehlo.add %i, %one : tensor<i32>
          %w = func.call @twice(%v) : ({F}) -> {F}
          stablehlo.return %next, %w : tensor<i32>, {F}
        }}
        return %r#1 : {F}""",
        f"%x: {F}",
        F,
        f"func.func private @twice(%a: {F}) -> {F} {{\n%0 = stablehlo.add %a, %a : {F}\nreturn %0 : {F} }}",
    )
    places = walk(tmp_path, text, [X])
    loop = program_of(one(places, "while"))
    np.testing.assert_array_equal(golden_of(loop)[1], 8 * X)
    assert "func.func private @twice" in module_of(loop, tmp_path / "op")


def test_sizes_are_literals_of_the_module(tmp_path: pathlib.Path) -> None:
    places = walk(
        tmp_path,
        function(
            f"%0 = stablehlo.dynamic_reshape %x, %s : ({F}, tensor<2xi32>) -> tensor<2x2xf32>\n"
            "return %0 : tensor<2x2xf32>",
            f"%x: {F}, %s: tensor<2xi32>",
            "tensor<2x2xf32>",
        ),
        [X, np.array([2, 2], np.int32)],
    )
    program = program_of(places[0])
    assert len(program.operands()) == 1
    assert golden_of(program)[0].shape == (2, 2)
    assert "dense<2>" in module_of(program, tmp_path / "op")


def test_open_sizes_are_closed_by_the_inputs(tmp_path: pathlib.Path) -> None:
    text = function("%0 = stablehlo.abs %x : tensor<?x2xf32>\nreturn %0 : tensor<?x2xf32>",
                    "%x: tensor<?x2xf32>", "tensor<?x2xf32>")  # fmt: skip
    (place,) = walk(tmp_path, text, [np.ones((3, 2), np.float32)])
    assert [str(each) for each in program_of(place).results] == ["3x2xfloat32"]
    assert "tensor<3x2xf32>" in module_of(program_of(place), tmp_path / "op")


AFTER = "%t = stablehlo.create_token : !stablehlo.token"
SKIPPED = {
    "constant": (f"%r = stablehlo.constant dense<1.0> : {F}", "constant", OpSkip.CONSTANT),
    "random": (
        f"""%a = stablehlo.constant dense<0.0> : tensor<f32>
        %s = stablehlo.constant dense<4> : tensor<1xi64>
        %r = stablehlo.rng %a, %a, %s, distribution = NORMAL : (tensor<f32>, tensor<f32>, tensor<1xi64>) -> {F}""",
        "rng",
        OpSkip.RANDOM,
    ),
    "tuple": (
        f"""%p = stablehlo.tuple %x, %x : tuple<{F}, {F}>
        %r = stablehlo.get_tuple_element %p[1] : (tuple<{F}, {F}>) -> {F}""",
        "get_tuple_element",
        OpSkip.STRUCTURE,
    ),
    "token": (f"{AFTER}\n%r = stablehlo.abs %x : {F}", "create_token", OpSkip.VALUE_KIND),
    "quantised": (
        f"""%q = stablehlo.uniform_quantize %x : ({F}) -> tensor<4x!quant.uniform<i8:f32, 1.0>>
        %r = stablehlo.uniform_dequantize %q : (tensor<4x!quant.uniform<i8:f32, 1.0>>) -> {F}""",
        "uniform_quantize",
        OpSkip.VALUE_KIND,
    ),
    "no result": (
        f"""stablehlo.custom_call @shape_assertion(%x) {{has_side_effect = true}} : ({F}) -> ()
        %r = stablehlo.abs %x : {F}""",
        "custom_call",
        OpSkip.NO_TENSOR_RESULT,
    ),
    "control flow over tokens": (
        f"""{AFTER}
        %c = stablehlo.constant dense<true> : tensor<i1>
        %r = "stablehlo.if"(%c) ({{
          %u = stablehlo.after_all %t, %t : !stablehlo.token
          stablehlo.return %x : {F}
        }}, {{
          stablehlo.return %x : {F}
        }}) : (tensor<i1>) -> {F}""",
        "if",
        OpSkip.CONTROL_FLOW,
    ),
    "sizes without values": (
        f"""%s = stablehlo.custom_call @sizes(%x) : ({F}) -> tensor<1xi32>
        %r = stablehlo.dynamic_reshape %x, %s : ({F}, tensor<1xi32>) -> {F}""",
        "dynamic_reshape",
        OpSkip.NO_VALUES,
    ),
}


@pytest.mark.parametrize("kind", SKIPPED)
def test_what_is_skipped_has_its_reason(tmp_path: pathlib.Path, kind: str) -> None:
    body, name, skip = SKIPPED[kind]
    place = one(of_one(tmp_path, body), name)
    assert (place.skip, place.program) == (skip, None)
    assert place.why or skip in (OpSkip.CONSTANT, OpSkip.RANDOM, OpSkip.NO_TENSOR_RESULT)


@pytest.mark.parametrize("kind", ["tuple", "random"])
def test_what_reads_a_skipped_value_has_values(tmp_path: pathlib.Path, kind: str) -> None:
    body = f"{SKIPPED[kind][0].replace('%r', '%q')}\n%r = stablehlo.negate %q : {F}"
    program = program_of(one(of_one(tmp_path, body), "negate"))
    np.testing.assert_array_equal(golden_of(program)[0], -program.operands()[0])
    assert program.operands()[0].any()


def test_what_the_interpreter_cannot_run_is_compiled_only(tmp_path: pathlib.Path) -> None:
    body = f"%0 = stablehlo.custom_call @mine(%x) : ({F}) -> {F}\n%r = stablehlo.abs %0 : {F}"
    made = walker(tmp_path, function(f"{body}\nreturn %r : {F}", f"%x: {F}", F))
    call, absolute = map(program_of, made.places())
    assert call.golden() is None
    assert absolute.golden() is None
    assert [each.shape for each in absolute.operands()] == [(4,)]
    assert "stablehlo.abs" in module_of(absolute, tmp_path / "op")
    said = [each for each in made.notes() if each.startswith("the interpreter could not run stablehlo.custom_call")]
    assert len(said) == 1


def test_literals_of_every_kind_have_values(tmp_path: pathlib.Path) -> None:
    literals = {
        "bf16": "[1.5, -2.0]",
        "f8E4M3FN": "[0.5, 2.0]",
        "complex<f32>": "[(1.0, 2.0), (3.0, -4.0)]",
        "ui8": "[7, 200]",
        "i1": "[true, false]",
        "f64": "[0.1, 0.2]",
    }
    body = "\n".join(
        f"%{n} = stablehlo.constant dense<{text}> : tensor<2x{kind}>\n"
        f"%o{n} = stablehlo.optimization_barrier %{n} : tensor<2x{kind}>"
        for n, (kind, text) in enumerate(literals.items())
    )
    places = walk(tmp_path, function(f"{body}\nreturn", "", "").replace("-> ()", ""))
    found = [program_of(each).operands()[0].tolist() for each in places if each.program]
    assert found == [[1.5, -2.0], [0.5, 2.0], [1 + 2j, 3 - 4j], [7, 200], [True, False], [0.1, 0.2]]


def test_a_large_product_is_numpys(tmp_path: pathlib.Path) -> None:
    generator = np.random.default_rng(3)
    left, right = (generator.standard_normal(size).astype(np.float32) for size in ((2, 8, 700), (2, 700, 450)))
    text = function(
        """%0 = stablehlo.dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1]
          : (tensor<2x8x700xf32>, tensor<2x700x450xf32>) -> tensor<2x8x450xf32>
        return %0 : tensor<2x8x450xf32>""",
        "%a: tensor<2x8x700xf32>, %b: tensor<2x700x450xf32>",
        "tensor<2x8x450xf32>",
    )
    made = walker(tmp_path, text, [left, right])
    (place,) = made.places()
    np.testing.assert_allclose(golden_of(program_of(place))[0], left @ right, rtol=1e-3, atol=1e-4)
    assert any("1 large dot_general: NumPy" in each for each in made.notes())


def test_numpys_product_is_the_interpreters(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = function(
        """%0 = stablehlo.dot_general %a, %b, batching_dims = [1] x [2], contracting_dims = [2, 0] x [0, 3]
          : (tensor<2x3x4x5xf32>, tensor<4x6x3x2xf32>) -> tensor<3x5x6xf32>
        return %0 : tensor<3x5x6xf32>""",
        "%a: tensor<2x3x4x5xf32>, %b: tensor<4x6x3x2xf32>",
        "tensor<3x5x6xf32>",
    )
    (expected,) = walk(tmp_path / "a", text)
    monkeypatch.setattr("runner.ops.stablehlo_dot.FEW", 0)
    (found,) = walk(tmp_path / "b", text)
    np.testing.assert_allclose(golden_of(program_of(found))[0], golden_of(program_of(expected))[0], rtol=1e-5)


def test_names_from_the_framework_are_kept(tmp_path: pathlib.Path) -> None:
    (place,) = of_one(tmp_path, f'%r = stablehlo.abs %x : {F} loc("jit(f)/abs"("f.py":1:2))')
    assert place.node == "jit(f)/abs"


def test_the_exported_model_shares_what_is_equal(tmp_path: pathlib.Path) -> None:
    places = walk(tmp_path, (MODELS / "attention_jax.mlir").read_text())
    programs = [program_of(each) for each in places if each.program]
    assert all(each.golden() is not None for each in programs)
    assert len({digest_of(each.key) for each in programs}) < len(programs) / 1.5
    assert {each.name for each in places if each.skip is OpSkip.STRUCTURE} == {"func.call"}
