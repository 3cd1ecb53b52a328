"""What each stage reads and what it leaves: the one table behind ``--stages``, ``--from`` and bundles."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from schemas.bundle import Artefact
from schemas.case import Case
from schemas.imported import TestType
from schemas.words import Lowering, Path, SourceKind, Stage


class Flow(msgspec.Struct, frozen=True):
    """A stage's artefacts. What it reads ``if_there`` it takes when there is some, and can do without."""

    reads: tuple[Artefact, ...]
    writes: tuple[Artefact, ...]
    if_there: tuple[Artefact, ...] = ()


#: In the order of running. ``flow_of`` says what one case's lowering and kind of source add.
FLOWS: dict[Stage, Flow] = {
    Stage.SETUP: Flow((Artefact.SOURCE,), (Artefact.MODEL,)),
    Stage.IMPORT_MODEL: Flow((Artefact.MODEL,), (Artefact.MODULE, Artefact.ENTRY)),
    Stage.PREPROCESS_MODEL: Flow((Artefact.MODULE,), (Artefact.LOWERED,)),
    Stage.COMPILATION: Flow((Artefact.MODULE,), (Artefact.COMPILED,)),
    Stage.CONSTRUCT_INPUTS: Flow((Artefact.MODEL,), (Artefact.INPUTS,)),
    Stage.NATIVE_INFERENCE: Flow((Artefact.MODEL, Artefact.INPUTS), (Artefact.GOLDEN,)),
    Stage.COMPILED_INFERENCE: Flow((Artefact.ENTRY, Artefact.COMPILED, Artefact.INPUTS), (Artefact.OUTPUTS,)),
    Stage.POSTPROCESSING: Flow((), (Artefact.PROCESSED,), if_there=(Artefact.GOLDEN, Artefact.OUTPUTS)),
    Stage.COMPARISON: Flow((Artefact.GOLDEN, Artefact.OUTPUTS), (), if_there=(Artefact.PROCESSED,)),
    Stage.BENCHMARK: Flow((Artefact.MODEL, Artefact.COMPILED), (), if_there=(Artefact.INPUTS,)),
    Stage.OP_BY_OP: Flow((Artefact.MODEL, Artefact.INPUTS), ()),
}

#: Which stage leaves an artefact; the source is there before any stage.
WRITER: dict[Artefact, Stage] = {artefact: stage for stage, flow in FLOWS.items() for artefact in flow.writes}


#: ONNX Runtime reads the model with its weights when it makes the session, and needs neither to run it.
_OF_ORT_EP: dict[Stage, tuple[Artefact, ...]] = {
    Stage.COMPILATION: (Artefact.MODULE, Artefact.ENTRY),
    Stage.COMPILED_INFERENCE: (Artefact.COMPILED, Artefact.INPUTS),
}


#: A definition names files and flags instead of tensors: all but the compiled modules is made anew in each process.
_OF_DEFINITIONS: dict[Stage, tuple[Artefact, ...]] = {
    Stage.COMPILATION: (Artefact.MODEL,),
    Stage.COMPILED_INFERENCE: (Artefact.MODEL, Artefact.COMPILED, Artefact.INPUTS),
    Stage.COMPARISON: (Artefact.MODEL, Artefact.COMPILED, Artefact.INPUTS, Artefact.OUTPUTS),
}
_NEVER_STORED = frozenset({Artefact.MODEL, Artefact.INPUTS, Artefact.OUTPUTS})


def in_process(case: Case, artefact: Artefact) -> bool:
    """Whether it lives in the case's process only, so that whoever reads it has to make it: it cannot be stored."""
    if case.definition is not None:
        return artefact in _NEVER_STORED
    return artefact is Artefact.MODEL or (artefact is Artefact.COMPILED and case.path is Path.ORT_EP)


def flow_of(case: Case, stage: Stage) -> Flow:
    """The stage's row for this case: a lowered module is compiled instead, and a class's own code postprocesses."""
    row = FLOWS[stage]
    if case.definition is not None:
        return _of_definition(case, stage, row)
    if case.path is Path.ORT_EP and stage in _OF_ORT_EP:
        return msgspec.structs.replace(row, reads=_OF_ORT_EP[stage])
    if stage is Stage.COMPARISON and case.tuning.verify_intermediates:
        return msgspec.structs.replace(row, reads=(Artefact.MODEL, Artefact.INPUTS, *row.reads))
    if stage in (Stage.POSTPROCESSING, Stage.COMPARISON) and case.source.kind is SourceKind.PYTHON:
        return msgspec.structs.replace(row, reads=(Artefact.MODEL, *row.reads))  # its hooks, and maybe a tokenizer
    return msgspec.structs.replace(row, reads=(*row.reads, *_further(case, stage)))


def _of_definition(case: Case, stage: Stage, row: Flow) -> Flow:
    reads = _OF_DEFINITIONS.get(stage, row.reads)
    if stage is Stage.BENCHMARK and case.definition is not None and case.definition.type is TestType.BENCHMARK:
        reads = (*row.reads, Artefact.INPUTS)
    return Flow(reads, row.writes)


def _further(case: Case, stage: Stage) -> tuple[Artefact, ...]:
    if stage is Stage.COMPILATION and case.lowering is not Lowering.TORCH:
        return (Artefact.LOWERED,)
    if stage is Stage.COMPILED_INFERENCE and case.path is Path.TORCH_MLIR:
        # Its Python code joins the modules of a model that was imported in pieces. Postprocessing needs it anyhow.
        return (Artefact.MODEL,)
    if stage is Stage.OP_BY_OP and (case.lowering is Lowering.STABLEHLO or case.path is Path.DIRECT):
        return (Artefact.MODULE, Artefact.LOWERED)  # the walk reads it, and not what it was imported from
    return ()


def stale(case: Case, running: Collection[Stage], stages: Collection[Stage]) -> frozenset[Stage]:
    """Those of ``stages`` whose results no longer fit when ``running`` runs again, as something they read is remade.

    The model that ``setup`` loads is the same each time, since its source is.
    """
    remade: set[Artefact] = set()
    found: set[Stage] = set()
    for stage in FLOWS:
        flow = flow_of(case, stage)
        if stage in running:
            remade.update(flow.writes if stage is not Stage.SETUP else ())
        elif stage in stages and remade & {*flow.reads, *flow.if_there}:
            found.add(stage)
            remade.update(flow.writes)
    return frozenset(found)
