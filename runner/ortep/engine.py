"""An ONNX model becomes a session, and that its outputs: `compilation` and `compiled_inference` of the path `ort-ep`.

The process that holds the session stays from the one stage to the other: a session cannot be stored. A case that goes
on from a bundle therefore compiles again (runner/stages/artefacts.py).
"""

from __future__ import annotations

import os
import pathlib

from runner.bundle import arrays
from runner.ortep.client import Client, environment_of
from runner.ortep.library import absence, library
from runner.ortep.messages import Open, Run
from runner.ortep.options import provider_options
from runner.tensors import Array
from runner.work import Work, present
from schemas.errors import InfraError


def compile_model(work: Work, model: pathlib.Path) -> None:
    """Have the plug-in compile the model, and keep the process in ``work.session``.

    Raises InfraError where there is no library, and StageFailure for all that goes wrong in that process.
    """
    case, target = work.job.case, work.job.target
    why, named = absence(target, os.environ), library(target, os.environ)
    if why or named is None:  # told before any case begins; another machine or a removed file
        raise InfraError(why)
    chosen = provider_options(case, target)
    work.compiler_flags = tuple(f"{name}={value}" for name, value in chosen.given.items())
    work.notes += tuple(f"the execution provider has no option for {each}" for each in chosen.left_out)
    client = Client(environment_of(work.job.toolchain.iree_compile, work.folder), work.log)
    work.session = client
    opened = client.open(
        Open(library=str(named), model=str(model), device=target.device, options=chosen.given, log=str(work.log))
    )
    work.peak_rss_bytes = opened.peak_rss_bytes
    nodes = sum(len(each.nodes) for each in opened.assigned)
    work.metrics |= {"ep_nodes": float(nodes), "ep_subgraphs": float(len(opened.assigned))}
    work.notes += (f"execution provider: {named.name} {opened.version}".rstrip() + f", {opened.device}",)


def run_model(work: Work, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """Run the session of `compile_model` once."""
    client = present(work.session, "session of ONNX Runtime")
    stored = tuple(arrays.store(each, work.folder / f"ort_input_{n}", ".") for n, each in enumerate(inputs))
    work.runtime_flags = (f"device={work.job.target.device}",)
    ran = client.run(Run(inputs=stored, folder=str(work.folder), log=str(work.log)))
    work.peak_rss_bytes = ran.peak_rss_bytes
    client.close()
    return tuple(arrays.load(each, work.folder) for each in ran.outputs)
