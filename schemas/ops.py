"""Op by op: one operation of a model as a program of its own, how far it came, and which models use it.

A unique operation is run once per compiler and target; every place in a model where it stands is a use of it.
"""

from __future__ import annotations

import msgspec

from schemas.opwords import OpBackend, OpSkip, OpStatus
from schemas.record import ErrorInfo, OutputComparison
from schemas.words import StageStatus

#: Below a shard's folder: ``ops/<case key>.jsonl``, the journal of one case's operations (lines: ``OpLine``), and
#: ``ops/<case key>/``, a folder for each failing one.
OP_FOLDER = "ops"
#: In it: results that the cases of one run share. Hidden from artifacts, since every one of them is in a journal too.
OP_RUN_FOLDER = ".shared"


class TensorType(msgspec.Struct, frozen=True):
    """One operand or result: numpy's (or ml_dtypes') name of the element type, and the sizes."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return "x".join([*map(str, self.shape), self.dtype])


class OpKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What makes two places in models the same operation."""

    backend: OpBackend
    name: str  # aten.addmm.default, onnx.Gemm, stablehlo.dot_general
    operands: tuple[TensorType | None, ...]  # None: an operand that is not given
    attributes: tuple[tuple[str, str], ...] = ()  # by name; texts as the framework prints them
    constants: tuple[str, ...] = ()  # digests of constant operands whose value matters, by position: "1:sha256…"
    version: str = ""  # opset of the operator's domain, where there is one


class OpStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of an operation's program: ``import``, ``compile``, ``run``, ``verify`` or ``profile``."""

    name: str
    status: StageStatus
    seconds: float = 0.0
    peak_rss_bytes: int | None = None


class OpProfile(msgspec.Struct, frozen=True):
    """How long one call of an operation takes: the median of several measurements, each of many calls."""

    seconds: float
    runs: int


class OpResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="op"):
    """One unique operation on one target with one compiler. ``digest`` is of the key; times in seconds."""

    digest: str
    key: OpKey
    target: str
    compiler: str  # id of the compiler build, as in the op store's key
    status: OpStatus
    results: tuple[TensorType, ...] = ()
    outcome: StageStatus = StageStatus.PASS  # how it ended: FAIL, TIMEOUT, CRASH, OOM, INFRA
    stopped: str = ""  # the step that did not pass, empty where all did
    verified: bool | None = None  # outputs within tolerance; None: not executed, or verification is off
    comparisons: tuple[OutputComparison, ...] = ()
    error: ErrorInfo | None = None
    steps: tuple[OpStep, ...] = ()
    dispatches: int | None = None
    profile: OpProfile | None = None
    ir: tuple[tuple[str, str], ...] = ()  # IR by rung (torch, linalg, flow), bounded in length
    seconds: float = 0.0
    reused: bool = False  # taken from the op store, or from another case of the run
    bundle: str = ""  # kept program, relative to the shard's folder
    reproduce: str = ""


class OpUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="use"):
    """One place of one model: its index over all graphs of the model, and the operation that stands there."""

    case: str
    model: str
    group: str
    backend: OpBackend
    index: int
    name: str  # the operation's name
    digest: str = ""  # of the unique operation; empty where it is skipped
    node: str = ""  # the node's name in the model
    graph: int = 0
    skip: OpSkip | None = None
    why: str = ""


class OpStarted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="op-started"):
    """An operation was begun in a case. Without a later result it was in flight when its process died."""

    case: str
    digest: str
    joined: bool = False  # together with others: what died then was not necessarily its doing


OpLine = OpResult | OpUse | OpStarted
