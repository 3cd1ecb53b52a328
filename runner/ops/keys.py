"""Arrays and keys become what operations are known by: types, digests of constants, and one digest of the whole."""

from __future__ import annotations

import hashlib

from runner.tensors import Array, pack
from schemas.codec import encode_canonical
from schemas.ops import OpKey, TensorType

#: A constant operand with more elements than this is told apart by its type alone, and is an argument of the module.
SMALL = 64
#: What a person types of a digest: enough among some thousand operations.
SHOWN = 16


def type_of(array: Array) -> TensorType:
    """An array's element type and sizes."""
    return TensorType(array.dtype.name, tuple(int(size) for size in array.shape))


def constant(position: int, array: Array) -> str:
    """A constant operand whose value matters, as a key has it: ``1:sha256…``. Its type is among the operands."""
    return f"{position}:{hashlib.sha256(pack(array)).hexdigest()}"


def digest_of(key: OpKey) -> str:
    """What a unique operation is called by in journals, stores and on the command line."""
    return hashlib.sha256(encode_canonical(key)).hexdigest()
