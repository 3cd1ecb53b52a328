"""Small StableHLO modules, cases of the path `direct`, and walks over them."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from runner.frontends.stablehlo import MlirFrontend
from runner.frontends.stablehlo_reference import reference
from runner.frontends.stablehlo_wire import Tensor
from runner.ops.program import OpProgram, Place
from runner.ops.stablehlo_walk import StablehloWalker
from runner.protocol import Job
from runner.tensors import ELEMENT_TYPES, Array
from runner.work import Work
from schemas.case import Case, Source
from schemas.words import Depth, Path, SourceKind
from tests.stages_support.cases import a_case, a_job

NEEDS_JAXLIB = pytest.mark.skipif(
    find_spec("jaxlib") is None, reason="jaxlib is not installed: make install EXTRAS=stablehlo"
)
MODELS = pathlib.Path(__file__).parents[2] / "suites" / "models" / "stablehlo"


def function(body: str, inputs: str, results: str, rest: str = "") -> str:
    """A module whose ``@main`` has this body, which ends with its return."""
    return f"module {{\n  func.func @main({inputs}) -> ({results}) {{\n{body}\n  }}\n{rest}\n}}\n"


def write(folder: pathlib.Path, text: str, name: str = "m.mlir") -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def case_of(**settings: Any) -> Case:
    given = {"id": "s/cpu/stablehlo/m@direct", "model": "stablehlo/m", "path": Path.DIRECT, "depth": Depth.EXECUTE}
    return a_case(**(given | {"source": Source(SourceKind.MLIR_FILE, "m.mlir")} | settings))


def job_of(folder: pathlib.Path, file: pathlib.Path, **settings: Any) -> Job:
    return a_job(folder, file, case_of(), **settings)


def evaluate(folder: pathlib.Path, text: str, inputs: Sequence[Array], entry: str = "main") -> tuple[Array, ...]:
    """The interpreter's results; unsigned types do as they are called."""
    names = [each.dtype.name for each in inputs]
    elements = [f"u{ELEMENT_TYPES[n].iree}" if n.startswith("u") else ELEMENT_TYPES[n].iree for n in names]
    with reference(folder / "reference.log") as interpreter:
        operands = [Tensor.of(array, element) for array, element in zip(inputs, elements, strict=True)]
        return interpreter.run(text.encode(), entry, operands)


def walker(folder: pathlib.Path, text: str, inputs: Sequence[Array] | None = None) -> StablehloWalker:
    """Of a module on these inputs, or on made-up ones."""
    job = job_of(folder, write(folder, text))
    frontend = MlirFrontend(job)
    frontend.setup()
    imported = frontend.import_model(pathlib.Path(job.folder))
    given = frontend.construct_inputs() if inputs is None else tuple(inputs)
    work = Work(job=job, frontend=frontend, folder=pathlib.Path(job.folder), imported=imported, inputs=given)
    work.lowered = imported.module
    return StablehloWalker(work)


def walk(folder: pathlib.Path, text: str, inputs: Sequence[Array] | None = None) -> list[Place]:
    return list(walker(folder, text, inputs).places())


def program_of(place: Place) -> OpProgram:
    assert place.program is not None, place
    return place.program


def one(places: Sequence[Place], name: str) -> Place:
    (found,) = [each for each in places if each.name == f"stablehlo.{name}"]
    return found
