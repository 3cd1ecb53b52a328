"""The words of op by op: the ladder of statuses, where operations come from, and a case's operations in numbers."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class OpStatus(IntEnum):
    """The last rung that one operation was observed on (tt-torch's ladder with IREE's names)."""

    NOT_STARTED = 0
    CREATED_GRAPH = 1  # taken out of the model, with real inputs and a golden
    TORCH_IR = 2  # imported: torch or torch.onnx dialect (of StableHLO programs: parsed)
    TORCH_BACKEND_IR = 3  # torch's backend contract (of StableHLO programs: legalised input)
    LINALG_OR_STABLEHLO = 4  # IREE's input phase is done
    DISPATCHES = 5  # IREE's flow phase is done
    COMPILED = 6
    EXECUTED = 7  # ran and returned outputs; whether they are right says `verified`


class OpBackend(StrEnum):
    """From which representation of the model its operations are taken."""

    TORCH = "torch"  # nodes of the exported FX graph after decompositions
    ONNX = "onnx"  # nodes of the ONNX graph
    STABLEHLO = "stablehlo"  # operations of a StableHLO module


class OpSkip(StrEnum):
    """Why a place in a model has no program of its own."""

    NO_TENSOR_RESULT = "no-tensor-result"  # assertions, symbolic sizes
    CONTROL_FLOW = "control-flow"  # holds regions or sub-graphs that read values around them
    RANDOM = "random"  # no golden exists
    VALUE_KIND = "value-kind"  # sequence, optional, map, string, token values
    CONSTANT = "constant"  # a literal: nothing to compute
    STRUCTURE = "structure"  # getitem, return: no computation
    NO_VALUES = "no-values"  # an operand has none, since the framework could not run an earlier operation


class OpTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case's operations in numbers. ``by_status`` counts uses by rung, 0 to 7.

    ``uses`` are the places with an operation of their own, ``skipped`` the others. All but ``unique`` and ``reused``
    count uses.
    """

    backend: OpBackend
    uses: int
    unique: int
    skipped: int
    by_status: tuple[int, ...]
    verified: int  # uses
    compared: int  # uses whose outputs were compared
    timeouts: int = 0
    crashes: int = 0
    unknown_errors: int = 0
    reused: int = 0  # unique operations taken from the store or from another case of the shard
    seconds: float = 0.0
