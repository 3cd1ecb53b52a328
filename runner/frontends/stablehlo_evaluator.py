"""A StableHLO module and its inputs, on stdin, become its outputs by jaxlib's reference interpreter, on stdout.

A program of its own: the interpreter ends its process where it meets what it does not know.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import chlo, func, stablehlo
from jaxlib.mlir.passmanager import PassManager

from e2eshard.ending import die_with_parent
from runner.frontends.stablehlo_plain import make_plain
from runner.frontends.stablehlo_wire import Ask, Tensor, Told, read_message, write_message
from runner.tensors import MLIR_TYPES, Array

_REFINE = (
    "builtin.module(stablehlo-refine-arguments{{types={}}},stablehlo-refine-shapes,"
    "func.func(stablehlo-canonicalize-dynamism))"
)
_ENTRY = "main"
_INNER = "e2eshard_entry"


def make_context() -> Any:
    """A context with every dialect that jaxlib has, without threads."""
    context = ir.Context()
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context.append_dialect_registry(registry)
    context.enable_multithreading(False)
    context.load_all_available_dialects()
    for dialect in (stablehlo, chlo):
        dialect.register_dialect(context)
    stablehlo.register_interpreter_dialect(context)
    stablehlo.register_stablehlo_passes()
    return context


def parse(context: Any, module: bytes) -> Any:
    """StableHLO of text, bytecode or a portable artifact (VHLO); raises MLIRError."""
    parsed = ir.Module.parse(module, context)
    if any(str(each.operation.name).startswith("vhlo.") for each in parsed.body.operations):
        return ir.Module.parse(stablehlo.deserialize_portable_artifact_str(module), context)
    return parsed


def answer(context: Any, ask: Ask) -> Told:
    """The module as text, or its outputs."""
    with context, ir.Location.unknown():
        module = parse(context, ask.module)
        if ask.types:
            types = ",".join(f"tensor<{each}>" for each in ask.types)
            PassManager.parse(_REFINE.format(types)).run(module.operation)
        if not ask.evaluate:
            return Told(module=module.operation.get_asm(print_generic_op_form=True, enable_debug_info=True))
        make_plain(module)
        results = _wrap(module, ask.entry)
        given = [each for tensor in ask.operands for each in _attributes(tensor)]
        outputs = [np.array(each) for each in stablehlo.eval_module(module, given)]
        return Told(results=tuple(_gather(outputs, results)))


def _wrap(module: Any, entry: str) -> list[Any]:
    """Put a ``main`` around the entry point whose types numpy has too; the entry's own result types."""
    functions = {each.sym_name.value: each for each in module.body.operations if isinstance(each, func.FuncOp)}
    inner = functions[entry]
    if _ENTRY in functions and entry != _ENTRY:
        functions[_ENTRY].attributes["sym_name"] = ir.StringAttr.get(f"{_INNER}_{_ENTRY}")
    inner.attributes["sym_name"] = ir.StringAttr.get(_INNER)
    inner.attributes["sym_visibility"] = ir.StringAttr.get("private")
    inputs, results = list(inner.type.inputs), list(inner.type.results)
    outer_inputs = [each for wanted in inputs for each in carriers(wanted)]
    outer_results = [each for wanted in results for each in carriers(wanted)]
    with ir.InsertionPoint(module.body):
        outer = func.FuncOp(_ENTRY, (outer_inputs, outer_results))
    with ir.InsertionPoint(outer.add_entry_block()):
        given = list(outer.arguments)
        arguments = [_to_own(given, wanted) for wanted in inputs]
        call = func.CallOp(results, _INNER, arguments)
        func.ReturnOp([each for value in call.results for each in _to_carriers(value)])
    return results


def carriers(wanted: Any) -> tuple[Any, ...]:
    """The tensors of numpy's types that hold a tensor exactly; raises ValueError for what is no such tensor."""
    tensor = ir.RankedTensorType(wanted)
    kind = MLIR_TYPES.get(str(tensor.element_type))
    if kind is None:
        msg = f"no values can be made or kept of the type {wanted}"
        raise ValueError(msg)
    if "complex" in kind.name:
        part = ir.F64Type.get() if kind.bits == 128 else ir.F32Type.get()  # noqa: PLR2004 - bits of complex<f64>
        return (ir.RankedTensorType.get(tensor.shape, part),) * 2
    if kind.npy:
        return (tensor,)
    unsigned = ir.IntegerType.get_unsigned(8) if kind.name.startswith("u") else ir.IntegerType.get_signless(8)
    return (ir.RankedTensorType.get(tensor.shape, unsigned if "int" in kind.name else ir.F32Type.get()),)


def _to_own(given: list[Any], wanted: Any) -> Any:
    """One argument of the entry point, from those of ``main`` that are left."""
    first = given.pop(0)
    if first.type == wanted:
        return first
    if isinstance(ir.RankedTensorType(wanted).element_type, ir.ComplexType):
        return stablehlo.complex(first, given.pop(0))
    return stablehlo.convert(wanted, first)


def _to_carriers(value: Any) -> list[Any]:
    wanted = carriers(value.type)
    if len(wanted) > 1:
        return [stablehlo.real(value), stablehlo.imag(value)]
    return [value if value.type == wanted[0] else stablehlo.convert(wanted[0], value)]


def _attributes(tensor: Tensor) -> list[Any]:
    array = tensor.array()
    if np.iscomplexobj(array):
        return [ir.DenseElementsAttr.get(np.array(part, order="C")) for part in (array.real, array.imag)]
    if MLIR_TYPES[tensor.element].npy:
        return [ir.DenseElementsAttr.get(array, type=ir.Type.parse(tensor.element), shape=list(array.shape))]
    name = MLIR_TYPES[tensor.element].name
    wide, kind = (
        (np.uint8, "ui8") if name.startswith("u") else (np.int8, "i8") if "int" in name else (np.float32, "f32")
    )
    return [ir.DenseElementsAttr.get(array.astype(wide), type=ir.Type.parse(kind), shape=list(array.shape))]


def _gather(outputs: list[Array], results: Sequence[Any]) -> list[Tensor]:
    values = iter(outputs)
    gathered = []
    for wanted in results:
        tensor = ir.RankedTensorType(wanted)
        kind = MLIR_TYPES[str(tensor.element_type)]
        value = next(values)
        if "complex" in kind.name:
            value = value + 1j * next(values)
        gathered.append(Tensor.of(value.astype(kind.dtype).reshape(tensor.shape), str(tensor.element_type)))
    return gathered


def main(argv: Sequence[str] | None = None) -> int:
    """Started by the case only; ends when its stdin does."""
    parser = argparse.ArgumentParser(
        prog="python -m e2eshard runner.frontends.stablehlo_evaluator", description=__doc__
    )
    parser.add_argument("--parent", type=int, required=True, help="the case's process, with which this one ends")
    die_with_parent(parser.parse_args(argv).parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the interpreter prints must not get between the answers
    context = make_context()
    while (message := read_message(sys.stdin.buffer)) is not None:
        try:
            told = answer(context, msgspec.msgpack.decode(message, type=Ask))
        except Exception as error:  # noqa: BLE001 - whatever a module makes the interpreter raise is the answer
            told = Told(error=f"{type(error).__name__}: {error}")
        write_message(answers, msgspec.msgpack.encode(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
