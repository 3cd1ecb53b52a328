"""What one run of the compiler left behind becomes the rung that an operation was observed on."""

from __future__ import annotations

import pathlib
import re

from schemas.opwords import OpStatus

#: ``model.6.flow.mlir``: the compiler writes one when a phase has ended.
_PHASE = re.compile(r"\.\d+\.(?P<phase>[a-z-]+)\.mlir$")
#: An operator that was not even turned into one of torch's own, and what the backend contract refuses.
_NOT_TORCH = re.compile(r"'torch\.operator'|'torch\.onnx\.|unsupported by backend (?:contract|lowering)")
#: Legalising torch's own (or StableHLO's) operations is what comes after the contract.
_BACKEND_IR = re.compile(
    r"(?:failed to legalize (?:unresolved )?(?:operation|op) '(?:torch|tm_tensor|stablehlo|chlo)\.)|"
    r"'(?:linalg|tensor|arith|tm_tensor)\.[\w.]+' op "
)


def rung_of(phases: pathlib.Path, said: str) -> OpStatus:
    """The rung of a compilation that did not come to its end, by the phases that ended and by the error output.

    The compiler has no phase before ``input``, which does all from torch to linalg: there the operation that it could
    not legalise tells how far it was.
    """
    ended = phases_in(phases)
    if "flow" in ended:
        return OpStatus.DISPATCHES
    if "input" in ended:
        return OpStatus.LINALG_OR_STABLEHLO
    if _BACKEND_IR.search(said) and not _NOT_TORCH.search(said):
        return OpStatus.TORCH_BACKEND_IR
    return OpStatus.TORCH_IR


def phases_in(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of a folder of phases by the phase's name; empty where there is no such folder."""
    if not folder.is_dir():
        return {}
    found = ((_PHASE.search(each.name), each) for each in sorted(folder.iterdir()))
    return {match["phase"]: each for match, each in found if match}
