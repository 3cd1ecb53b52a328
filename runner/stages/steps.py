"""What each stage does to a case's work: one short step a stage, reading what earlier ones left."""

from __future__ import annotations

from collections.abc import Callable

from runner.backends import iree
from runner.compare import compare
from runner.failures import StageFailure
from runner.lowerings import LOWERINGS
from runner.work import Work, present
from schemas.words import Stage


def setup(work: Work) -> None:
    """Load and check the model."""
    work.frontend.setup()


def import_model(work: Work) -> None:
    """Model to module."""
    work.importer_flags = work.job.case.import_flags
    work.imported = work.frontend.import_model(work.folder)


def preprocess_model(work: Work) -> None:
    """Module to the dialect that the case hands to the compiler."""
    work.lowered = LOWERINGS[work.job.case.lowering](work, present(work.imported, "imported module"))


def compilation(work: Work) -> None:
    """Module to compiled module."""
    imported = present(work.imported, "imported module")
    work.compiled = iree.compile_module(work, work.lowered or imported.module)


def construct_inputs(work: Work) -> None:
    """Stored or seeded inputs."""
    work.inputs = work.frontend.construct_inputs()


def native_inference(work: Work) -> None:
    """Golden outputs."""
    work.golden = work.frontend.native_inference(present(work.inputs, "inputs"))


def compiled_inference(work: Work) -> None:
    """Outputs of the compiled module on the target's device."""
    imported, compiled = present(work.imported, "imported module"), present(work.compiled, "compiled module")
    work.outputs = iree.run_module(work, imported, compiled, present(work.inputs, "inputs"))


def postprocessing(work: Work) -> None:
    """The frontend's own view of golden and actual outputs alike."""
    if work.outputs is not None:
        work.outputs = work.frontend.postprocess(work.outputs)
    if work.golden is not None:
        work.golden = work.frontend.postprocess_golden(work.golden)


def comparison(work: Work) -> None:
    """Outputs against golden; the figures stay with the work whatever the verdict."""
    verdict = compare(present(work.golden, "golden"), present(work.outputs, "outputs"), work.job.case.tolerance)
    work.comparisons = verdict.comparisons
    if verdict.signature is not None:
        reasons = [
            f"{each.output}: {each.reason or 'no elements'}"
            for each in verdict.comparisons
            if not each.passed or not each.total
        ]
        raise StageFailure(verdict.signature, "\n".join(reasons) or "the model has no outputs")


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
}
