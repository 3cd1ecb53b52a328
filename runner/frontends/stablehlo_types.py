"""The text of an MLIR tensor type becomes its sizes and element type, and a module its functions' types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from runner.tensors import MLIR_TYPES

_TENSOR = re.compile(r"^tensor<((?:(?:\d+|\?)x)*)([^,]+?)(?:, *[^>]*>?)?>$")
_VHLO_WORD = re.compile(r"!vhlo\.(\w+?)_v\d+")
_VHLO_FUNCTION = re.compile(r"^#vhlo\.type_v\d+<!vhlo\.func_v\d+<\((.*)\) -> (.*)>>$")
_VHLO_NAME = re.compile(r'^#vhlo\.string_v\d+<"(.*)">$')
#: Between the types of a list: a comma outside of every bracket.
_BRACKETS = {"<": 1, "(": 1, ">": -1, ")": -1}


class Shape(msgspec.Struct, frozen=True):
    """A tensor type; a size of None is open."""

    element: str
    sizes: tuple[int | None, ...]

    @property
    def is_static(self) -> bool:
        """Whether every size is known."""
        return None not in self.sizes

    @property
    def has_values(self) -> bool:
        """Whether numpy (or ml_dtypes) has arrays of this element type."""
        return self.element in MLIR_TYPES

    def of(self, sizes: tuple[int, ...]) -> str:
        """``4x8xf32``, with these sizes."""
        return "x".join([*map(str, sizes), self.element])


class Function(msgspec.Struct, frozen=True):
    """A function of a module as its signature says; types as MLIR prints them."""

    name: str
    public: bool
    inputs: tuple[str, ...]
    results: tuple[str, ...]


def shape_of(mlir_type: str) -> Shape | None:
    """``tensor<4x?xf32>`` taken apart; None for another type, or a tensor of unknown rank."""
    match = _TENSOR.match(mlir_type)
    if match is None or match.group(2).startswith("*"):
        return None
    sizes = tuple(None if each == "?" else int(each) for each in match.group(1).split("x")[:-1])
    return Shape(match.group(2), sizes)


def functions_of(module: Any) -> Iterator[Function]:
    """The functions of a parsed module, those of a portable artifact (VHLO) under StableHLO's names of their types."""
    for each in module.body.operations:
        operation = each.operation
        if operation.name == "func.func":
            kind = operation.attributes["function_type"].value
            visibility = "sym_visibility" in operation.attributes and operation.attributes["sym_visibility"].value
            yield Function(
                name=operation.attributes["sym_name"].value,
                public=visibility in (False, "public"),
                inputs=tuple(map(str, kind.inputs)),
                results=tuple(map(str, kind.results)),
            )
        elif operation.name.startswith("vhlo.func"):
            yield _vhlo(operation)


def _vhlo(operation: Any) -> Function:
    texts = {name: str(operation.attributes[name]) for name in ("sym_name", "sym_visibility", "function_type")}
    kinds = _VHLO_FUNCTION.match(texts["function_type"])
    name, visibility = (_VHLO_NAME.match(texts[each]) for each in ("sym_name", "sym_visibility"))
    if kinds is None or name is None:
        msg = f"a function of another version of VHLO: {texts['sym_name']}"
        raise ValueError(msg)
    inputs, results = (tuple(map(_of_vhlo, _listed(each))) for each in kinds.groups())
    public = visibility is None or visibility.group(1) in ("", "public")
    return Function(name.group(1), public, inputs, results)


def _of_vhlo(text: str) -> str:
    """``!vhlo.tensor_v1<2x!vhlo.bool_v1>`` as ``tensor<2xi1>``."""
    return _VHLO_WORD.sub(lambda match: {"bool": "i1"}.get(match.group(1), match.group(1)), text)


def _listed(text: str) -> list[str]:
    """The types of a list, in brackets or not."""
    bare = text[1:-1] if text.startswith("(") else text
    parts, depth, begun = [], 0, 0
    for place, letter in enumerate(bare):
        depth += 0 if letter == ">" and bare[place - 1] == "-" else _BRACKETS.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(bare[begun:place].strip())
            begun = place + 1
    return [*parts, bare[begun:].strip()] if bare.strip() else []
