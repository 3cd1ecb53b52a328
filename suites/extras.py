"""A planned case turned into the extras that the machine must have which runs it."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.case import Case
from schemas.words import Depth, Extra, Lowering, Path
from suites.known import Model

_HUB = "hf://"
_S3 = "s3://"
_WITHOUT_VALUES = (Depth.IMPORT, Depth.LOWER, Depth.COMPILE)
_BY_OPERATION = (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP)


def extras_of(case: Case, model: Model) -> tuple[Extra, ...]:
    """Sorted; none for a case that is skipped, since nothing of it is loaded."""
    if case.skip is not None:
        return ()
    needed = set()
    # A PyTorch model, whichever path this case takes; or huggingface_hub, which torch brings.
    if Path.TORCH_MLIR in model.paths or _any((*case.files, case.source.locator), _HUB):
        needed.add(Extra.TORCH)
    elif case.lowering is Lowering.STABLEHLO:
        needed.add(Extra.TORCH_MLIR)
    if _is_interpreted(case):
        needed.add(Extra.STABLEHLO)
    # The store that paths are fetched from may be behind s3:// too, which a variable of the target's says.
    if _any(case.files, _S3) or (case.files and _any((each.value for each in case.environment), _S3)):
        needed.add(Extra.S3)
    return tuple(sorted(needed))


def _is_interpreted(case: Case) -> bool:
    """Whether its expected outputs, or those of its operations, are the StableHLO interpreter's."""
    if case.definition is not None:
        return False
    if case.path is Path.DIRECT:
        return case.depth not in _WITHOUT_VALUES
    return case.lowering is Lowering.STABLEHLO and case.depth in _BY_OPERATION


def _any(addresses: Iterable[str], scheme: str) -> bool:
    return any(address.startswith(scheme) for address in addresses)
