"""A ModelTester in mode train becomes the stages of one training step on the path `torch-mlir`.

Of the hooks only `load_model` and `load_inputs` take part: the others are about what the model returns, and here its
loss and gradients are compared.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

from runner.frontends import torch_parameters
from runner.frontends.torch_program import ENTRY, import_program, outputs_only
from runner.frontends.torch_tester_case import TorchTesterCase
from runner.frontends.torch_train import Training
from runner.frontends.torch_values import to_array
from runner.frontends.torch_walkable import Walked
from runner.protocol import Job
from runner.tensors import Array
from runner.work import Golden, Imported, present


class TorchTrainFrontend(TorchTesterCase):
    """The path `torch-mlir` in mode train. A model that torch.export does not take whole fails at `import_model`."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._step: Training | None = None

    @property
    def _training(self) -> Training:
        return present(self._step, "training step")

    def setup(self) -> None:
        """As in mode eval; dropout is switched off. Raises TypeError where no output can make a loss."""
        super().setup()
        self._step = Training(self.subject(cast_back=not self.runs_on_casts()), self.arguments)
        self._step.take()

    def import_model(self, folder: pathlib.Path) -> Imported:
        """Forward and backward pass as one module."""
        program = self._training.program()
        imported = import_program(program, folder, torch_parameters.weights_of(self.case, program, folder))
        for note in torch_parameters.told(self.case, program, imported):
            self.note(note)
        return imported

    def programs(self, inputs: tuple[Array, ...]) -> Iterator[Walked]:
        """The one program of forward and backward pass."""
        program = self._training.program()
        outputs_only(program)
        yield Walked(program, self.given(inputs).tensors, ENTRY)

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """The loss and its gradients by PyTorch's autograd, for these inputs."""
        self._step = self._training.on(self.given(inputs))
        return tuple(Golden(name, to_array(value)) for name, value in self._step.golden().items())

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """The compiled gradients, rounding noise as the zeros that it stands for."""
        return self._training.settle(outputs)

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """The golden as it is."""
        return golden

    def is_plain(self, golden: tuple[Golden, ...]) -> bool:
        """False: what is noise in a gradient is told by the model."""
        del golden
        return False

    def tokenizer(self) -> Any:
        """None: a loss and its gradients are no tokens."""
        return None

    def notes(self) -> tuple[str, ...]:
        """Where inputs and golden came from, and what of the model has no part in the comparison."""
        inputs, _golden, *more = super().notes()
        return (inputs, *(self._step.notes() if self._step else ()), *more)
