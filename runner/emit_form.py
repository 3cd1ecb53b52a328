"""One model becomes one of its forms as a file for people and other tools; a process of its own, started by `emit`."""

from __future__ import annotations

import faulthandler
import pathlib
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from runner.bundle import arrays
from runner.emit_forms import FILES, Answer, Form, Request
from runner.failures import classify
from runner.frontends import frontend_for, is_torch
from runner.memory import limit_this_process
from runner.protocol import Job
from runner.stages.steps import STEPS
from runner.tools import invoke
from runner.work import Work, present
from schemas.errors import UsageError
from schemas.words import Lowering, Path, Stage

_LOWERINGS = {Form.TORCH_MLIR: Lowering.TORCH, Form.LINALG: Lowering.LINALG, Form.STABLEHLO: Lowering.STABLEHLO}


def write(request: Request) -> None:
    """Write the form and the inputs; raises what the stages raise."""
    if request.job.case.definition is not None:
        said = "a definition of an imported suite is compiled as it is: no other form is made of it"
        raise UsageError(said, "its modules name the MLIR")
    job = _on_its_path(request)
    out = pathlib.Path(request.out)
    work = Work(job=job, frontend=frontend_for(job), folder=pathlib.Path(job.folder), log=pathlib.Path(request.log))
    STEPS[Stage.SETUP](work)
    _WRITERS[request.form](work, request.form, out)
    STEPS[Stage.CONSTRUCT_INPUTS](work)
    for number, value in enumerate(present(work.inputs, "inputs")):
        arrays.store(value, out / f"input_{number}", "")


def _on_its_path(request: Request) -> Job:
    """The job on the path that leads to the form, whatever the case's own is."""
    torch_model = is_torch(request.job)
    path = Path.TORCH_MLIR if torch_model and request.form is not Form.ONNX else Path.ONNX
    lowering = _LOWERINGS.get(request.form, Lowering.TORCH)
    case = msgspec.structs.replace(request.job.case, path=path, lowering=lowering)
    return msgspec.structs.replace(request.job, case=case)


def _onnx(work: Work, form: Form, out: pathlib.Path) -> None:
    """The ONNX model; its weights beside it where it has them so."""
    from runner.frontends import ort_ep  # noqa: PLC0415 - loads onnx

    frontend: Any = work.frontend  # of the path onnx, by `_on_its_path`
    ort_ep.place(frontend.onnx_file(out), out).module.replace(out / FILES[form])


def _mlir(work: Work, form: Form, out: pathlib.Path) -> None:
    """The module, or the modules of a model that is imported in pieces, as text; archives of weights beside them."""
    STEPS[Stage.IMPORT_MODEL](work)
    STEPS[Stage.PREPROCESS_MODEL](work)
    pieces = present(work.imported, "imported module").all
    modules = (present(work.lowered, "lowered module"), *work.further_lowered)
    for piece, module in zip(pieces, modules, strict=True):
        name = FILES[form] if len(pieces) == 1 else f"{piece.entry.name}.{FILES[form]}"
        if module.suffix == ".mlir":
            shutil.copyfile(module, out / name)
        else:
            invoke(work, [work.job.toolchain.iree_opt, str(module), "-o", str(out / name)])
        if piece.parameters is not None:
            prefix = "" if len(pieces) == 1 else f"{piece.entry.name}."
            shutil.copyfile(piece.parameters[1], out / f"{prefix}{piece.parameters[1].name}")


_WRITERS: dict[Form, Callable[[Work, Form, pathlib.Path], None]] = {
    Form.ONNX: _onnx,
    Form.TORCH_MLIR: _mlir,
    Form.LINALG: _mlir,
    Form.STABLEHLO: _mlir,
}


def main(argv: Sequence[str] | None = None) -> int:
    """``REQUEST ANSWER``: two files of JSON; started by the runner only."""
    question, reply = sys.argv[1:] if argv is None else argv
    request = msgspec.json.decode(pathlib.Path(question).read_bytes(), type=Request)
    faulthandler.enable()
    limit_this_process(request.job.case.memory_limit)
    answer = Answer()
    try:
        write(request)
    except Exception as failure:  # noqa: BLE001 - whatever a model makes our tools raise is the answer
        traceback.print_exc()
        answer = Answer(error=classify(failure)[1])
    pathlib.Path(reply).write_bytes(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
