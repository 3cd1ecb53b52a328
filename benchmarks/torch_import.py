"""Takes a decoder of half a billion parameters to depth compile by the runner's stages, and prints the memory of each.

Both begin at the same module and end at a written module of MLIR. `import` is the importer alone, from an exported
program; `whole` has torch.export and its decompositions in it, which both sides pay alike.

    python benchmarks/torch_import.py [--repeat 3] [--limit 0.1]

Exits with 1 where ours costs more than `--limit` times torch-mlir's, either way. Ratios within one run, for an
otherwise idle machine.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch_mlir.fx
import transformers
from torch.export import ExportedProgram

from runner.frontends.torch_program import export_program, import_program


class Logits(torch.nn.Module):
    """A classifier that returns its logits alone."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the classifier says of a batch of pictures."""
        logits: torch.Tensor = self.model(pixels).logits
        return logits


def resnet50() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The model with the configuration that transformers gives it by default, and a picture."""
    torch.manual_seed(0)
    model = transformers.ResNetForImageClassification(transformers.ResNetConfig())
    return Logits(model).eval(), (torch.randn(1, 3, 224, 224),)


def timed(step: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of wall time that ``step`` takes, and what it returns."""
    begun = time.perf_counter()
    made = step()
    return time.perf_counter() - begun, made


def with_torch_mlir(program: ExportedProgram, folder: pathlib.Path) -> pathlib.Path:
    """What torch-mlir's own importer makes of a program, written as bytecode."""
    module = torch_mlir.fx.export_and_import(
        program, output_type=torch_mlir.fx.OutputType.RAW, func_name="main", decomposition_table={}
    )
    file = folder / "torch_mlir.mlirbc"
    with file.open("wb") as stream:
        module.operation.write_bytecode(stream)
    return file


def main() -> int:
    """Print a row for each importer, and the ratios; 1 where ours is too slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of our importer; the median counts")
    parser.add_argument("--limit", type=float, default=0.1, help="largest ratio that is no failure")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model, inputs = resnet50()
    export_program(torch.nn.Linear(2, 2), (torch.ones(1, 2),))  # what is loaded on first use is not measured
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ours, exports = [], []
        for _ in range(options.repeat):
            seconds, program = timed(lambda: export_program(model, inputs))
            exports.append(seconds)
            seconds, imported = timed(lambda program=program: import_program(program, folder))  # type: ignore[misc]
            ours.append(seconds)
        program = export_program(model, inputs)
        theirs, written = timed(lambda: with_torch_mlir(program, folder))
        sizes = imported.module.stat().st_size, written.stat().st_size
    export, mine = statistics.median(exports), statistics.median(ours)
    print(f"ResNet-50, 224 x 224; torch.export and decompositions: {export:.2f} s")
    print(f"{'importer':12} {'import, s':>10} {'whole, s':>10} {'module, MiB':>12}")
    for label, seconds, size in (("ours", mine, sizes[0]), ("torch-mlir", theirs, sizes[1])):
        print(f"{label:12} {seconds:10.2f} {export + seconds:10.2f} {size / 2**20:12.1f}")
    ratio, whole = mine / theirs, (export + mine) / (export + theirs)
    print(f"{'ratio':12} {ratio:10.4f} {whole:10.4f}")
    return int(max(ratio, whole) > options.limit)


if __name__ == "__main__":
    sys.exit(main())
