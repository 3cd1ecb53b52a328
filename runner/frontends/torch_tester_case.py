"""A ModelTester's hooks become the stages that all PyTorch paths share; a path adds how the model is imported.

What a path may use after `setup`: `tester`, `model`, `arguments` (the call, its tensors as the target gives them) and
`subject()` (the model as a module of flat tensors, with as many arguments). Inputs and outputs of whatever the path
compiles are those of `subject()`, in that order.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from runner import signature
from runner.frontends import torch_casts
from runner.frontends.hooks import is_overridden, refuse_constant
from runner.frontends.python_class import load_tester
from runner.frontends.torch_flat import Arguments, FlatModule, arguments_of, outputs_of
from runner.frontends.torch_state import preserved
from runner.frontends.torch_tree import Flat, flatten
from runner.frontends.torch_values import to_array, to_tensor
from runner.protocol import Job
from runner.tensors import Array
from runner.work import Golden
from schemas.errors import InfraError
from schemas.record import CastInput
from suites.models.torch_tester import ModelTester
from suites.models.torch_tester import arguments as call_of

_HOOK_VALUES = (torch.Tensor, np.ndarray, np.generic)
_HOOKS = ("extract_outputs", "postprocess", "save_processed_outputs", "load_tokenizer")


class TorchTesterCase:
    """One case of a ModelTester; each hook runs in the stage that its docstring names, `load_inputs` in `setup` too."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.case = job.case
        self._takes_casts: bool | None = None  # whether the model itself runs on the cast inputs
        self._returned: Flat | None = None  # what `forward` gave
        self._notes: list[str] = []
        self.tester: ModelTester
        self.model: torch.nn.Module
        self.original: Arguments  # as `load_inputs` made them
        self.arguments: Arguments  # as the target takes them
        self.casts: tuple[CastInput, ...] = ()

    def setup(self) -> None:
        """Run the file, construct the class, load the model, set its mode, and make the inputs."""
        if self._job.load_inputs:
            raise InfraError("--load-inputs: a model file makes its own inputs", "leave --load-inputs out")
        torch.set_num_threads(1)  # sums are taken in the same order in every run and on every machine
        torch.use_deterministic_algorithms(True, warn_only=True)
        tester = load_tester(pathlib.Path(self._job.source), self._job.case, pathlib.Path(self._job.folder))
        if not isinstance(tester, ModelTester):
            msg = (
                f"{type(tester).__name__} does not derive from ModelTester, which the path {self._job.case.path} needs"
            )
            raise TypeError(msg)
        self.tester = tester
        self.model = tester.prepare(self._job.case.mode)
        tester.seed_for("load_inputs")
        self.original = arguments_of(self.model, *call_of(tester.load_inputs()))
        self.arguments, self.casts = torch_casts.cast(self.original, self._job.target.input_casts)

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The class's own file."""
        return (pathlib.Path(self._job.source),)

    def subject(self, *, cast_back: bool = False) -> FlatModule:
        """The model over flat tensors; with ``cast_back`` its first steps undo the casts of the inputs."""
        return FlatModule(self.model, self.arguments, torch_casts.originals(self.original, self.casts, cast_back))

    def construct_inputs(self) -> tuple[Array, ...]:
        """The tensors of what ``load_inputs`` returned, after the target's casts."""
        return tuple(to_array(each) for each in self.arguments.tensors)

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """What ``forward`` returns for copies of the inputs, which it may therefore change."""
        self._returned = self._forward(self.given(inputs))
        self.casts = torch_casts.told(self.casts, golden=self.runs_on_casts())
        return tuple(Golden(name, to_array(value)) for name, value in self._returned.named.items())

    def given(self, inputs: Sequence[Array]) -> Arguments:
        """The arguments with other values: those of a bundle, say."""
        tensors = tuple(to_tensor(each) for each in inputs)
        return Arguments(self.arguments.names, tensors, self.arguments.tree)

    def runs_on_casts(self) -> bool:
        """Whether the model itself takes the inputs as the target gives them; tried once, where some are cast."""
        if self._takes_casts is None:
            self._takes_casts = True
            if self.casts:
                self._returned = self._tried(self.arguments)
                self._takes_casts = self._returned is not None
        return self._takes_casts

    def _tried(self, given: Arguments) -> Flat | None:
        try:
            return self._called(given)
        except Exception as error:  # noqa: BLE001 - whatever a model raises of inputs that it was not made for
            self.note(f"the model does not run on cast inputs: {signature.of_exception(error)}")
            return None

    def own_arguments(self, given: Arguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Copies of the arguments in types that the model runs on."""
        types = torch_casts.originals(self.original, self.casts, cast_back=not self.runs_on_casts())
        pairs = zip(given.tensors, types, strict=True)
        return given.filled([each.clone() if dtype is None else each.to(dtype) for each, dtype in pairs])

    def _forward(self, given: Arguments) -> Flat:
        """``forward`` on the cast inputs where the model runs on them, else on its own."""
        return self._called(given if self.runs_on_casts() else self.original)

    def _called(self, given: Arguments) -> Flat:
        args, kwargs = given.filled([each.clone() for each in given.tensors])
        with preserved(self.model):
            self.tester.seed_for("forward")
            return outputs_of(self.tester.forward(_as_given(args, kwargs))).copied()

    def returned(self) -> Flat:
        """What ``forward`` returned; called again where the golden was taken from a bundle."""
        if self._returned is None:
            self._returned = self._forward(self.arguments)
        return self._returned

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """The hooks' view of the compiled outputs; left alone where their number is wrong, which comparison tells."""
        returned = self.returned()
        if len(outputs) != len(returned.names):
            return outputs
        return tuple(self._processed([to_tensor(each) for each in outputs], "compiled").values())

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """The hooks' view of the golden; raises StageFailure where a whole output is one value."""
        processed = self._processed([to_tensor(each.value) for each in golden], "golden")
        if self.tester.outputs_vary:
            refuse_constant(processed)
        return tuple(Golden(name, value) for name, value in processed.items())

    def is_plain(self, golden: tuple[Golden, ...]) -> bool:
        """Whether the class leaves all hooks of the outputs as they are, and this golden is what they make of it."""
        if self._returned is None or self.tester.save_outputs or is_overridden(self.tester, ModelTester, _HOOKS):
            return False  # the first where the golden is a bundle's: the model is loaded already
        try:
            processed = self.postprocess_golden(golden)
        except Exception:  # noqa: BLE001 - whatever it is, its own stage tells
            return False
        return [_content(each) for each in processed] == [_content(each) for each in golden]

    def _processed(self, outputs: Sequence[torch.Tensor], side: str) -> dict[str, Array]:
        """``extract_outputs`` sees the nest that the model returns, ``postprocess`` its tensors by name."""
        with torch.no_grad():
            self.tester.seed_for("extract_outputs")
            extracted = self.tester.extract_outputs(self.returned().tree.filled(outputs))
            named = flatten(extracted, _HOOK_VALUES).named
            self.tester.seed_for("postprocess")
            processed = flatten(self.tester.postprocess(named), (*_HOOK_VALUES, int, float)).named
        arrays = {name: _array(value) for name, value in processed.items()}
        self.tester.save_processed_outputs(arrays, pathlib.Path(self._job.logs) / "outputs" / side)
        return arrays

    def tokenizer(self) -> Any:
        """What decodes integer outputs to text, where the model gives one."""
        return self.tester.load_tokenizer()

    def notes(self) -> tuple[str, ...]:
        """Where inputs and golden came from, and what was noticed."""
        return (f"inputs: load_inputs, seed {self._job.case.seed}", "golden: forward", *self._notes)

    def note(self, text: str) -> None:
        """Tell a reader of the record, once."""
        if text not in self._notes:
            self._notes.append(text)


def _as_given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What ``load_inputs`` would have returned."""
    return dict(kwargs) if kwargs else args


def _array(value: Any) -> Array:
    return to_array(value) if isinstance(value, torch.Tensor) else np.asarray(value)


def _content(golden: Golden) -> tuple[str, np.dtype[Any], tuple[int, ...], bytes]:
    return golden.name, golden.value.dtype, golden.value.shape, golden.value.tobytes()
