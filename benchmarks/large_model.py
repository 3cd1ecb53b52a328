"""Takes a decoder of half a billion parameters to depth compile by the runner's stages, and prints the memory of each.

A Llama-like model with seeded weights, which go into a parameter archive. `largest process` is what a record's
`peak_rss_bytes` says of a stage; `all processes` is sampled: the case's own process, which holds the weights, together
with the compiler that it starts.

    python benchmarks/large_model.py [--dtype float32] [--layers 26] [--limit 3]

Exits with 1 where a stage fails or its processes together hold `--limit` times the bytes of the weights, or more.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from runner import toolchain, worker
from runner.memory import tree_bytes
from runner.protocol import Event, Job, StageEnded, StageStarted
from runner.stages import plan
from schemas.case import Case, Source
from schemas.record import StageResult
from schemas.target import Target
from schemas.words import Depth, Path, SourceKind, Stage, StageStatus

CPU = Target(name="cpu", backend="llvm-cpu", device="local-task", runs_on=("ubuntu-24.04",), hosted=True)
MODEL = """
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from suites import ModelTester


class Decoder(ModelTester):
    def load_model(self):
        torch.set_default_dtype(torch.{dtype})
        config = LlamaConfig(
            vocab_size=32000, hidden_size=1024, intermediate_size=4096, num_hidden_layers={layers},
            num_attention_heads=16, num_key_value_heads=16, max_position_embeddings=512, use_cache=False,
        )
        model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
        return model

    def load_inputs(self):
        return {{"input_ids": torch.randint(0, 32000, (1, 32))}}
"""


class Sampler:
    """The most memory that this process and all below it have held, by the stage that was running."""

    def __init__(self) -> None:
        self.peaks: dict[Stage, int] = {}
        self.stage: Stage | None = None
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while True:
            if (stage := self.stage) is not None:
                self.peaks[stage] = max(self.peaks.get(stage, 0), tree_bytes(os.getpid()))
            time.sleep(0.02)


def weights(layers: int, width: int) -> int:
    """Bytes of the model's parameters, by its configuration."""
    hidden, inner, vocabulary = 1024, 4096, 32000
    layer = 4 * hidden * hidden + 3 * hidden * inner + 2 * hidden
    return width * (layers * layer + 2 * vocabulary * hidden + hidden)


def run(folder: pathlib.Path, dtype: str, layers: int, on_event: Callable[[Event], None]) -> None:
    """The stages of one case in this process, which is what a case's own process does."""
    source, work, logs = folder / "decoder.py", folder / "work", folder / "logs"
    source.write_text(MODEL.format(dtype=dtype, layers=layers))
    work.mkdir()
    logs.mkdir()
    case = Case(
        id="bench/cpu/decoder@torch-mlir",
        suite="bench",
        target="cpu",
        model="decoder",
        path=Path.TORCH_MLIR,
        depth=Depth.COMPILE,
        source=Source(SourceKind.PYTHON, "decoder.py:Decoder"),
        compile_flags=("--iree-llvmcpu-target-cpu=host",),
    )
    job = Job(
        case=case,
        target=CPU,
        toolchain=toolchain.find(None, CPU),
        source=str(source),
        folder=str(work),
        logs=str(logs),
        stages=plan(case),
    )
    worker.run(job, on_event)
    for path in sorted(work.rglob("*.*")):
        print(f"{path.name}: {path.stat().st_size / 2**20:.1f} MiB")


def main() -> int:
    """Print a row for each stage; 1 where one failed or held too much."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--layers", type=int, default=26, help="26 make 0.50 billion parameters")
    parser.add_argument("--limit", type=float, default=3.0, help="smallest ratio that is a failure")
    options = parser.parse_args()
    sampler, ended = Sampler(), list[StageResult]()

    def on_event(event: Event) -> None:
        sampler.stage = event.stage if isinstance(event, StageStarted) else None
        if isinstance(event, StageEnded):
            ended.append(event.result)
            if event.error is not None:
                print(f"{event.result.stage}: {event.error.signature}\n{event.error.excerpt}")

    with tempfile.TemporaryDirectory() as name:
        run(pathlib.Path(name), options.dtype, options.layers, on_event)
    held = weights(options.layers, 4 if options.dtype == "float32" else 2)
    print(f"weights: {held / 2**20:.0f} MiB of {options.dtype}")
    print(f"{'stage':18} {'status':7} {'seconds':>8} {'largest process':>23} {'all processes':>23}")
    for each in ended:
        largest = each.peak_rss_bytes or 0
        both = largest, max(largest, sampler.peaks.get(each.stage, 0))  # a short stage has no sample
        shown = "".join(f"{size / 2**20:12.0f} MiB {size / held:6.2f}" for size in both)
        print(f"{each.stage:18} {each.status:7} {each.seconds:8.1f} {shown}")
    worst = max([each.peak_rss_bytes or 0 for each in ended] + list(sampler.peaks.values())) / held
    print(f"peak / weights: {worst:.2f}")
    return int(worst >= options.limit or any(each.status is not StageStatus.PASS for each in ended))


if __name__ == "__main__":
    sys.exit(main())
