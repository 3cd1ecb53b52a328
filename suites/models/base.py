"""The base of all model code: five hooks turned into what the runner's stages need of a model.

The class-level names of `Tester` below `variants` are literals: the loader reads them from the file's text, without
running it, so that listing models never needs the frameworks they are written in.
"""

from __future__ import annotations

import abc
import random
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

#: What the hooks of a tester pass on: arrays by the name of the value.
Arrays = Mapping[str, Any]
Flags = Mapping[str, Sequence[str]]


class Tester(abc.ABC):
    """One model file's class; an instance is one model (one variant) in one case's process.

    The hooks are called in the order in which they stand here, each at most once, except that `extract_outputs` and
    `postprocess` are called for the golden and for the compiled outputs. Before each, `self.rng`, `random` and
    `numpy.random` are seeded anew from the case's seed and the hook's name.
    """

    #: One file, many models: the variant's name -> its parameters, which `self.parameters` holds.
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tags: ClassVar[Sequence[str]] = ()
    group: ClassVar[str] = ""
    modes: ClassVar[Sequence[str]] = ("eval",)
    #: What `get_file` will be asked for: fetched before the case's clock starts.
    files: ClassVar[Sequence[str]] = ()
    #: What the comparison accepts; None keeps the default of the element type. A manifest's `tolerance` is stronger.
    required_pcc: ClassVar[float | None] = None
    required_atol: ClassVar[float | None] = None
    required_rtol: ClassVar[float | None] = None
    #: How the compiler is driven, by the keys of a manifest's `tuning`: `{"optimization-level": "O2"}`.
    tuning: ClassVar[Mapping[str, Any]] = {}
    #: Flags by the target's backend (`llvm-cpu`, …), or by `all`; a manifest's flags come after them.
    importer_flags: ClassVar[Flags] = {}
    compiler_flags: ClassVar[Flags] = {}
    runtime_flags: ClassVar[Flags] = {}

    #: Whether every golden output must hold two different values: equal ones prove nothing about a model.
    outputs_vary: bool = True
    #: Whether the default `save_processed_outputs` writes what is compared as .npy files.
    save_outputs: bool = False

    def __init__(self, *, variant: str = "", seed: int = 0, folder: Path | None = None) -> None:
        """Raises KeyError for a variant that the class does not declare. `folder` is the case's scratch folder."""
        if variant not in self.variants and (variant or self.variants):
            msg = f"{type(self).__name__} has no variant {variant!r}: it has {', '.join(self.variants) or 'none'}"
            raise KeyError(msg)
        self.variant = variant
        self.parameters: Mapping[str, Any] = self.variants.get(variant, {})
        self.seed = seed
        self.folder = folder or Path()
        self.rng: np.random.Generator
        self.seed_for("")

    def seed_for(self, hook: str) -> None:
        """Seed all three generators; each hook has numbers of its own, so that weights and inputs do not correlate."""
        import numpy as np  # noqa: PLC0415 - loading the catalogue must stay light

        mixed = [self.seed, zlib.crc32(hook.encode())]
        random.seed(mixed[0] << 32 | mixed[1])
        np.random.seed(np.random.SeedSequence(mixed).generate_state(4))  # noqa: NPY002 - for model code that uses it
        self.rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(mixed)))

    @abc.abstractmethod
    def load_model(self) -> Any:
        """The model, in its framework's own form. Stage `setup`."""

    @abc.abstractmethod
    def load_inputs(self) -> Any:
        """The inputs: arrays in the order of the model's, or by name. Stage `construct_inputs`."""

    @abc.abstractmethod
    def forward(self, inputs: Any) -> Any:
        """The original model's outputs on these inputs: the golden. Stage `native_inference`."""

    def extract_outputs(self, outputs: Any) -> Any:
        """What of the outputs is compared: one array, a sequence, or a mapping by name. Stage `postprocessing`."""
        return outputs

    def postprocess(self, outputs: Arrays) -> Any:
        """A last view of either side's outputs: a softmax, boxes, a picture. Stage `postprocessing`."""
        return outputs

    def save_processed_outputs(self, outputs: Arrays, folder: Path) -> None:
        """Keep the processed outputs of one side (`…/golden` or `…/compiled`) beside the case's logs.

        Writes `<name>.npy` each when `save_outputs` is set; override it for pictures or text. `folder` does not exist.
        """
        import numpy as np  # noqa: PLC0415 - loading the catalogue must stay light

        if not self.save_outputs:
            return
        folder.mkdir(parents=True)
        for name, value in outputs.items():
            np.save(folder / f"{name.replace('/', '_')}.npy", value, allow_pickle=False)
