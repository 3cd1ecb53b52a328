"""An MLIR tensor type becomes its element type, its shape, and the bytes that it takes in an archive."""

from __future__ import annotations

import math
import re
from enum import StrEnum

import msgspec

_TENSOR = re.compile(r"(?:tensor|vector)<(?P<shape>(?:\d+x)*)(?P<element>complex<\w+>|\w+)(?:,.*)?>", re.DOTALL)
_INTEGER = re.compile(r"(?:[su]?i(?P<bits>\d+)|(?P<index>index))")
_COMPLEX = re.compile(r"complex<(?P<part>f32|f64)>")


class Kind(StrEnum):
    """How the bits of an element are read."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOL = "bool"
    COMPLEX = "complex"


class Element(msgspec.Struct, frozen=True):
    """An element type. ``dtype`` is NumPy's or ml_dtypes' name of it, of a complex one that of its parts.

    ``bits`` of storage: IREE packs elements of 2 and 4 bits, and gives a whole byte to a truth value
    (compiler/src/iree/compiler/Utils/ElementPackingUtils.cpp).
    """

    name: str  # MLIR's
    kind: Kind
    bits: int
    dtype: str


_FLOATS = {
    each.name: each
    for each in (
        Element("f64", Kind.FLOAT, 64, "float64"),
        Element("f32", Kind.FLOAT, 32, "float32"),
        Element("f16", Kind.FLOAT, 16, "float16"),
        Element("bf16", Kind.FLOAT, 16, "bfloat16"),
        Element("f8E3M4", Kind.FLOAT, 8, "float8_e3m4"),
        Element("f8E4M3", Kind.FLOAT, 8, "float8_e4m3"),
        Element("f8E4M3B11FNUZ", Kind.FLOAT, 8, "float8_e4m3b11fnuz"),
        Element("f8E4M3FN", Kind.FLOAT, 8, "float8_e4m3fn"),
        Element("f8E4M3FNUZ", Kind.FLOAT, 8, "float8_e4m3fnuz"),
        Element("f8E5M2", Kind.FLOAT, 8, "float8_e5m2"),
        Element("f8E5M2FNUZ", Kind.FLOAT, 8, "float8_e5m2fnuz"),
        Element("f8E8M0FNU", Kind.FLOAT, 8, "float8_e8m0fnu"),
        Element("f4E2M1FN", Kind.FLOAT, 4, "float4_e2m1fn"),
    )
}
_WIDTHS = (1, 2, 4, 8, 16, 32, 64)  # others have no agreed storage


class Parameter(msgspec.Struct, frozen=True, order=True):
    """One parameter of a module: tensor of ``shape`` whose element type is MLIR's ``element``; scope may be empty."""

    scope: str
    key: str
    element: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def length(self) -> int:
        """Bytes in an archive."""
        return -(-self.count * element_type(self.element).bits // 8)


def element_type(name: str) -> Element:
    """The element type of MLIR's name; raises ValueError for one that no parameter can have."""
    if name in _FLOATS:
        return _FLOATS[name]
    if match := _COMPLEX.fullmatch(name):
        part = _FLOATS[match["part"]]
        return Element(name, Kind.COMPLEX, 2 * part.bits, part.dtype)
    match = _INTEGER.fullmatch(name)
    bits = int(match["bits"] or 64) if match else 0
    if bits not in _WIDTHS:
        msg = f"no parameter can have elements of type {name}"
        raise ValueError(msg)
    if bits == 1:
        return Element(name, Kind.BOOL, 8, "uint8")
    return Element(name, Kind.INTEGER, bits, f"uint{max(8, bits)}")


def parameter(scope: str, key: str, mlir: str) -> Parameter:
    """A parameter of MLIR's type ``mlir`` (``tensor<2x3xf32>``); raises ValueError where no archive can hold it."""
    match = _TENSOR.fullmatch(mlir)
    if match is None:
        msg = f"parameter {key!r} has the type {mlir}; a tensor of static shape is meant"
        raise ValueError(msg)
    element = element_type(match["element"])
    shape = tuple(int(each) for each in match["shape"].split("x") if each)
    return Parameter(scope, key, element.name, shape)
