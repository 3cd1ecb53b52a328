"""A PyTorch model becomes the places of its programs after decompositions, with the values that PyTorch computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch
from iree.compiler.extras.fx_as_strided import rewrite_as_strided
from torch._ops import OpOverload

from runner import signature
from runner.frontends.torch_walkable import Walkable, Walked
from runner.ops.program import Place
from runner.ops.torch_interpret import Computed, interpret
from runner.ops.torch_op import TorchOp
from runner.ops.torch_skip import skip_of
from runner.work import Work, present
from schemas.errors import UsageError
from schemas.opwords import OpBackend, OpSkip


class TorchWalker:
    """Walks what the path `torch-mlir` imports: the whole model, or the graphs of a broken one, one after the other."""

    def __init__(self, work: Work) -> None:
        if not isinstance(work.frontend, Walkable):
            raise UsageError(
                f"{work.job.case.key}: {type(work.frontend).__name__} has no PyTorch programs to walk",
                "use the path torch-mlir with the lowering torch",
            )
        self._programs = work.frontend.programs(present(work.inputs, "inputs"))
        self._seed = work.job.case.seed
        self._graphs = 0
        self._failed: Counter[str] = Counter()

    @property
    def backend(self) -> OpBackend:
        """PyTorch's own operators."""
        return OpBackend.TORCH

    def places(self) -> Iterator[Place]:
        """Every node that calls something."""
        torch.manual_seed(self._seed)  # what is random has no golden, but what reads it has
        for graph, walked in enumerate(self._programs):
            self._graphs += 1
            yield from self._of(walked, graph)

    def _of(self, walked: Walked, graph: int) -> Iterator[Place]:
        rewrite_as_strided(walked.program.graph)  # the importer's own first step
        for computed in interpret(walked.program, walked.inputs):
            yield self._place(computed, graph)

    def _place(self, computed: Computed, graph: int) -> Place:
        node = computed.node
        name = name_of(node.target)
        if computed.error is not None:
            self._failed[f"{name}: {signature.of_exception(computed.error)}"] += 1
        found = skip_of(computed)
        if found is None and isinstance(node.target, OpOverload):
            return Place(name, node.name, graph, program=TorchOp(node.target, computed))
        skip, why = found or (OpSkip.STRUCTURE, "")
        return Place(name, node.name, graph, skip, why)

    def notes(self) -> tuple[str, ...]:
        """How many graphs there were, and what PyTorch itself could not run."""
        notes = [f"walked {self._graphs} graphs, each on what PyTorch gives it"] if self._graphs > 1 else []
        notes += [f"PyTorch could not run {what} ({times})" for what, times in sorted(self._failed.items())]
        return tuple(notes)


def name_of(target: object) -> str:
    """``aten.addmm.default``; ``getitem``, ``sym_max``, ``cond`` of what has no schema."""
    return str(target) if isinstance(target, OpOverload) else str(getattr(target, "__name__", target))
