"""An ONNX model becomes a torch-dialect module, its inputs, and its expected outputs."""

from __future__ import annotations

import pathlib

import onnx

from runner.frontends import onnx_data, onnx_importer, onnx_native
from runner.protocol import Job
from runner.tensors import Array
from runner.work import Golden, Imported
from schemas.errors import InfraError

_DATA = "test_data_set_0"
_MADE = "golden: ONNX Runtime, CPU"


class OnnxFrontend:
    """The path ``onnx``. A source folder holds ``model.onnx`` and maybe ``test_data_set_0/{input,output}_<n>.pb``."""

    def __init__(self, job: Job) -> None:
        source = pathlib.Path(job.source)
        self._job = job
        self._model = source / "model.onnx" if source.is_dir() else source
        stored = self._model.parent / _DATA
        wanted = source.is_dir() or job.load_inputs
        self._stored = stored if wanted and stored.is_dir() else None
        self._graph = onnx.GraphProto()
        self._notes: list[str] = []

    def setup(self) -> None:
        """Parse the model and let ONNX's checker judge it; external data must exist. Raises its ValidationError."""
        if self._job.load_inputs and self._stored is None:
            raise InfraError(
                f"--load-inputs: {self._model} has no stored inputs",
                f"put them into {self._model.parent / _DATA} as input_0.pb, …, or leave --load-inputs out",
            )
        self._graph = onnx.load(self._model, load_external_data=False).graph
        onnx.checker.check_model(str(self._model))  # by path: follows external data, knows no 2 GB limit

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The model, the files of its external data, and the stored inputs and outputs that are used."""
        stored = self._stored.iterdir() if self._stored is not None else ()
        return (self._model, *onnx_data.external_files(self._model), *stored)

    def import_model(self, folder: pathlib.Path) -> Imported:
        """What ``iree-import-onnx`` writes for this file and the case's import flags."""
        return onnx_importer.import_file(self.onnx_file(folder), folder, onnx_importer.flags_of(self._job.case))

    def onnx_file(self, _folder: pathlib.Path) -> pathlib.Path:
        """The source's own file."""
        return self._model

    def construct_inputs(self) -> tuple[Array, ...]:
        """Stored inputs, else seeded random ones of the graph's types."""
        inputs = onnx_data.graph_inputs(self._graph)
        if self._stored is not None:
            return onnx_data.load_values(self._stored, "input", inputs)
        self._notes.append(f"inputs: random, seed {self._job.case.seed}")
        return onnx_data.random_inputs(inputs, self._job.case.seed)

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """Stored outputs where the source has them, else ONNX Runtime's on the CPU."""
        names = [output.name for output in self._graph.output]
        if self._stored is not None and self._has_outputs(self._stored):
            values = onnx_data.load_values(self._stored, "output", tuple(self._graph.output))
        else:
            self._notes.append(_MADE)
            inputs_by_name = dict(zip((i.name for i in onnx_data.graph_inputs(self._graph)), inputs, strict=True))
            values = onnx_native.run(self._model, inputs_by_name)
        return tuple(Golden(name, value) for name, value in zip(names, values, strict=True))

    def predictable_model(self) -> pathlib.Path | None:
        """The source's own file, where it has no outputs."""
        return None if self._stored is not None and self._has_outputs(self._stored) else self._model

    def adopt(self) -> None:
        """Where it came from."""
        self._notes.append(_MADE)

    @staticmethod
    def _has_outputs(stored: pathlib.Path) -> bool:
        return (stored / "output_0.pb").is_file()

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Data cases compare what the model returns."""
        return outputs

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """Likewise."""
        return golden

    def notes(self) -> tuple[str, ...]:
        """Where inputs and golden came from when they were not stored."""
        return tuple(self._notes)
