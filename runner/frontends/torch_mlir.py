"""A ModelTester becomes a torch-dialect module by torch.export, or several by Dynamo where export refuses the model."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import msgspec
import torch
from torch.export import ExportedProgram

from runner import signature
from runner.failures import StageFailure, in_piece
from runner.frontends import torch_graphs, torch_parameters
from runner.frontends.torch_flat import Arguments
from runner.frontends.torch_program import ENTRY, decomposed, exported, import_program, outputs_only
from runner.frontends.torch_tester_case import TorchTesterCase
from runner.frontends.torch_values import to_array, to_tensor
from runner.frontends.torch_walkable import Walked
from runner.tensors import Array
from runner.work import Call, Imported, Piece
from schemas.errors import E2EShardError


class TorchMlirFrontend(TorchTesterCase):
    """The path `torch-mlir`."""

    def import_model(self, folder: pathlib.Path) -> Imported:
        """The model as one module with the entry `main`, else its graphs `g0`, `g1`, … in a module each."""
        program, refusal = self._exported()
        if program is not None:
            return self._imported(decomposed(program), folder, ENTRY)
        return self._graphs(folder, self._captured(self.arguments, refusal))

    def programs(self, inputs: tuple[Array, ...]) -> Iterator[Walked]:
        """What `import_model` imports; graphs with the inputs that they have when the model runs on `inputs`."""
        program, refusal = self._exported()
        given = self.given(inputs)
        if program is not None:
            program = decomposed(program)
            outputs_only(program)
            yield Walked(program, given.tensors, ENTRY)
            return
        for called in self._captured(given, refusal).graphs:
            program, _ = called.graph.program(called.args)
            yield Walked(program, called.graph.given(called.args), called.graph.entry)

    def _exported(self) -> tuple[ExportedProgram | None, str]:
        """The whole model, or why torch.export does not take it."""
        try:
            return exported(self.subject(), self.arguments.tensors), ""
        except (MemoryError, E2EShardError):
            raise
        except Exception as error:  # noqa: BLE001 - torch.export refuses with exceptions of any kind
            refusal = error
        if self.casts and not self.runs_on_casts():
            try:
                return exported(self.subject(cast_back=True), self.arguments.tensors), ""
            except Exception as error:  # noqa: BLE001 - likewise
                refusal = error
        return None, signature.of_exception(refusal)

    def _imported(self, program: ExportedProgram, folder: pathlib.Path, name: str) -> Imported:
        weights = torch_parameters.weights_of(self.case, program, folder)
        imported = import_program(program, folder, weights, name)
        for note in torch_parameters.told(self.case, program, imported):
            self.note(note)
        return imported

    def _captured(self, given: Arguments, refusal: str) -> torch_graphs.Captured:
        """The graphs of a model that torch.export refused."""
        self.note(f"torch.export refused the model: {refusal}")
        try:
            captured = torch_graphs.capture(self.model, *self.own_arguments(given))
        except Exception as error:
            raise _refused(refusal, error) from error
        self.note(f"Dynamo broke the model into {len(captured.graphs)} graphs, joined by its Python code")
        if captured.between:
            told = ", ".join(f"{name} ({times})" for name, times in sorted(captured.between.items()))
            self.note(f"run by PyTorch between the graphs: {told}")
        return captured

    def _graphs(self, folder: pathlib.Path, captured: torch_graphs.Captured) -> Imported:
        count = len(captured.graphs)
        pieces = [self._piece(each, folder, count) for each in captured.graphs]
        return msgspec.structs.replace(pieces[0], further=tuple(pieces[1:]))

    def _piece(self, called: torch_graphs.Called, folder: pathlib.Path, count: int) -> Imported:
        with in_piece(called.graph.number, count):
            program, changed = called.graph.program(called.args)
            place = folder / called.graph.entry  # of its own, since archives of weights all have one name
            place.mkdir()
            imported = self._imported(program, place, called.graph.entry)
            return msgspec.structs.replace(imported, piece=Piece(called.graph.digest, changed))

    def run_pieces(self, pieces: tuple[Piece, ...], inputs: tuple[Array, ...], call: Call) -> tuple[Array, ...]:
        """The model's own Python code, with its graphs run by ``call``."""

        def run(number: int, tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
            with in_piece(number, len(pieces)):
                return [to_tensor(each) for each in call(number, tuple(to_array(each) for each in tensors))]

        args, kwargs = self.own_arguments(self.given(inputs))
        returned = torch_graphs.run_pieces(self.model, args, kwargs, pieces, run)
        return tuple(to_array(each) for each in returned.tensors)


def _refused(refusal: str, error: Exception) -> StageFailure:
    """Neither way takes the model: the failure is Dynamo's, which came further, and export's is told beside it."""
    text = f"neither torch.export nor Dynamo takes the model: {signature.of_exception(error)}"
    return StageFailure(text, f"{error}\ntorch.export: {refusal}")
