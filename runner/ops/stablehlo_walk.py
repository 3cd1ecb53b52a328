"""A StableHLO module and its inputs become its places in order, with the values of the reference interpreter."""

from __future__ import annotations

import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from iree.compiler.ir import Module

from runner.failures import StageFailure
from runner.frontends.mlir import context
from runner.frontends.stablehlo import dialects_of, entry_function
from runner.frontends.stablehlo_data import random_array
from runner.frontends.stablehlo_reference import Reference
from runner.frontends.stablehlo_types import functions_of, shape_of
from runner.ops.program import Place
from runner.ops.stablehlo_alone import Known, alone, callee_of, captured
from runner.ops.stablehlo_op import StablehloOp
from runner.ops.stablehlo_skip import ELEMENT, PASSED_ON, RANDOM, SIZES, TUPLE, Why, initial_places, skip_of
from runner.ops.stablehlo_values import Constants, Evaluator
from runner.work import Work, present
from schemas.opwords import OpBackend, OpSkip

_DEEPEST = 64  # calls within calls; StableHLO has no recursion
_NAME = re.compile(r'^loc\("([^"]*)"')
_UNKNOWN = re.compile(r"^-$|^loc\(unknown\)$")
Value = Known | tuple["Value", ...]


class StablehloWalker:
    """Every operation of the entry function, with those of the functions that it calls in the calls' places."""

    def __init__(self, work: Work) -> None:
        imported, file = present(work.imported, "module"), present(work.lowered, "lowered module")
        if imported.piece is not None:
            raise StageFailure(
                "a model that was imported graph by graph cannot be walked in StableHLO",
                "its own Python code hands values from graph to graph; mend: walk it with the lowering torch",
            )
        self._case = work.job.case
        self._reference = Reference(work.folder / "reference.log")
        inputs = present(work.inputs, "inputs")
        module = self._load(file, [each.shape for each in inputs])
        self._functions = {
            str(each.operation.attributes["sym_name"].value): each.operation
            for each in module.body.operations
            if each.operation.name == "func.func"
        }
        entry = entry_function(tuple(functions_of(module)))
        if len(entry.inputs) != len(inputs):
            msg = f"@{entry.name} takes {len(entry.inputs)} arguments, the model has {len(inputs)} inputs"
            raise ValueError(msg)
        self._entry = self._functions[entry.name]
        self._arguments = tuple(Known(kind, array) for kind, array in zip(entry.inputs, inputs, strict=True))
        self._evaluator = Evaluator(self._reference, self._case.op_timeout)
        self._constants = Constants(module, self._evaluator)
        self._random = np.random.Generator(np.random.PCG64(self._case.seed))
        self._module = module  # its operations live as long as it
        self._failed: Counter[str] = Counter()

    @property
    def backend(self) -> OpBackend:
        """StableHLO's operations."""
        return OpBackend.STABLEHLO

    def notes(self) -> tuple[str, ...]:
        """Where goldens came from, and what the interpreter could not run."""
        notes = ["golden of operations: the StableHLO reference interpreter"]
        if self._evaluator.by_numpy:
            notes.append(f"golden of {self._evaluator.by_numpy} large dot_general: NumPy, in double precision")
        notes += [f"the interpreter could not run {what} ({times})" for what, times in sorted(self._failed.items())]
        return tuple(notes)

    def places(self) -> Iterator[Place]:
        """The entry function's, called on the model's inputs."""
        try:
            yield from self._function(self._entry, self._arguments, (), [])
        finally:
            self._reference.close()

    def _load(self, file: pathlib.Path, sizes: Sequence[tuple[int, ...]]) -> Any:
        """The module in the compiler's own StableHLO, without open sizes as far as the inputs' sizes close them."""
        data = file.read_bytes()
        module = Module.parse(data, context())
        if "vhlo" in dialects_of(module):
            data = self._reference.text(data).encode()
            module = Module.parse(data, context())
        shapes = [shape_of(each) for each in entry_function(tuple(functions_of(module))).inputs]
        if any(shape is not None and not shape.is_static for shape in shapes):
            types = [shape.of(size) for shape, size in zip(shapes, sizes, strict=True) if shape is not None]
            module = Module.parse(self._reference.refined(data, types), context())
        return module

    def _function(
        self, function: Any, arguments: Sequence[Value], path: tuple[str, ...], returned: list[Value]
    ) -> Iterator[Place]:
        """The places of one call; what it returns goes into ``returned``."""
        block = function.regions[0].blocks[0]
        values: dict[Any, Value] = dict(zip(block.arguments, arguments, strict=True))
        operations = [each.operation for each in block.operations]
        read = [(*each.operands, *captured(each)) for each in operations]
        last = {value: number for number, each in enumerate(read) for value in each}
        for number, operation in enumerate(operations):
            if operation.name.endswith(".return"):
                returned += [values[each] for each in operation.operands]
                return
            made: list[Value] = []
            yield from self._operation(operation, read[number], values, (path, number, made))
            values |= dict(zip(operation.results, made, strict=True))
            for each in (*read[number], *operation.results):
                if last.get(each, -1) <= number:
                    values.pop(each, None)

    def _operation(
        self,
        operation: Any,
        read: Sequence[Any],
        values: dict[Any, Value],
        at: tuple[tuple[str, ...], int, list[Value]],
    ) -> Iterator[Place]:
        path, number, made = at
        node = _node(operation, path, number)
        name = callee_of(operation)
        if name and name in self._functions and len(path) < _DEEPEST:
            yield Place(operation.name, node, skip=OpSkip.STRUCTURE, why=f"walked into @{name}")
            given = [values[each] for each in operation.operands]
            yield from self._function(self._functions[name], given, (*path, name), made)
            return
        found = skip_of(operation, read)
        if found is not None:
            made += self._passed(operation, values)
            yield Place(operation.name, node, skip=found[0], why=found[1])
            return
        yield self._place(operation, read, values, node, made)

    def _place(
        self, operation: Any, read: Sequence[Any], values: dict[Any, Value], node: str, made: list[Value]
    ) -> Place:
        reads = tuple(_known(values[each], each) for each in read)
        fixed, lacking = _fixed(operation, reads)
        if lacking is not None:
            made += [Known(str(each.type)) for each in operation.results]
            return Place(operation.name, node, skip=lacking[0], why=lacking[1])
        own = alone(operation, reads, fixed, read, self._functions)
        attributes = {name: str(operation.attributes[name]) for name in operation.attributes if "." not in name}
        results, error = self._evaluator.run(operation.name, attributes, own, reads)
        if error:
            self._failed[f"{operation.name}: {error}"] += 1
        kinds = [str(each.type) for each in operation.results]
        program = StablehloOp(
            operation.name,
            attributes,
            reads,
            tuple(Known(kind, array) for kind, array in zip(kinds, results or [None] * len(kinds), strict=True)),
            own,
        )
        made += program.made
        return Place(operation.name, node, program=program)

    def _passed(self, operation: Any, values: dict[Any, Value]) -> list[Value]:
        """What a skipped operation leaves: a literal, the value it passes on, or random numbers; else no value."""
        kinds = [str(each.type) for each in operation.results]
        if operation.name.endswith(".constant") and len(kinds) == 1:
            return [self._constants.known(operation)]
        operands = [values[each] for each in operation.operands]
        if operation.name == TUPLE:
            return [tuple(operands)]
        if operation.name == ELEMENT and isinstance(operands[0], tuple):
            return [operands[0][int(str(operation.attributes["index"]).split(" ")[0])]]
        if operation.name in PASSED_ON and len(operands) == len(kinds) == 1 and isinstance(operands[0], Known):
            return [Known(kinds[0], operands[0].array, operands[0].constant)]
        return [self._drawn(kind) if operation.name in RANDOM else Known(kind) for kind in kinds]

    def _drawn(self, kind: str) -> Known:
        """Values of the right type: what is random has no golden, but what reads it has."""
        shape = shape_of(kind)
        array = (
            random_array(shape, self._random) if shape is not None and shape.has_values and shape.is_static else None
        )
        return Known(kind, array)


def _known(value: Value, at: Any) -> Known:
    return value if isinstance(value, Known) else Known(str(at.type))


def _fixed(operation: Any, reads: Sequence[Known]) -> tuple[tuple[int, ...], Why | None]:
    """The places of what becomes a literal; or why that cannot be."""
    sizes = SIZES.get(operation.name, ())
    if any(reads[place].array is None for place in sizes):
        return (), (OpSkip.NO_VALUES, "a size that it reads has no value")
    around = range(len(operation.operands), len(reads))
    literal = (place for place in (*initial_places(operation), *around) if _is_small_literal(reads[place]))
    return tuple(dict.fromkeys((*sizes, *literal))), None


def _is_small_literal(known: Known) -> bool:
    return known.constant and known.array is not None and known.array.size == 1


def _node(operation: Any, path: Sequence[str], number: int) -> str:
    """The name that its framework gave it, else where it stands: ``norm#3``, the fourth operation of @norm."""
    named = _NAME.match(str(operation.location))
    text = named.group(1) if named and named.group(1) != "-" and "/" not in named.group(1)[:1] else ""
    return text or f"{path[-1] if path else 'main'}#{number}"
