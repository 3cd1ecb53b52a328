"""Results of operations become the short texts and figures that tables show. Pure."""

from __future__ import annotations

import msgspec

from results.ops.rows import Standing
from schemas.ops import OpKey, OpResult, TensorType
from schemas.opwords import OpStatus

#: How far all of a model's operations came, in the order of a page.
HEADINGS: dict[Standing, str] = {
    Standing.NOT_COMPILED: "Doesn't compile",
    Standing.COMPILED: "Compiles, doesn't execute",
    Standing.EXECUTED: "Runs on device",
    Standing.VERIFIED: "Verified",
}


class Figures(msgspec.Struct, frozen=True):
    """The worst over an operation's outputs: the lowest correlation, the largest errors; None where none has one."""

    pcc: float | None
    max_abs: float | None
    relative_atol: float | None


def types_text(types: tuple[TensorType | None, ...]) -> str:
    """``2x3xfloat32, -, 3xint64``."""
    return ", ".join("-" if each is None else str(each) for each in types)


def attributes_text(key: OpKey) -> str:
    """``dim=1, keepdim=True; opset 17``, and which operands are constants that matter."""
    parts = [f"{name}={value}" for name, value in key.attributes]
    parts += [f"constant {each[:20]}" for each in key.constants]
    parts += [f"version {key.version}"] if key.version else []
    return ", ".join(parts)


def figures(result: OpResult) -> Figures:
    """In full precision."""
    pcc = [each.pcc for each in result.comparisons if each.pcc is not None]
    errors = [each.max_abs for each in result.comparisons if each.max_abs is not None]
    relative = [each.relative_atol for each in result.comparisons if each.relative_atol is not None]
    return Figures(min(pcc, default=None), max(errors, default=None), max(relative, default=None))


def step_seconds(result: OpResult, name: str) -> float | None:
    """None where the step did not run."""
    return next((each.seconds for each in result.steps if each.name == name), None)


def status_text(status: int) -> str:
    """``6 COMPILED``."""
    return f"{status} {OpStatus(status).name}"


def why_text(result: OpResult) -> str:
    """What is wrong with the outputs, or the signature; empty where nothing is."""
    if result.error is not None and result.error.signature:
        return result.error.signature
    return "; ".join(each.reason for each in result.comparisons if each.reason)
