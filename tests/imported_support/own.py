"""The models of `suites/iree` a second time, in NumPy: weights and inputs there become what quality tests expect."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from runner.parameters.elements import parameter
from runner.parameters.values import random_blocks

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "suites" / "iree"
_TORCH = FOLDER / "torch_models"
_SHARKTANK = FOLDER / "sharktank_models" / "files"

Array = npt.NDArray[np.float32]


def mlp() -> Array:
    """4 x 8."""
    w = _safetensors(_TORCH / "mlp" / "weights.safetensors")
    x = np.fromfile(_TORCH / "mlp" / "x.bin", np.float32).reshape(4, 16)
    made: Array = np.maximum(x @ w["w0"] + w["b0"], 0) @ w["w1"] + w["b1"]
    return made


def conv() -> Array:
    """1 x 10, with the seeded weights of the definition."""
    seed = json.loads((_TORCH / "conv" / "quality_cpu.json").read_text())["weights"][0]["seed"]
    gain, x = 16, np.load(_TORCH / "conv" / "x.npy")
    shapes = {"c0": "8x3x3x3", "c1": "16x8x3x3", "fc": "16x10"}
    c0, c1, fc = (_random(name, shape, seed) for name, shape in shapes.items())
    first = np.maximum(gain * _convolved(x, c0), 0)
    pooled = first.reshape(1, 8, 7, 2, 7, 2).max(axis=(3, 5))
    mean = np.maximum(gain * _convolved(pooled, c1), 0).mean(axis=(2, 3))
    made: Array = gain * (mean @ fc)
    return made


def decoder() -> Array:
    """6 x 32."""
    shapes = {"words": (32, 16), "places": (6, 16), "up": (16, 32), "down": (32, 16)}
    w = _irpa(_TORCH / "decoder" / "weights.irpa", shapes | dict.fromkeys("qkvo", (16, 16)))
    given = json.loads((_TORCH / "decoder" / "quality_cpu.json").read_text())["inputs"][0]["value"]
    tokens = [int(each) for each in given.partition("=")[2].split()]
    x = w["words"][tokens] + w["places"]
    n = _norm(x)
    scores = (n @ w["q"]) @ (n @ w["k"]).T / 4
    scores = np.where(np.tri(6, dtype=bool), scores, -np.inf)
    weight = np.exp(scores - scores.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    x = x + (weight @ (n @ w["v"])) @ w["o"]
    x = x + np.tanh(_norm(x) @ w["up"]) @ w["down"]
    made: Array = _norm(x) @ w["words"].T
    return made


def denoised(steps: int) -> Array:
    """4 x 32 after so many steps."""
    w = _irpa(_SHARKTANK / "weights.irpa", {"w": (32, 32)})["w"]
    x = np.fromfile(_SHARKTANK / "x.bin", np.float32).reshape(4, 32)
    for _ in range(steps):
        x = x - np.tanh(x @ w) / 4
    return x.astype(np.float32)


#: By the file that has it.
EXPECTED: Mapping[pathlib.Path, Callable[[], Array]] = MappingProxyType(
    {
        _TORCH / "mlp" / "y.npy": mlp,
        _TORCH / "conv" / "y.npy": conv,
        _TORCH / "decoder" / "y.npy": decoder,
        _SHARKTANK / "one_step.npy": lambda: denoised(1),
        _SHARKTANK / "three_steps.npy": lambda: denoised(3),
    }
)


def _norm(x: Array) -> Array:
    made: Array = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(1e-5))
    return made


def _convolved(x: Array, kernel: Array) -> Array:
    """Without padding, NCHW and FCHW."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    made: Array = np.einsum("nchwij,fcij->nfhw", windows, kernel)
    return made


def _random(name: str, shape: str, seed: int) -> Array:
    made = b"".join(random_blocks(parameter("model", name, f"tensor<{shape}xf32>"), seed))
    return np.frombuffer(made, np.float32).reshape([int(size) for size in shape.split("x")])


def _safetensors(path: pathlib.Path) -> dict[str, Array]:
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    head = json.loads(content[8:start])
    return {
        name: np.frombuffer(content[start + each["data_offsets"][0] : start + each["data_offsets"][1]], np.float32)
        .reshape(each["shape"])
        for name, each in head.items()
    }  # fmt: skip


def _irpa(path: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    from iree import runtime as rt  # noqa: PLC0415 - few tests need it

    index = rt.ParameterIndex()
    index.load(str(path))
    found = {entry.key: bytes(entry.file_view) for _, entry in index.items()}
    return {name: np.frombuffer(found[name], np.float32).reshape(shape) for name, shape in shapes.items()}
