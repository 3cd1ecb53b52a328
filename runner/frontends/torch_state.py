"""A model that changes itself when it runs - counters, caches, running means - becomes what it was before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def preserved(model: torch.nn.Module) -> Iterator[None]:
    """Put the buffers back afterwards, those that the model replaced too: each run then begins alike.

    The random state is put back as well.
    """
    buffers = [(module, dict(module._buffers)) for module in model.modules()]  # noqa: SLF001 - PyTorch's own way too
    values = [(each, each.detach().clone()) for each in model.buffers() if _is_plain(each)]
    python, state = random.getstate(), torch.get_rng_state()
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)
        for module, held in buffers:
            module._buffers.clear()  # noqa: SLF001
            module._buffers.update(held)  # noqa: SLF001
        random.setstate(python)
        torch.set_rng_state(state)


def _is_plain(buffer: torch.Tensor) -> bool:
    return buffer.layout is torch.strided and buffer.device.type == "cpu"
