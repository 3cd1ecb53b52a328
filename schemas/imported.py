"""A definition of somebody else's suite, read: what is compiled with which flags, run on what, and held against what.

A *place* is an http(s), s3 or hf address, or the path of a file or folder: from the folder of the manifests, with
slashes, unless the manifest itself names an absolute one. Everything here is the same on every machine.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


class Format(StrEnum):
    """Whose definitions a folder holds; the key of the registry of formats."""

    TORCH_MODELS = "torch-models"
    SHARKTANK = "sharktank"
    ONNX_OPS = "onnx-ops"
    TORCH_OPS = "torch-ops"
    ONNX_MODELS = "onnx-models"


class TestType(StrEnum):
    """What a definition asks: right values, time, or what the compiler made. Also a tag of its model."""

    QUALITY = "quality"
    BENCHMARK = "benchmark"
    COMPSTAT = "compstat"


class ModuleDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A module to compile: ``flags`` are the definition's own, in their order, with nothing added or left out.

    ``library`` is the tuner file for the target's SKU.
    """

    name: str  # in logs and metrics
    source: str  # place of the MLIR
    flags: tuple[str, ...] = ()
    library: str = ""


class FileWeights(msgspec.Struct, frozen=True, tag="file", omit_defaults=True):
    """An archive; several may have one scope, and one file may serve several scopes."""

    place: str
    scope: str = ""


class RandomWeights(msgspec.Struct, frozen=True, tag="random", omit_defaults=True):
    """An archive made of all parameters of a module (``source``: its MLIR): seeded, the same on every machine."""

    source: str
    seed: int
    scope: str = ""


class SplatWeights(msgspec.Struct, frozen=True, tag="splat", omit_defaults=True):
    """Likewise, every parameter filled with one value."""

    source: str
    scope: str = ""


Weights = FileWeights | RandomWeights | SplatWeights


class ArgumentFile(msgspec.Struct, frozen=True, tag="argument", omit_defaults=True):
    """An argument of the tools, ``value=@file``: a literal value, a file's place, or both."""

    value: str = ""
    place: str = ""


class Formula(msgspec.Struct, frozen=True, tag="formula", omit_defaults=True):
    """``(coeff * rand(shape) + offset)`` cast to ``dtype``, from NumPy's generator of the definition's seed."""

    shape: tuple[int, ...]
    dtype: str
    coeff: float = 1.0
    offset: float = 0.0


Argument = ArgumentFile | Formula


class GoldenKind(StrEnum):
    """What a golden bounds from above."""

    TIME = "time"  # milliseconds, the least of all samples
    DISPATCHES = "dispatches"
    SIZE = "size"  # bytes of the compiled module


class GoldenFigure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``measured <= value * factor`` is meant. ``name`` is the definition's own field."""

    name: str
    kind: GoldenKind
    value: float
    factor: float = 1.0
    where: str = ""  # place#name/name of the field that holds it


class AllClose(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``|a - e| <= atol + rtol * |e|`` for every element decides, where the definition's own tool compares by NumPy."""

    rtol: float
    atol: float
    equal_nan: bool = False


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One test of a suite as it is run on one target; docs/imported-suites.md says which field comes from where."""

    format: Format
    type: TestType
    cwd: str  # place of the folder that every tool is started in
    modules: tuple[ModuleDefinition, ...]
    loaded: int = 0  # so many of them are run with; 0: all
    weights: tuple[Weights, ...] = ()
    inputs: tuple[Argument, ...] = ()
    outputs: tuple[ArgumentFile, ...] = ()  # what `--output=` is told
    expected: tuple[ArgumentFile, ...] = ()
    device: str = ""
    function: str = ""
    run_flags: tuple[str, ...] = ()
    flagfile: str = ""  # in `cwd`, read by the runtime
    seed: int = 0
    allclose: AllClose | None = None
    goldens: tuple[GoldenFigure, ...] = ()
    judged: str = ""  # the module whose dispatches and size the goldens bound; the first where empty
    strict: bool = False  # our own comparison decides as well

    @property
    def places(self) -> tuple[str, ...]:
        """Every address, file and folder that a run needs, each once."""
        named = [self.cwd]
        for module in self.modules:
            named += [module.source, module.library]
        named += [each.place if isinstance(each, FileWeights) else each.source for each in self.weights]
        named += [each.place for each in (*self.inputs, *self.expected) if isinstance(each, ArgumentFile)]
        return tuple(dict.fromkeys(filter(None, named)))


def is_address(place: str) -> bool:
    """Whether a place is fetched; else it is a file or folder."""
    return _ADDRESS.match(place) is not None
