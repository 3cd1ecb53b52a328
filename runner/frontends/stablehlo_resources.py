"""The resources at the end of a module's text become the bytes of the constants that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from runner.frontends.stablehlo_types import Shape
from runner.tensors import MLIR_TYPES, Array, unpack

_SECTION = "dialect_resources:"
_ENTRY = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([\w$.\-]+)): "0x([0-9A-Fa-f]*)"')
_NAMED = re.compile(r'^dense_resource<(?:"((?:[^"\\]|\\.)*)"|([^>]*))>')
_ALIGNMENT = 4  # bytes before the data
_LONGEST = 256  # characters that hold a resource's name


def resources_of(module: Any) -> dict[str, bytes]:
    """Every resource of a parsed module by name, as its bytes without the alignment before them."""
    if not any(_NAMED.match(each) for each in _constants(module.operation)):
        return {}
    text: str = module.operation.get_asm()
    section = text.rfind(_SECTION)
    found = _ENTRY.finditer(text, section) if section >= 0 else ()
    return {each.group(1) or each.group(2): bytes.fromhex(each.group(3))[_ALIGNMENT:] for each in found}


def _constants(operation: Any) -> list[str]:
    """The beginnings of the values of all constants."""
    found = []
    if operation.name.endswith(".constant") and "complex" not in str(operation.results[0].type):  # read by no binding
        found.append(str(operation.attributes["value"])[:_LONGEST])
    for region in operation.regions:
        for block in region.blocks:
            for each in block.operations:
                found += _constants(each.operation)
    return found


def name_in(attribute: str) -> str | None:
    """The name in ``dense_resource<name> : …``; None for another attribute."""
    match = _NAMED.match(attribute)
    return None if match is None else match.group(1) or match.group(2)


def array_of(name: str, shape: Shape, resources: Mapping[str, bytes]) -> Array:
    """A resource as the tensor that names it; raises ValueError where it is absent or of another length."""
    if name not in resources:
        msg = f"the module has no resource {name!r}: it was printed without its data"
        raise ValueError(msg)
    kind, data = MLIR_TYPES[shape.element], resources[name]
    sizes = tuple(size or 0 for size in shape.sizes)
    if kind.packed and len(data) == int(np.prod(sizes, dtype=np.int64)):  # an element a byte
        return np.frombuffer(data, dtype=kind.dtype).reshape(sizes)
    return unpack(data, kind, sizes)
