"""A file of MLIR (StableHLO, a portable artifact, linalg, tosa) becomes the module, its inputs and expected outputs."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

from iree.compiler.ir import MLIRError, Module

from runner.frontends import stablehlo_data as data
from runner.frontends.mlir import context
from runner.frontends.stablehlo_reference import reference, refusal
from runner.frontends.stablehlo_types import Function, functions_of, shape_of
from runner.frontends.stablehlo_wire import Tensor
from runner.protocol import Job
from runner.tensors import Array
from runner.work import EntryPoint, Golden, Imported
from schemas.errors import InfraError

_MAIN = "main"
_SUFFIXES = (".mlir", ".mlirbc")
#: Dialects that the interpreter knows, or that its preparation turns into such.
_REFERENCE = frozenset({"builtin", "func", "stablehlo", "chlo", "vhlo"})


class MlirFrontend:
    """The path `direct`: what is in the file is handed to the compiler as it is.

    Inputs and outputs may lie in ``<stem>.data/`` beside the file, as ``input_<n>.npy`` and ``output_<n>.npy``.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._file = pathlib.Path(job.source)
        self._stored = data.data_folder(self._file)
        self._module: Any = None
        self._function = Function("", public=True, inputs=(), results=())
        self._notes: list[str] = []

    def setup(self) -> None:
        """Parse the file and find its function; raises StageFailure, or ValueError where none is meant."""
        if self._job.load_inputs and not data.stored_files(self._stored, "input"):
            raise InfraError(
                f"--load-inputs: {self._file} has no stored inputs",
                f"put them into {self._stored} as input_0.npy, …, or leave --load-inputs out",
            )
        try:
            self._module = Module.parse(self._file.read_bytes(), context())
        except MLIRError as error:
            raise refusal(str(error), "the compiler's parser") from error
        self._function = entry_function(tuple(functions_of(self._module)))

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The file, and the stored inputs and outputs."""
        stored = (data.stored_files(self._stored, prefix) for prefix in ("input", "output"))
        return (self._file, *(path for paths in stored for path in paths))

    def import_model(self, folder: pathlib.Path) -> Imported:
        """A copy of the file."""
        suffix = self._file.suffix if self._file.suffix in _SUFFIXES else ".mlir"
        module = folder / f"model{suffix}"
        shutil.copyfile(self._file, module)
        elements = (shape_of(each) for each in self._function.results)
        results = tuple(
            shape.element if shape is not None else text
            for shape, text in zip(elements, self._function.results, strict=True)
        )
        return Imported(module, EntryPoint(self._function.name, results))

    def construct_inputs(self) -> tuple[Array, ...]:
        """Stored inputs, else seeded random ones of the arguments' types."""
        if data.stored_files(self._stored, "input"):
            return data.load(self._stored, "input", self._function.inputs)
        self._notes.append(f"inputs: random, seed {self._job.case.seed}")
        return data.random_inputs(self._function.inputs, self._job.case.seed)

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """Stored outputs, else those of the StableHLO interpreter; never those of a compiler."""
        if data.stored_files(self._stored, "output"):
            values = data.load(self._stored, "output", self._function.results)
        else:
            self._refuse_other_dialects()
            self._notes.append("golden: the StableHLO reference interpreter")
            values = self._interpret(inputs)
        return tuple(Golden(f"result_{number}", value) for number, value in enumerate(values))

    def _interpret(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        shapes = [shape_of(each) for each in self._function.inputs]
        operands = [Tensor.of(x, s.element) for x, s in zip(inputs, shapes, strict=True) if s is not None]
        refined = [s.of(x.shape) for x, s in zip(inputs, shapes, strict=True) if s is not None]
        types = refined if any(s is not None and not s.is_static for s in shapes) else []
        with reference(pathlib.Path(self._job.logs) / "reference.log") as interpreter:
            return interpreter.run(self._file.read_bytes(), self._function.name, operands, types=types)

    def _refuse_other_dialects(self) -> None:
        found = sorted(dialects_of(self._module) - _REFERENCE)
        if found:
            raise InfraError(
                f"{self._file.name} holds operations of {', '.join(found)}, whose results only a compiler computes",
                f"store what is expected as {self._stored.name}/output_0.npy, …, or run to the depth compile",
            )

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """What the module returns is compared."""
        return outputs

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """Likewise."""
        return golden

    def notes(self) -> tuple[str, ...]:
        """Where inputs and golden came from when they were not stored."""
        return tuple(self._notes)


def entry_function(functions: tuple[Function, ...]) -> Function:
    """``@main``, else the only public function; raises ValueError where it is neither."""
    public = [each for each in functions if each.public]
    named = [each for each in public if each.name == _MAIN]
    if len(public) != 1 and not named:
        names = ", ".join(f"@{each.name}" for each in public) or "none"
        msg = f"which function is meant? public are: {names}. Name it @{_MAIN}, or make the others private"
        raise ValueError(msg)
    return (named or public)[0]


def dialects_of(module: Any) -> frozenset[str]:
    """The dialects of all operations of a module; constants of arith, which StableHLO has as well, are not counted."""
    found: set[str] = set()

    def visit(operation: Any) -> None:
        name = operation.name
        if name != "arith.constant":
            found.add(name.partition(".")[0])
        for region in operation.regions:
            for block in region.blocks:
                for each in block.operations:
                    visit(each.operation)

    visit(module.operation)
    return frozenset(found)
