"""``ops/<model>.json``: a model's operations as programs read them, with the fields of tt-torch's unique-op files.

Figures are numbers in full precision, null where there is none.
"""

from __future__ import annotations

import msgspec

from schemas.opwords import OpSkip, OpStatus
from schemas.words import Outcome, StageStatus

OPS_SCHEMA = "e2eshard.ops/1"


class OpEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One unique operation of one case. From ``case`` on the fields are our own."""

    framework_op_name: str  # as the model's framework calls it
    torch_name: str | None  # null where it is not torch's
    frontend: str  # the path: torch-mlir, onnx, direct
    backend: str  # from what the operations are taken: torch, onnx, stablehlo
    model_name: str
    model_group: str
    global_op_idx: int  # of its first use
    input_shapes: tuple[tuple[int, ...] | None, ...] | None  # null: no result tells them
    output_shapes: tuple[tuple[int, ...], ...] | None
    num_ops: int  # uses
    compilation_status: OpStatus
    graphs: dict[str, str]  # by IR
    runtime_stack_dump: str  # the lines that matter of what the failing step said
    pcc: float | None  # the lowest over the outputs
    atol: float | None  # the largest absolute error over the outputs
    case: str
    target: str
    digest: str
    indices: tuple[int, ...]  # of all uses
    nodes: tuple[str, ...]  # their names in the model, likewise
    input_types: tuple[str | None, ...] = ()
    output_types: tuple[str, ...] = ()
    attributes: dict[str, str] = {}
    constants: tuple[str, ...] = ()
    compiler: str = ""
    outcome: StageStatus | None = None  # null: no journal holds a result
    stopped: str = ""
    verified: bool | None = None
    signature: str = ""
    why: str = ""
    dispatches: int | None = None
    seconds: float | None = None
    seconds_a_call: float | None = None
    reused: bool = False
    bundle: str = ""
    reproduce: str = ""


class SkippedOp(msgspec.Struct, frozen=True, kw_only=True):
    """One place of a model without an operation of its own."""

    index: int
    name: str
    node: str
    skip: OpSkip
    why: str


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One case of the model."""

    case: str
    target: str
    backend: str
    outcome: Outcome | None  # null: there is no record
    standing: str  # how far all its operations came
    ops: tuple[OpEntry, ...]
    skipped: tuple[SkippedOp, ...]


class ModelOps(msgspec.Struct, frozen=True, kw_only=True):
    """``ops/<model>.json``."""

    schema: str = OPS_SCHEMA
    model: str
    planned: bool  # false: a local run that no matrix asked for
    cases: tuple[CaseEntry, ...]
