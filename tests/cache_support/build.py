"""Small modules, and the work of compiling one of them through a store."""

from __future__ import annotations

import pathlib
import subprocess
from typing import cast

from runner import toolchain
from runner.cache import caching_of
from runner.cache.use import Order, compile_once
from runner.failures import StageFailure
from runner.protocol import Caching, Job, Toolchain
from runner.store import Store
from runner.work import Frontend, Work
from schemas.record import ErrorInfo
from tests.runner_support.build import TARGET, case

FLAGS = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx")
REFUSED = "func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {\n  return %b : tensor<4xf32>\n}\n"


def module_text(number: int) -> str:
    """A module whose only function gives its argument plus ``number``."""
    return f"""\
func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {{
  %c = arith.constant dense<{number}.0> : tensor<4xf32>
  %b = arith.addf %a, %c : tensor<4xf32>
  return %b : tensor<4xf32>
}}
"""


def tools() -> Toolchain:
    return toolchain.find(None, TARGET)


def caching(store: pathlib.Path, used: Toolchain) -> Caching:
    return caching_of(Store(store), used)


def make_work(folder: pathlib.Path, used: Toolchain, settings: Caching | None) -> Work:
    folder.mkdir(parents=True)
    job = Job(
        case=case("m"),
        target=TARGET,
        toolchain=used,
        source="",
        folder=str(folder),
        logs=str(folder),
        stages=(),
        caching=settings,
    )
    return Work(job=job, frontend=cast("Frontend", None), folder=folder, log=folder / "compilation.log")


def order(work: Work, text: str, flags: tuple[str, ...] = FLAGS) -> Order:
    module = work.folder / "module.mlir"
    module.write_text(text)
    return Order(module, work.folder / "module.vmfb", flags, (), work.folder / "statistics.json")


def attempt(work: Work, text: str, flags: tuple[str, ...] = FLAGS) -> tuple[pathlib.Path | None, ErrorInfo | None]:
    """Compile; the module, or the error that the stage would end with."""
    wanted = order(work, text, flags)
    try:
        compile_once(work, wanted)
    except StageFailure as failure:
        return None, failure.error
    return wanted.output, None


def result_of(used: Toolchain, module: pathlib.Path) -> str:
    """What the module makes of zeros."""
    argv = [used.iree_run_module, f"--module={module}", "--function=f", "--device=local-sync", "--input=4xf32=0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return f"{done.returncode} {done.stdout.splitlines()[-1] if done.stdout else done.stderr}"
