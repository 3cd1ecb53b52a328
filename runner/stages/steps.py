"""What each stage does to a case's work: one short step a stage, reading what earlier ones left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from runner.backends import iree
from runner.compare import compare, reasons_of
from runner.failures import StageFailure, in_piece
from runner.intermediates.verify import verify as verify_intermediates
from runner.lowerings import LOWERINGS
from runner.ortep import engine
from runner.tensors import Array
from runner.tokens import Tokenizing, compare_tokens, positions, token_reasons
from runner.work import SECONDS, Casting, Glue, Imported, Work, present
from schemas.record import CastInput
from schemas.words import Path, Stage

T = TypeVar("T")


def setup(work: Work) -> None:
    """Load and check the model."""
    work.frontend.setup()


def import_model(work: Work) -> None:
    """Model to module."""
    if work.job.case.path is not Path.ORT_EP:  # the execution provider has an importer of its own
        work.importer_flags = work.job.case.import_flags
    work.imported = work.frontend.import_model(work.folder)


def preprocess_model(work: Work) -> None:
    """Module to the dialect that the case hands to the compiler."""
    imported, lower = present(work.imported, "imported module"), LOWERINGS[work.job.case.lowering]
    work.lowered, *further = _each(imported, lambda _, module: lower(work, module))
    work.further_lowered = tuple(further)


def compilation(work: Work) -> None:
    """Module to compiled module."""
    imported = present(work.imported, "imported module")
    if work.job.case.path is Path.ORT_EP:
        engine.compile_model(work, imported.module)
        return
    work.compiler_flags = ()
    if imported.piece is not None:
        work.metrics["graphs"] = float(len(imported.all))
    lowered = (work.lowered, *work.further_lowered) if work.lowered else tuple(each.module for each in imported.all)
    work.compiled, *further = _each(
        imported, lambda number, module: iree.compile_module(work, module, lowered[number], _prefix(module))
    )
    work.further_compiled = tuple(further)


def construct_inputs(work: Work) -> None:
    """Stored or seeded inputs."""
    work.inputs = work.frontend.construct_inputs()
    work.casts = _casts(work)


def native_inference(work: Work) -> None:
    """Golden outputs."""
    inputs = present(work.inputs, "inputs")
    work.metrics.pop(SECONDS, None)  # of the run that a bundle is from
    made = work.aside.golden(work, inputs) if work.aside is not None else None
    work.golden = made if made is not None else work.frontend.native_inference(inputs)
    work.casts = _casts(work)


def compiled_inference(work: Work) -> None:
    """Outputs of the compiled module on the target's device."""
    if work.job.case.path is Path.ORT_EP:
        work.outputs = engine.run_model(work, present(work.inputs, "inputs"))
        return
    imported, compiled = present(work.imported, "imported module"), present(work.compiled, "compiled module")
    inputs = present(work.inputs, "inputs")
    if imported.piece is None:
        work.outputs = iree.run_module(work, imported, compiled, inputs)
        return
    frontend = present(work.frontend if isinstance(work.frontend, Glue) else None, "code that joins the graphs")
    modules = tuple(zip(imported.all, (compiled, *work.further_compiled), strict=True))
    work.runtime_flags = ()

    def call(number: int, given: tuple[Array, ...]) -> tuple[Array, ...]:
        module, code = modules[number]
        return iree.run_module(work, module, code, given, _prefix(module))

    pieces = tuple(each.piece for each in imported.all if each.piece is not None)
    work.outputs = frontend.run_pieces(pieces, inputs, call)


def postprocessing(work: Work) -> None:
    """The frontend's own view of golden and actual outputs alike."""
    if work.outputs is not None:
        work.outputs = work.frontend.postprocess(work.outputs)
    if work.golden is not None:
        work.golden = work.frontend.postprocess_golden(work.golden)


def comparison(work: Work) -> None:
    """Outputs against golden; the figures stay with the work whatever the verdict."""
    golden, outputs = present(work.golden, "golden"), present(work.outputs, "outputs")
    case = work.job.case
    tokenizer = work.frontend.tokenizer() if isinstance(work.frontend, Tokenizing) else None
    texts = positions(golden, outputs) if tokenizer is not None else ()
    verdict = compare(golden, outputs, case.accepted, case.checks, texts)
    work.comparisons = verdict.comparisons
    signature, reasons = verdict.signature, reasons_of(verdict.comparisons)
    if tokenizer is not None:
        told = compare_tokens(golden, outputs, texts, tokenizer, asserted=case.checks.tokens)
        work.tokens = told.comparisons
        signature = signature or told.signature
        reasons += token_reasons(told.comparisons)
    if case.tuning.verify_intermediates:
        verify_intermediates(work)
    if signature is not None:
        raise StageFailure(signature, "\n".join(reasons) or "the model has no outputs")


def op_by_op(work: Work) -> None:
    """Every operation of the model, compiled and run alone."""
    from runner.ops.stage import op_by_op as walk  # noqa: PLC0415 - few cases go op by op

    walk(work)


def _each(imported: Imported, step: Callable[[int, Imported], T]) -> list[T]:
    """What a step makes of each module, with the graph named in its error where there are several."""
    if imported.piece is None:
        return [step(0, imported)]
    made = []
    for number, module in enumerate(imported.all):
        with in_piece(number, len(imported.all)):
            made.append(step(number, module))
    return made


def _prefix(module: Imported) -> str:
    """What the files of a module that is one of several begin with."""
    return f"{module.entry.name}_" if module.piece is not None else ""


def _casts(work: Work) -> tuple[CastInput, ...]:
    return work.frontend.casts if isinstance(work.frontend, Casting) else ()


STEPS: dict[Stage, Callable[[Work], None]] = {
    Stage.SETUP: setup,
    Stage.IMPORT_MODEL: import_model,
    Stage.PREPROCESS_MODEL: preprocess_model,
    Stage.COMPILATION: compilation,
    Stage.CONSTRUCT_INPUTS: construct_inputs,
    Stage.NATIVE_INFERENCE: native_inference,
    Stage.COMPILED_INFERENCE: compiled_inference,
    Stage.POSTPROCESSING: postprocessing,
    Stage.COMPARISON: comparison,
    Stage.OP_BY_OP: op_by_op,
}
