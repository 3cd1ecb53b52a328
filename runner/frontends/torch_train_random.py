"""A model in training mode becomes one that draws no random numbers, since two sides never draw the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.export import ExportedProgram


def switch_off_dropout(model: torch.nn.Module) -> tuple[str, ...]:
    """Set every dropout probability of the model to 0, and return the names of those that were not.

    Probabilities are: ``p`` of PyTorch's dropout modules, and each float whose name contains ``drop`` among the
    attributes of any module and of its ``config``.
    """
    changed: dict[str, None] = {}
    seen: set[int] = set()
    for path, module in model.named_modules():
        for owner, shown in ((module, path), (getattr(module, "config", None), f"{path}.config")):
            if owner is None or id(owner) in seen:
                continue
            seen.add(id(owner))
            for name in _probabilities(owner):
                setattr(owner, name, 0.0)
                changed[f"{shown}.{name}".lstrip(".")] = None
    return tuple(changed)


def _probabilities(owner: Any) -> Iterator[str]:
    """Names of the attributes that are dropout probabilities above 0."""
    if isinstance(owner, torch.nn.modules.dropout._DropoutNd):  # noqa: SLF001 - what all dropout modules derive from
        if owner.p:
            yield "p"
        return
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        if "drop" in name.lower() and not name.startswith("_") and isinstance(value, float) and value:
            yield name


def refuse_random(program: ExportedProgram) -> None:
    """Raise ValueError where the program still draws random numbers whose result it uses."""
    drawn = {
        str(node.target)
        for node in program.graph.nodes
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()) and node.users
    }
    if drawn:
        msg = (
            f"in training mode the model draws random numbers ({', '.join(sorted(drawn))}), which PyTorch and a "
            "compiled module never draw alike: give it a dropout module or an attribute called …drop… instead of a "
            "literal, which are then set to 0, or keep the class to modes = ('eval',)"
        )
        raise ValueError(msg)
