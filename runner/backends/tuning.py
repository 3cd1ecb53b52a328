"""A case's tuning becomes the compiler's flags."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from schemas.case import Tuning

OPT_LEVEL = "--iree-opt-level"
CONST_EVAL = "--iree-opt-const-eval"
PARAMETER_IMPORT = "--iree-parameter-import"
PARAMETER_IMPORT_SIZE = "--iree-parameter-import-maximum-size"
SAVE_IR = "--dump-compilation-phases-to"
#: Without them each phase's file would hold all weights again; they change what is printed, not what is compiled.
_ELIDE = ("--mlir-elide-elementsattrs-if-larger", "--mlir-elide-resource-strings-if-larger")
_ELIDE_ABOVE = 1024
_ANY_SIZE = 2**63 - 1


def tuning_flags(tuning: Tuning, parameters: tuple[str, pathlib.Path] | None) -> tuple[str, ...]:
    """The flags that change what is compiled; `parameters` is the archive (scope, file) that the module reads."""
    flags = []
    if tuning.opt_level is not None:
        flags.append(f"{OPT_LEVEL}={tuning.opt_level}")
    if tuning.const_eval is not None:
        flags.append(f"{CONST_EVAL}={str(tuning.const_eval).lower()}")
    if tuning.const_eval_parameters and parameters is not None:
        scope, archive = parameters
        flags += [f"{PARAMETER_IMPORT}={scope}={archive}", f"{PARAMETER_IMPORT_SIZE}={_ANY_SIZE}"]
    return tuple(flags)


def ir_flags(tuning: Tuning, folder: pathlib.Path, given: Sequence[str]) -> tuple[str, ...]:
    """The flags that keep the IR after each phase in a folder; of those in `given` the case has its own."""
    if not tuning.save_ir:
        return ()
    flags = (f"{SAVE_IR}={folder}", *(f"{name}={_ELIDE_ABOVE}" for name in _ELIDE))
    return tuple(flag for flag in flags if not any(each.startswith(flag.partition("=")[0]) for each in given))
