"""The reference interpreter: every element type, every form of a module, and what it cannot do."""

from __future__ import annotations

import pathlib

import ml_dtypes
import numpy as np
import pytest
from iree.compiler.ir import Module

from runner.failures import StageFailure
from runner.frontends import stablehlo_reference
from runner.frontends.mlir import context
from runner.frontends.stablehlo_reference import reference
from runner.frontends.stablehlo_wire import Tensor
from runner.tensors import MLIR_TYPES
from schemas.errors import InfraError
from schemas.words import StageStatus
from tests.stablehlo_support import NEEDS_JAXLIB, evaluate, function

pytestmark = NEEDS_JAXLIB

ELEMENTS = (
    "f16", "f32", "f64", "bf16", "f8E4M3FN", "i1", "i4", "i8", "i16", "i32", "i64", "ui4", "ui8", "ui32", "ui64",
    "complex<f32>", "complex<f64>",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("reference")


def test_every_element_type_goes_in_and_comes_out_as_it_is(folder: pathlib.Path) -> None:
    with reference(folder / "log") as interpreter:
        for element in ELEMENTS:
            for sizes in ((2, 3), (), (0, 3)):
                kind = "x".join([*map(str, sizes), element])
                values = np.arange(int(np.prod(sizes))).reshape(sizes) % 2 * 2
                array = values.astype(MLIR_TYPES[element].dtype)
                text = function(f"return %x : tensor<{kind}>", f"%x: tensor<{kind}>", f"tensor<{kind}>")
                (found,) = interpreter.run(text.encode(), "main", [Tensor.of(array, element)])
                assert (found.dtype, found.shape) == (array.dtype, array.shape), kind
                np.testing.assert_array_equal(found, array, err_msg=kind)


def test_results_agree_with_numpy(folder: pathlib.Path) -> None:
    left, right = np.random.default_rng(1).standard_normal((2, 4, 4)).astype(np.float32)
    text = function(
        """%0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0]
          : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
        %1 = chlo.erf %0 : tensor<4x4xf32> -> tensor<4x4xf32>
        %2 = stablehlo.tanh %0 : tensor<4x4xf32>
        return %0, %2 : tensor<4x4xf32>, tensor<4x4xf32>""",
        "%a: tensor<4x4xf32>, %b: tensor<4x4xf32>",
        "tensor<4x4xf32>, tensor<4x4xf32>",
    )
    product, tanh = evaluate(folder, text, (left, right))
    np.testing.assert_allclose(product, left @ right, rtol=1e-5)
    np.testing.assert_allclose(tanh, np.tanh(left @ right), rtol=1e-5)


def test_batch_norm_and_constants_of_other_dialects_are_made_plain(folder: pathlib.Path) -> None:
    x = np.random.default_rng(2).standard_normal((3, 2)).astype(np.float32)
    text = function(
        """%s = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
        %o = stablehlo.constant dense_resource<offset> : tensor<2xf32>
        %m = stablehlo.constant dense<[0.5, -0.5]> : tensor<2xf32>
        %v = stablehlo.constant dense<[4.0, 9.0]> : tensor<2xf32>
        %y = "stablehlo.batch_norm_inference"(%x, %s, %o, %m, %v) <{epsilon = 0.0 : f32, feature_index = 1 : i64}>
          : (tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
        return %y : tensor<3x2xf32>""",
        "%x: tensor<3x2xf32>",
        "tensor<3x2xf32>",
    )
    text += '{-#\n  dialect_resources: {\n    builtin: {\n      offset: "0x040000000000803F00000040"\n    }\n  }\n#-}\n'
    (found,) = evaluate(folder, text, (x,))
    np.testing.assert_allclose(found, (x - [0.5, -0.5]) / [2, 3] * [2, 3] + [1, 2], rtol=1e-5)


def test_the_values_of_a_16_bit_resource_are_read(folder: pathlib.Path) -> None:
    text = function(
        "%c = stablehlo.constant dense_resource<c> : tensor<2xbf16>\nreturn %c : tensor<2xbf16>", "", "tensor<2xbf16>"
    )
    text += '{-#\n  dialect_resources: {\n    builtin: {\n      c: "0x02000000803F0040"\n    }\n  }\n#-}\n'
    (found,) = evaluate(folder, text, ())
    assert found.dtype == ml_dtypes.bfloat16
    assert found.astype(np.float32).tolist() == [1.0, 2.0]


def test_a_portable_artifact_is_stablehlo_again(folder: pathlib.Path) -> None:
    vhlo = """vhlo.func_v1 @main(%x: !vhlo.tensor_v1<2x!vhlo.f32_v1>) -> (!vhlo.tensor_v1<2x!vhlo.f32_v1>) {
      %0 = "vhlo.add_v1"(%x, %x) : (!vhlo.tensor_v1<2x!vhlo.f32_v1>, !vhlo.tensor_v1<2x!vhlo.f32_v1>)
        -> !vhlo.tensor_v1<2x!vhlo.f32_v1>
      "vhlo.return_v1"(%0) : (!vhlo.tensor_v1<2x!vhlo.f32_v1>) -> ()
    } {arg_attrs = #vhlo.array_v1<[]>, res_attrs = #vhlo.array_v1<[]>, sym_visibility = #vhlo.string_v1<"">}
    """
    with reference(folder / "log") as interpreter:
        text = interpreter.text(vhlo.encode())
    assert '"stablehlo.add"' in text
    assert "vhlo." not in text
    Module.parse(text, context())  # the compiler's own bindings read it
    (found,) = evaluate(folder, vhlo, (np.array([1, 2], np.float32),))
    assert found.tolist() == [2, 4]


def test_open_sizes_are_those_of_the_arguments(folder: pathlib.Path) -> None:
    text = function("%0 = stablehlo.add %x, %x : tensor<?x3xf32>\nreturn %0 : tensor<?x3xf32>",
                    "%x: tensor<?x3xf32>", "tensor<?x3xf32>")  # fmt: skip
    with reference(folder / "log") as interpreter:
        assert "tensor<4x3xf32>" in interpreter.refined(text.encode(), ["4x3xf32"])


def test_what_it_cannot_do_ends_one_question_and_no_other(folder: pathlib.Path) -> None:
    call = function(
        "%0 = stablehlo.custom_call @mine(%x) : (tensor<2xf32>) -> tensor<2xf32>\nreturn %0 : tensor<2xf32>",
        "%x: tensor<2xf32>",
        "tensor<2xf32>",
    )
    slow = function(
        """%0 = stablehlo.dot_general %x, %x, contracting_dims = [1] x [0]
          : (tensor<300x300xf32>, tensor<300x300xf32>) -> tensor<300x300xf32>
        return %0 : tensor<300x300xf32>""",
        "%x: tensor<300x300xf32>",
        "tensor<300x300xf32>",
    )
    good = function("return %x : tensor<2xf32>", "%x: tensor<2xf32>", "tensor<2xf32>")
    two = Tensor.of(np.ones(2, np.float32), "f32")
    many = Tensor.of(np.ones((300, 300), np.float32), "f32")
    with reference(folder / "log") as interpreter:
        with pytest.raises(StageFailure) as crash:
            interpreter.run(call.encode(), "main", [two])
        assert crash.value.status is StageStatus.CRASH
        assert "custom_call @mine" in crash.value.error.excerpt
        with pytest.raises(StageFailure) as late:
            interpreter.run(slow.encode(), "main", [many], timeout=0.2)
        assert late.value.status is StageStatus.TIMEOUT
        with pytest.raises(StageFailure) as wrong:
            interpreter.run(b"func.func @main() { stablehlo.nothing }", "main", [])
        assert wrong.value.status is StageStatus.FAIL
        assert wrong.value.error.signature.startswith("custom op 'stablehlo.nothing' is unknown")
        assert interpreter.run(good.encode(), "main", [two])[0].tolist() == [1, 1]


def test_without_jaxlib_the_machine_is_to_blame(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stablehlo_reference, "is_installed", lambda: False)
    with pytest.raises(InfraError, match="EXTRAS=stablehlo"), reference(folder / "log"):
        pass
