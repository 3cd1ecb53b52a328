"""An ONNX model's nodes become operations: what is told apart, what is an argument, what is skipped and why."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runner.ops.keys import digest_of
from runner.ops.onnx_walk import OnnxWalker
from runner.ops.program import OpProgram, Place
from runner.tensors import Array
from runner.work import Work
from schemas.ops import TensorType
from schemas.opwords import OpSkip
from tests.stages_support.cases import a_job, a_model

F = TensorProto.FLOAT


class Given:
    """A frontend that has nothing but the model."""

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file

    def onnx_file(self, _folder: pathlib.Path) -> pathlib.Path:
        return self._file


def node(op: str, read: Sequence[str], *made: str, **attributes: Any) -> Any:
    return helper.make_node(op, list(read), list(made), name=f"{op}-{made[0]}", **attributes)


def walk(
    folder: pathlib.Path,
    nodes: Sequence[Any],
    inputs: dict[str, Array],
    weights: dict[str, Any] | None = None,
    *,
    outputs: Sequence[Any] = (),
    opset: int = 21,
) -> list[Place]:
    """The places of a model; where ``outputs`` are not given, its last node's first one is, of unknown type."""
    declared = [(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in inputs.items()]
    made = [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    file = a_model(folder / "model.onnx", nodes, declared, [], made)
    model = onnx.load(file)
    model.graph.output.extend(outputs or [onnx.ValueInfoProto(name=nodes[-1].output[0])])
    model.opset_import[0].version = opset
    onnx.save(model, file)
    frontend: Any = Given(file)
    work = Work(job=a_job(folder, file), frontend=frontend, folder=folder / "work", inputs=tuple(inputs.values()))
    return list(OnnxWalker(work).places())


def program(place: Place) -> OpProgram:
    assert place.program is not None, (place.skip, place.why)
    return place.program


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def test_values_come_from_the_framework_node_by_node(tmp_path: pathlib.Path) -> None:
    x, w = numbers(2, 3), numbers(3, 4, seed=1)
    nodes = [node("MatMul", ["x", "w"], "a"), node("Relu", ["a"], "b")]
    first, second = (program(each) for each in walk(tmp_path, nodes, {"x": x}, {"w": w}))
    (golden,) = first.golden() or ()
    np.testing.assert_allclose(golden.value, x @ w, rtol=1e-5)
    assert [each.tolist() for each in first.operands()] == [x.tolist(), w.tolist()], "weights are arguments"
    (given,) = second.operands()
    assert given.tolist() == golden.value.tolist()
    assert first.results == (TensorType("float32", (2, 4)),)


def test_the_same_operation_elsewhere_is_the_same(tmp_path: pathlib.Path) -> None:
    x = numbers(3, 3)
    nodes = [
        node("Mul", ["x", "x"], "a"), node("Mul", ["a", "w"], "b"),
        node("Transpose", ["b"], "c", perm=[1, 0]), node("Transpose", ["c"], "d", perm=[0, 1]),
    ]  # fmt: skip
    same, other, across, along = (digest_of(program(e).key) for e in walk(tmp_path, nodes, {"x": x}, {"w": x}))
    assert same == other, "one value twice is two operands, and weights are values"
    assert across != along, "attributes count"
    wider = walk(tmp_path / "wider", nodes[:1], {"x": numbers(3, 4)})
    assert digest_of(program(wider[0]).key) != same


def test_small_constants_are_a_part_of_the_operation(tmp_path: pathlib.Path) -> None:
    x = numbers(2, 6)
    nodes = [
        node("Reshape", ["x", "shape"], "a"), node("Reshape", ["x", "other"], "b"),
        node("Pow", ["a", "two"], "c"), node("Mul", ["b", "bias"], "d"), node("Gather", ["x", "where"], "e", axis=1),
    ]  # fmt: skip
    weights = {
        "shape": np.array([3, 4]), "other": np.array([4, 3]), "two": np.array(2.0, dtype=np.float32),
        "bias": np.ones(3, dtype=np.float32), "where": np.array([0, 5]),
    }  # fmt: skip
    found = [program(each) for each in walk(tmp_path, nodes, {"x": x}, weights)]
    assert [len(each.operands()) for each in found] == [1, 1, 1, 2, 1]
    assert [[each.partition(":")[0] for each in one.key.constants] for one in found] == [["1"], ["1"], ["1"], [], ["1"]]
    assert digest_of(found[0].key) != digest_of(found[1].key)


def test_shapes_that_are_computed_are_constants_and_data_is_not(tmp_path: pathlib.Path) -> None:
    nodes = [
        node("Shape", ["x"], "s"), node("Gather", ["s", "zero"], "n"), node("Concat", ["n", "rest"], "t", axis=0),
        node("Reshape", ["x", "t"], "y"), node("ArgMax", ["y"], "i", axis=1, keepdims=0),
        node("Gather", ["y", "i"], "z"),
    ]  # fmt: skip
    weights = {"zero": np.array([0]), "rest": np.array([-1])}
    found = [program(each) for each in walk(tmp_path, nodes, {"x": numbers(3, 2)}, weights)]
    assert [len(each.operands()) for each in found] == [1, 0, 0, 1, 1, 2]
    assert [len(each.key.constants) for each in found] == [0, 2, 2, 1, 0, 0]


def test_operands_and_outputs_may_be_left_out(tmp_path: pathlib.Path) -> None:
    nodes = [
        node("Clip", ["x", "", "high"], "a"), node("Clip", ["a", "high"], "b"),
        node("TopK", ["b", "k"], "values", "indices"), node("TopK", ["b", "k"], "", "other"),
    ]  # fmt: skip
    weights = {"high": np.array(0.5, dtype=np.float32), "k": np.array([2])}
    outputs = [onnx.ValueInfoProto(name=name) for name in ("values", "indices", "other")]
    found = [program(e) for e in walk(tmp_path, nodes, {"x": numbers(2, 4)}, weights, outputs=outputs)]
    assert [each is None for each in found[0].key.operands] == [False, True, False]
    assert len({digest_of(each.key) for each in found}) == 4
    assert [[each.name for each in one.golden() or ()] for one in found] == [["y0"], ["y0"], ["y0", "y1"], ["y1"]]
    assert found[3].results == (TensorType("int64", (2, 2)),)


def _if(*, outer: bool) -> Any:
    def branch(name: str) -> Any:
        value = numpy_helper.from_array(np.ones(2, dtype=np.float32))
        inside = [node("Constant", [], "k", value=value), node("Neg", ["a" if outer else "k"], name)]
        return helper.make_graph(inside, name, [], [helper.make_tensor_value_info(name, F, [2])])

    return node("If", ["flag"], "y", then_branch=branch("p"), else_branch=branch("q"))


@pytest.mark.parametrize("outer", [True, False])
def test_control_flow_is_an_operation_only_where_it_stands_alone(tmp_path: pathlib.Path, *, outer: bool) -> None:
    nodes = [node("Abs", ["x"], "a"), _if(outer=outer), node("Neg", ["y"], "z")]
    inputs = {"x": numbers(2), "flag": np.array(1, dtype=np.bool_)}
    _, place, after = walk(tmp_path, nodes, inputs)
    assert place.skip is (OpSkip.CONTROL_FLOW if outer else None)
    assert ("a" in place.why) is outer
    assert after.skip is None, "its value is known all the same"


def test_what_is_no_operation_on_tensors_is_skipped_with_its_reason(tmp_path: pathlib.Path) -> None:
    nodes = [
        node("Constant", [], "k", value_float=2.0), node("Mul", ["x", "k"], "a"), node("RandomNormalLike", ["a"], "r"),
        node("SequenceConstruct", ["a", "x"], "s"), node("SequenceAt", ["s", "one"], "e"), node("Neg", ["e"], "y"),
    ]  # fmt: skip
    outputs = [helper.make_tensor_value_info("y", F, [4]), helper.make_tensor_value_info("r", F, [4])]
    places = walk(tmp_path, nodes, {"x": numbers(4)}, {"one": np.array(1)}, outputs=outputs)
    assert [each.skip for each in places[:5]] == [
        OpSkip.CONSTANT, None, OpSkip.RANDOM, OpSkip.VALUE_KIND, OpSkip.VALUE_KIND,
    ]  # fmt: skip
    assert all(each.why for each in places if each.skip)
    assert len(program(places[1]).operands()) == 1


def test_dropout_is_random_only_when_it_trains(tmp_path: pathlib.Path) -> None:
    weights = {"ratio": np.array(0.5, dtype=np.float32), "yes": np.array(1, dtype=np.bool_)}
    nodes = [node("Dropout", ["x", "ratio"], "a"), node("Dropout", ["a", "ratio", "yes"], "b")]
    assert [each.skip for each in walk(tmp_path, nodes, {"x": numbers(4)}, weights)] == [None, OpSkip.RANDOM]


def test_an_operator_that_onnx_runtime_lacks_is_run_by_the_reference(tmp_path: pathlib.Path) -> None:
    x = numbers(3, 4)
    nodes = [node("CumProd", ["x", "axis"], "a"), node("Neg", ["a"], "b")]
    outputs = [helper.make_tensor_value_info("b", F, [3, 4])]
    found = walk(tmp_path, nodes, {"x": x}, {"axis": np.array(1)}, outputs=outputs, opset=26)
    (golden,) = program(found[0]).golden() or ()
    np.testing.assert_allclose(golden.value, np.cumprod(x, axis=1), rtol=1e-5)
    assert program(found[1]).golden() is not None


def test_an_operator_that_nobody_runs_is_only_compiled(tmp_path: pathlib.Path) -> None:
    nodes = [
        node("Abs", ["x"], "a"),
        helper.make_node("Strange", ["a"], ["b"], domain="elsewhere"),
        node("Neg", ["b"], "c"),
    ]
    file = a_model(tmp_path / "m.onnx", nodes, [("x", F, (2,))], [("c", F, (2,))])
    model = onnx.load(file)
    model.opset_import.append(helper.make_opsetid("elsewhere", 3))
    onnx.save(model, file)
    frontend: Any = Given(file)
    work = Work(job=a_job(tmp_path, file), frontend=frontend, folder=tmp_path / "work", inputs=(numbers(2),))
    walker = OnnxWalker(work)
    places = list(walker.places())
    assert [(each.name, each.skip) for each in places] == [
        ("onnx.Abs", None), ("elsewhere.Strange", OpSkip.NO_VALUES), ("onnx.Neg", OpSkip.NO_VALUES),
    ]  # fmt: skip
    assert any("node by node" in note for note in walker.notes())


def test_functions_of_the_models_own_are_walked_through(tmp_path: pathlib.Path) -> None:
    inner = [helper.make_node("Abs", ["p"], ["q"]), helper.make_node("Neg", ["q"], ["r"])]
    function = helper.make_function("own", "Both", ["p"], ["r"], inner, [helper.make_opsetid("", 21)])
    call = helper.make_node("Both", ["x"], ["y"], domain="own")
    values = [helper.make_tensor_value_info(name, F, [2]) for name in "xy"]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    graph = helper.make_graph([call], "g", values[:1], values[1:])
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10)
    file = tmp_path / "m.onnx"
    onnx.save(model, file)
    frontend: Any = Given(file)
    work = Work(job=a_job(tmp_path, file), frontend=frontend, folder=tmp_path / "work", inputs=(numbers(2),))
    assert [each.name for each in OnnxWalker(work).places()] == ["onnx.Abs", "onnx.Neg"]


def test_weights_may_lie_beside_the_model(tmp_path: pathlib.Path) -> None:
    w = numbers(64, 64)
    nodes = [node("MatMul", ["x", "w"], "y")]
    file = a_model(
        tmp_path / "m.onnx", nodes, [("x", F, (2, 64))], [("y", F, (2, 64))], [numpy_helper.from_array(w, "w")]
    )
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="w.bin", size_threshold=0)
    frontend: Any = Given(file)
    work = Work(job=a_job(tmp_path, file), frontend=frontend, folder=tmp_path / "work", inputs=(numbers(2, 64),))
    (place,) = OnnxWalker(work).places()
    (golden,) = program(place).golden() or ()
    np.testing.assert_allclose(golden.value, numbers(2, 64) @ w, rtol=1e-4, atol=1e-5)


def test_an_operations_module_is_the_same_wherever_it_stands(tmp_path: pathlib.Path) -> None:
    made = []
    for number, name in enumerate(("one", "two")):
        nodes = [node("Abs", ["x"], f"{name}.a"), node("Neg", [f"{name}.a"], f"{name}.b")]
        _, place = walk(tmp_path / name, nodes, {"x": numbers(2, seed=number)})
        folder = tmp_path / name / "op"
        folder.mkdir()
        imported = program(place).write_module(folder)
        assert imported.entry.results == ("f32",)
        made.append((folder / imported.module.name).read_bytes())
    assert made[0] == made[1]
