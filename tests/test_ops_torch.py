"""A PyTorch model is walked node by node: places, keys, golden values, and the reasons why a node is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.ops.keys import digest_of
from runner.ops.program import Place
from schemas.opwords import OpBackend, OpSkip
from schemas.words import Mode
from tests.torch_support import NEEDS_TORCH, model
from tests.torch_support.walk import digests, places_of, program_of, walker_of, work_of

pytestmark = [NEEDS_TORCH, pytest.mark.slow]

MLP = model(
    "def forward(self, x):\n    return self.b(self.a(x).relu())",
    "torch.randn(2, 4)",
    init="self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 3)",
)


def one(places: list[Place], name: str) -> Place:
    (found,) = [each for each in places if each.name == name]
    return found


def walked(folder: Path, forward: str, inputs: str, init: str = "pass") -> list[Place]:
    return places_of(folder, model(f"def forward(self, *inputs):\n    {forward}", inputs, init=init))


def test_places_come_in_the_programs_order_with_the_values_of_the_model(tmp_path: Path) -> None:
    work = work_of(tmp_path, MLP)
    places = list(walker_of(work).places())
    names = [each.name for each in places]
    assert names.count("aten.mm.default") + names.count("aten.addmm.default") == 2
    assert names.index("aten.relu.default") > 0
    relu = program_of(one(places, "aten.relu.default"))
    (given,), golden = relu.operands(), relu.golden()
    assert golden is not None
    np.testing.assert_array_equal(golden[0].value, np.maximum(given, 0))
    assert (given < 0).any()
    last = program_of(places[-1]).golden()
    assert last is not None
    assert work.inputs is not None
    expected = work.frontend.native_inference(work.inputs)[0].value
    np.testing.assert_allclose(last[0].value, expected, rtol=1e-6)


def test_a_key_has_the_operator_the_types_and_what_is_no_tensor(tmp_path: Path) -> None:
    places = walked(
        tmp_path, "return torch.add(*inputs, alpha=3).sum(-1, dtype=torch.float64)", "(torch.randn(2, 3),) * 2"
    )
    total = program_of(one(places, "aten.sum.dim_IntList"))
    assert total.key.backend is OpBackend.TORCH
    assert [str(each) for each in total.key.operands] == ["2x3xfloat32"]
    assert dict(total.key.attributes) == {"dim": "[-1]", "dtype": "torch.float64"}
    assert [str(each) for each in total.results] == ["2xfloat64"]
    assert program_of(one(places, "aten.add.Tensor")).key.attributes == (("alpha", "3"),)


def test_the_same_operation_has_one_digest_whatever_the_weights(tmp_path: Path) -> None:
    forward = "x = inputs[0]\n    return self.b(self.a(x).tanh()).tanh()"
    init = "self.a = nn.Linear(4, 4)\nself.b = nn.Linear(4, 4)"
    places = walked(tmp_path, forward, "torch.randn(2, 4)", init)
    for name in ("aten.tanh.default", places[0].name):
        found = digests(places, name)
        assert len(found) >= 2
        assert len(set(found)) == 1
    first, second = [program_of(each) for each in places if each.name == "aten.tanh.default"]
    assert not np.array_equal(first.operands()[0], second.operands()[0])


@pytest.mark.parametrize(
    "calls",
    [
        ("torch.relu(x)", "torch.relu(x[:1])"),
        ("torch.relu(x)", "torch.relu(x.to(torch.float16))"),
        ("torch.softmax(x, 0)", "torch.softmax(x, 1)"),
        ("torch.nn.functional.leaky_relu(x, 0.1)", "torch.nn.functional.leaky_relu(x, 0.2)"),
        ("x * 2", "x * 2.0"),
        (
            "torch.nn.functional.max_pool2d(x[None, None], 1)",
            "torch.nn.functional.max_pool2d(x[None, None], 1, return_indices=True)[1]",
        ),
    ],
    ids=("shape", "dtype", "int", "float", "number", "results"),
)
def test_other_types_attributes_or_results_are_other_operations(tmp_path: Path, calls: tuple[str, str]) -> None:
    places = walked(tmp_path, f"x = inputs[0]\n    return {calls[0]}, {calls[1]}", "torch.randn(2, 4)")
    programs = [each for each in places if each.program is not None]
    names = {each.name for each in programs}
    twice = [name for name in names if len(digests(programs, name)) == 2 and "_to_copy" not in name]
    assert any(len(set(digests(programs, name))) == 2 for name in twice), names


def test_defaults_that_are_written_out_change_nothing() -> None:
    import torch  # noqa: PLC0415 - absent without the extra

    from runner.ops.torch_layout import layout_of  # noqa: PLC0415

    x, target = torch.ones(2), torch.ops.aten.add.Tensor
    plain, spelled = layout_of(target, (x, x), {}), layout_of(target, (x, x), {"alpha": 1})
    assert plain.attributes == spelled.attributes == ()
    assert layout_of(target, (x, x), {"alpha": 2}).attributes == (("alpha", "2"),)
    assert layout_of(target, (x, 0.1), {}).attributes == (("other", "0.1"),)
    convolution = layout_of(torch.ops.aten.convolution.default, (x, x, None, [1], [0], [1], False, [0], 1), {})
    assert convolution.operands[2] is None
    assert dict(convolution.attributes)["stride"] == "[1]"


def test_lists_of_tensors_are_operands_and_their_order_is_told(tmp_path: Path) -> None:
    forward = "x, y = inputs\n    return torch.cat([x, y, x]), x[:, torch.tensor([1, 0])]"
    places = walked(tmp_path, forward, "(torch.randn(2, 2), torch.randn(3, 2))")
    cat = program_of(one(places, "aten.cat.default"))
    assert [str(each) for each in cat.key.operands] == ["2x2xfloat32", "3x2xfloat32", "2x2xfloat32"]
    assert dict(cat.key.attributes) == {"tensors": "[%0, %1, %2]"}
    index = program_of(one(places, "aten.index.Tensor"))
    assert dict(index.key.attributes) == {"indices": "[None, %1]"}
    assert index.operands()[1].tolist() == [1, 0], "an index is an operand like any other"


def test_of_several_results_those_that_are_read_are_returned(tmp_path: Path) -> None:
    forward = (
        "x = inputs[0]\n    values, places = torch.topk(x, 2)\n"
        "    largest, _ = torch.max(x, 1)\n    left, _, right = torch.split(x, 2, 1)\n"
        "    return values, places, largest, left + right"
    )
    places = walked(tmp_path, forward, "torch.randn(3, 6)")
    topk = program_of(one(places, "aten.topk.default"))
    assert [str(each) for each in topk.results] == ["3x2xfloat32", "3x2xint64"]
    assert "results" not in dict(topk.key.attributes)
    found = topk.golden()
    assert found is not None
    assert [each.name for each in found] == ["0", "1"]
    largest = program_of(one(places, "aten.max.dim"))
    assert dict(largest.key.attributes)["results"] == "0"
    assert len(largest.results) == 1
    split = program_of(one(places, "aten.split_with_sizes.default"))
    assert dict(split.key.attributes)["results"] == "0, 2"


SKIPPED = {
    "getitem": (
        "values, _ = torch.topk(inputs[0], 2)\n    return values + 1", OpSkip.STRUCTURE, "getitem"
    ),
    "random": ("return inputs[0] + torch.rand(2, 4)", OpSkip.RANDOM, "aten.rand.default"),
    "bernoulli": ("return torch.bernoulli(inputs[0].sigmoid())", OpSkip.RANDOM, "aten.rand."),
    "uninitialised": ("return inputs[0] + torch.empty_like(inputs[0]).fill_(2)", OpSkip.RANDOM, "aten.empty"),
    "dropout": ("return torch.nn.functional.dropout(inputs[0], 0.5, training=True)", OpSkip.RANDOM, "aten.native"),
    "assertion": ("return inputs[0].to(torch.float64) + 1", OpSkip.NO_TENSOR_RESULT, "aten._assert_tensor_metadata"),
    "number": ("return inputs[0] * inputs[0].sum().item()", OpSkip.NO_TENSOR_RESULT, "aten._local_scalar_dense"),
    "branch": (
        "return torch.cond(inputs[0].sum() > 0, lambda y: y + 1, lambda y: y * 2, (inputs[0],))",
        OpSkip.CONTROL_FLOW, "cond",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SKIPPED)
def test_what_has_no_program_says_why(tmp_path: Path, kind: str) -> None:
    forward, skip, name = SKIPPED[kind]
    places = walked(tmp_path, forward, "torch.randn(2, 4)")
    found = [each for each in places if each.name.startswith(name) and each.skip is not None]
    assert [each.skip for each in found][:1] == [skip], [(each.name, each.skip) for each in places]
    assert found[0].why
    assert found[0].program is None
    assert found[0].node


def test_a_literal_is_no_operation_and_neither_is_what_draws_nothing() -> None:
    import torch  # noqa: PLC0415 - absent without the extra

    from runner.ops.torch_interpret import Computed  # noqa: PLC0415 - loads torch
    from runner.ops.torch_skip import skip_of  # noqa: PLC0415

    def skip(target: object, *args: object) -> OpSkip | None:
        graph = torch.fx.Graph()
        node = graph.call_function(target, args)  # type: ignore[arg-type] # operators of any kind
        found = skip_of(Computed(node, args, {}, torch.ones(2)))
        return None if found is None else found[0]

    aten, x = torch.ops.aten, torch.ones(2)
    assert skip(aten.lift_fresh_copy.default, x) is OpSkip.CONSTANT
    assert skip(aten.bernoulli.default, x) is OpSkip.RANDOM
    assert skip(aten.rrelu_with_noise.default, x, x, 0.1, 0.3, False) is None
    assert skip(aten.rrelu_with_noise.default, x, x, 0.1, 0.3, True) is OpSkip.RANDOM
    assert skip(aten.relu.default, x.to_sparse()) is OpSkip.VALUE_KIND


def test_a_number_out_of_a_tensor_is_an_attribute_of_what_reads_it(tmp_path: Path) -> None:
    places = walked(tmp_path, SKIPPED["number"][0], "torch.full((2,), 1.5)")
    assert dict(program_of(places[-1]).key.attributes) == {"other": "3.0"}


def test_what_reads_a_skipped_value_has_its_operands_all_the_same(tmp_path: Path) -> None:
    places = walked(tmp_path, SKIPPED["branch"][0] + "[0] * 3", "torch.randn(2, 4)")
    product = program_of(places[-1])
    golden = product.golden()
    assert golden is not None
    np.testing.assert_array_equal(golden[0].value, product.operands()[0] * 3)


def test_every_graph_of_a_broken_model_is_walked(tmp_path: Path) -> None:
    forward = "x = inputs[0]\n    y = x * 2\n    return y * 3 if y.max() > -99 else y"
    work = work_of(tmp_path, model(f"def forward(self, *inputs):\n    {forward}", "torch.randn(4)"))
    walker = walker_of(work)
    places = list(walker.places())
    products = [each for each in places if each.name == "aten.mul.Tensor"]
    assert [each.graph for each in products] == [0, max(each.graph for each in places)]
    assert products[1].graph > 0
    first, second = (program_of(each).golden() for each in products)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(second[0].value, first[0].value * 3)
    assert walker.notes() == (f"walked {products[1].graph + 1} graphs, each on what PyTorch gives it",)


def test_a_training_step_is_walked_too(tmp_path: Path) -> None:
    places = places_of(tmp_path, MLP, mode=Mode.TRAIN)
    names = [each.name for each in places]
    assert names.count("aten.mm.default") >= 3, names
    assert all(each.program is None or program_of(each).golden() for each in places)


def test_what_pytorch_cannot_run_is_compiled_only_and_what_reads_it_skipped(tmp_path: Path) -> None:
    more = (
        "@torch.library.custom_op('e2eshard_test::lost', mutates_args=())\n"
        "def lost(x: torch.Tensor) -> torch.Tensor:\n    raise ValueError('no kernel here')\n"
        "@lost.register_fake\ndef _(x):\n    return torch.empty_like(x)\n"
    )
    text = model("def forward(self, x):\n    return torch.ops.e2eshard_test.lost(x + 1) * 2", "torch.randn(3)")
    work = work_of(tmp_path, text.replace("class Net", f"{more}\nclass Net", 1))
    walker = walker_of(work)
    places = list(walker.places())
    lost = program_of(one(places, "e2eshard_test.lost.default"))
    assert lost.golden() is None
    assert [str(each) for each in lost.results] == ["3xfloat32"]
    assert one(places, "aten.mul.Tensor").skip is OpSkip.NO_VALUES
    assert walker.notes() == ("PyTorch could not run e2eshard_test.lost.default: ValueError: no kernel here (1)",)


def test_values_that_nobody_reads_any_more_are_let_go(tmp_path: Path) -> None:
    import gc  # noqa: PLC0415 - this test only
    import weakref  # noqa: PLC0415

    from runner.ops.torch_interpret import interpret  # noqa: PLC0415 - loads torch

    work = work_of(tmp_path, model("def forward(self, x):\n    return x.exp().sin().cos().tanh()", "torch.randn(3)"))
    (walked,) = work.frontend.programs(work.inputs)  # type: ignore[attr-defined] # of the torch frontends
    alive = []
    for computed in interpret(walked.program, walked.inputs):
        alive.append(weakref.ref(computed.value))
        del computed
        gc.collect()
        assert sum(each() is not None for each in alive) <= 2


def test_two_walks_give_the_same_keys(tmp_path: Path) -> None:
    first = [digest_of(program_of(each).key) for each in places_of(tmp_path / "a", MLP) if each.program]
    assert first == [digest_of(program_of(each).key) for each in places_of(tmp_path / "b", MLP) if each.program]


def test_values_stay_as_they_were_when_a_later_operator_writes_into_them() -> None:
    import torch  # noqa: PLC0415 - loads PyTorch
    from torch.export import export  # noqa: PLC0415 - likewise

    from runner.ops.torch_interpret import interpret  # noqa: PLC0415 - likewise

    class Plus(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    program = export(Plus(), (torch.ones(3),))
    (add,) = [each for each in program.graph.nodes if each.op == "call_function"]
    with program.graph.inserting_after(add):
        program.graph.call_function(torch.ops.aten.mul_.Tensor, (add, 5.0))
    plus, times = list(interpret(program, (torch.ones(3),)))
    assert plus.value.tolist() == times.args[0].tolist() == [2, 2, 2]
    assert times.value.tolist() == [10, 10, 10]
