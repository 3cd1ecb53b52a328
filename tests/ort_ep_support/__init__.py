"""Shared libraries that offer ONNX Runtime an execution provider, good and bad ones, built from `provider.c`."""

from __future__ import annotations

import functools
import pathlib
import shutil
import subprocess
import tempfile

import onnx
import pytest
from onnx import helper

_SOURCE = pathlib.Path(__file__).with_name("provider.c")
_COMPILER = shutil.which("gcc") or shutil.which("cc")

NEEDS_COMPILER = pytest.mark.skipif(_COMPILER is None, reason="no C compiler to build execution providers with")

#: Offers a device of the driver that the target `cpu` has.
GOOD = ('-DDRIVER="local-task"',)


@functools.cache
def provider(*definitions: str) -> pathlib.Path:
    """The library with these ``-D…``; it takes nodes of the operator Abs, and computes them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="e2eshard-provider-"))
    return build(_SOURCE, folder / "libprovider.so", *definitions)


def build(source: pathlib.Path, library: pathlib.Path, *definitions: str) -> pathlib.Path:
    """Compile one file of C."""
    command = [str(_COMPILER), "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", *definitions, str(source)]
    subprocess.run([*command, "-o", str(library), "-lm"], check=True, capture_output=True)
    return library


def chain(path: pathlib.Path, *operators: str) -> pathlib.Path:
    """A model of one input of 2 x 3 floats, each operator on what the one before it gives; nodes `n0`, `n1`, …."""
    names = ["x", *(f"t{number}" for number in range(1, len(operators))), "y"]
    nodes = [
        helper.make_node(operator, [names[number]], [names[number + 1]], name=f"n{number}")
        for number, operator in enumerate(operators)
    ]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 3]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
