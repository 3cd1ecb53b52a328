"""A program's weights become a parameter archive beside its module, which then only names them.

Nothing is copied on the way: the archive is written from the memory of the tensors themselves (or from the files that
they are mapped from), one after the other.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import torch
from iree.compiler.extras.fx_importer import FxImporterHooks
from iree.compiler.ir import (
    Attribute,
    FlatSymbolRefAttr,
    InsertionPoint,
    Location,
    Operation,
    RankedTensorType,
    StringAttr,
    Type,
    TypeAttr,
    Value,
)
from iree.runtime import ParameterIndex
from torch.export import ExportedProgram

from runner.work import Imported
from schemas.case import Case, Tuning
from schemas.words import Lowering

#: The scope under which the module asks for its weights, and the runtime is given the archive.
SCOPE = "model"
#: Smaller tensors stay in the module, where the compiler may fold them.
SMALLEST = 1024

#: Element types that go into an archive, under the builtin names that their buffers have. Others are inlined: of
#: complex128 the compiler crashes while it asks for the size of a parameter.
_ELEMENTS = {
    torch.bool: "i8",
    torch.uint8: "i8",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.uint32: "i32",
    torch.int64: "i64",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float32: "f32",
    torch.float64: "f64",
    torch.complex64: "complex<f32>",
    torch.float8_e4m3fn: "f8E4M3FN",
    torch.float8_e4m3fnuz: "f8E4M3FNUZ",
    torch.float8_e5m2: "f8E5M2",
    torch.float8_e5m2fnuz: "f8E5M2FNUZ",
    torch.float8_e8m0fnu: "f8E8M0FNU",
}

_Identity = tuple[Any, ...]


def weights_of(case: Case, program: ExportedProgram, folder: pathlib.Path) -> ParameterArchive | None:
    """Where the program's weights go by the case's `tuning`; None: into the module.

    torch-mlir's pipelines do not let a module through that names parameters: for other lowerings than `torch` they are
    always inlined.
    """
    if case.lowering is not Lowering.TORCH or not _wanted(case.tuning, program):
        return None
    return ParameterArchive(folder / f"{SCOPE}.irpa")


def told(case: Case, program: ExportedProgram, imported: Imported) -> tuple[str, ...]:
    """What a reader of the record should know of where the weights went: nothing where they are in the module."""
    if imported.parameters is not None:
        size = imported.parameters[1].stat().st_size
        return (f"weights: in a parameter archive of {size / 2**20:.1f} MiB",)
    if case.lowering is not Lowering.TORCH and _wanted(case.tuning, program):
        return (f"weights: in the module, since the lowering {case.lowering} cannot name parameters",)
    return ()


def _wanted(tuning: Tuning, program: ExportedProgram) -> bool:
    if tuning.externalize is not None:
        return tuning.externalize
    return weight_bytes(program) > tuning.externalize_above


def weight_bytes(program: ExportedProgram) -> int:
    """Bytes of all parameters, buffers and constants; tied ones and views of one storage count once."""
    return storage_bytes((*program.state_dict.values(), *program.constants.values()))


def storage_bytes(values: Iterable[Any]) -> int:
    """Bytes of the storages behind the tensors among ``values``."""
    storages = (each.untyped_storage() for each in values if isinstance(each, torch.Tensor) and _is_plain(each))
    return sum({each.data_ptr(): each.nbytes() for each in storages}.values())


class ParameterArchive(FxImporterHooks):  # type: ignore[misc] # the importer ships no types
    """Weights of one program: asked by the importer for each, it answers with a load of a named parameter."""

    def __init__(self, file: pathlib.Path) -> None:
        super().__init__()
        self.file = file
        self._module: Any = None
        self._index = ParameterIndex()
        self._names: dict[_Identity, str] = {}
        self._kept: list[torch.Tensor] = []  # their memory is read when the archive is written

    @property
    def hooks(self) -> FxImporterHooks:
        """This object itself is what the importer asks."""
        return self

    def finish(self) -> tuple[str, pathlib.Path] | None:
        """Write the archive; scope and file, or None where no weight was large enough to be kept outside."""
        if not self._names:
            return None
        self._index.create_archive_file(str(self.file))
        self._index = ParameterIndex()
        self._kept.clear()
        return SCOPE, self.file

    def prepare_module(self, module_op: Any) -> None:
        """Called by the importer with the module that it fills."""
        self._module = module_op

    def resolve_input(self, gni: Any, value: Any, info: Any) -> Value | None:
        """A parameter or buffer, under its name in the model; None leaves it to the importer, which inlines it."""
        if not _fits(value):
            return None
        name = self._name_of(value, str(info.input_spec.target))
        if value.dtype is not torch.bool:
            return self._load(gni, value, name)
        # The function boundary and the archive have bytes where the program has booleans, as the importer does it.
        loaded = self._load(gni, value.view(torch.uint8), name)
        return gni._convert_type(loaded, torch.Tensor, torch.bool, value.size())  # noqa: SLF001 - the importer's own way

    def resolve_literal(self, gni: Any, literal: Any, info: Any) -> Value | None:
        """A constant of the program, which has no name of its own; the importer gives booleans as bytes here."""
        if info is not None or not _fits(literal):
            return None
        return self._load(gni, literal, self._name_of(literal, f"constant.{len(self._names)}"))

    def _name_of(self, tensor: torch.Tensor, name: str) -> str:
        """The parameter's name, which is the first one for tied weights."""
        identity = _identity(tensor)
        known = self._names.get(identity)
        if known is not None:
            return known
        self._names[identity] = name
        flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
        self._kept += (tensor, flat)  # the tensor too: its address is its identity for as long as it lives
        self._index.add_buffer(name, flat.numpy())
        with InsertionPoint.at_block_begin(self._module.regions[0].blocks[0]), Location.unknown():
            kind = _builtin_type(tensor)
            attributes = {
                "sym_name": StringAttr.get(_symbol(name)),
                "sym_visibility": StringAttr.get("private"),
                "type": TypeAttr.get(kind),
                "initial_value": Attribute.parse(f'#flow.parameter.named<"{SCOPE}"::"{name}"> : {kind}'),
            }
            Operation.create("util.global", attributes=attributes)
        return name

    def _load(self, gni: Any, tensor: torch.Tensor, name: str) -> Value:
        attributes = {"global": FlatSymbolRefAttr.get(_symbol(name))}
        loaded = Operation.create("util.global.load", results=[_builtin_type(tensor)], attributes=attributes).result
        wanted = gni._cc.tensor_to_vtensor_type(tensor)  # noqa: SLF001 - the importer offers no other way to a type
        return Operation.create("torch_c.from_builtin_tensor", results=[wanted], operands=[loaded]).result


def _fits(value: Any) -> bool:
    """Whether a value is worth an entry: a large enough tensor with memory of its own and a known element type."""
    return (
        isinstance(value, torch.Tensor)
        and value.dtype in _ELEMENTS
        and _is_plain(value)
        and value.numel() * value.element_size() >= SMALLEST
    )


def _is_plain(tensor: torch.Tensor) -> bool:
    """No sparse, fake or meta tensor, nor one of a device other than the CPU."""
    fake = isinstance(tensor, torch._subclasses.FakeTensor)  # noqa: SLF001 - PyTorch's only name for it
    return not fake and tensor.device.type == "cpu" and tensor.layout is torch.strided


def _identity(tensor: torch.Tensor) -> _Identity:
    """Equal for tied weights: same memory, seen the same way."""
    flipped = tensor.is_conj(), tensor.is_neg()
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), _ELEMENTS[tensor.dtype], *flipped)


def _symbol(name: str) -> str:
    return f"{SCOPE}.{name}"


def _builtin_type(tensor: torch.Tensor) -> RankedTensorType:
    return RankedTensorType.get(list(tensor.shape), Type.parse(_ELEMENTS[tensor.dtype]))
