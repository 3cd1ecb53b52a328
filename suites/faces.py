"""The classes that model files derive from, one row each: framework, paths, modes and literals."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from schemas.words import Mode, Path

ONNX_PATHS: tuple[Path, ...] = (Path.ONNX, Path.ORT_EP)

#: Literals that every face has.
_COMMON = frozenset(
    {
        "variants",
        "tags",
        "group",
        "owner",
        "modes",
        "files",
        "required_pcc",
        "required_atol",
        "required_rtol",
        "relative_atol",
        "assert_pcc",
        "assert_atol",
        "issue",
        "tuning",
        "importer_flags",
        "compiler_flags",
        "runtime_flags",
    }
)


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One class of the authoring face. The first of `paths` is the default; `modes` are those a class may declare."""

    name: str
    framework: str  # its models are called <framework>/…, their files lie in models/<framework>/
    paths: tuple[Path, ...]
    modes: tuple[Mode, ...]
    train_paths: tuple[Path, ...] = ()  # those that have a training step
    literals: frozenset[str]
    tolerance: Mapping[str, float]  # what `required_…` are where a class says nothing; the rest: the element type's
    only_eval: str = ""  # why there is no other mode


#: From the name that a class derives from to what that means.
FACES: Mapping[str, Face] = MappingProxyType(
    {
        face.name: face
        for face in (
            Face(
                name="OnnxModelTester",
                framework="onnx",
                paths=ONNX_PATHS,
                modes=(Mode.EVAL,),
                literals=_COMMON,
                tolerance={},
                only_eval="an ONNX model has only 'eval'",
            ),
            Face(
                name="ModelTester",
                framework="torch",
                paths=(Path.TORCH_MLIR, Path.ONNX, Path.ORT_EP),
                modes=(Mode.EVAL, Mode.TRAIN),
                train_paths=(Path.TORCH_MLIR,),  # PyTorch's ONNX exporter takes the forward pass only
                literals=_COMMON | {"assert_tokens"},
                tolerance={"required_pcc": 0.99, "required_atol": 0.01, "required_rtol": 0.0},
            ),
        )
    }
)

FRAMEWORKS: tuple[str, ...] = tuple(sorted({face.framework for face in FACES.values()}))


def faces_of(framework: str) -> tuple[str, ...]:
    """The names of the classes whose models belong to a framework."""
    return tuple(face.name for face in FACES.values() if face.framework == framework)


def said() -> str:
    """All faces, as a sentence names them."""
    return " or ".join(sorted(FACES))
