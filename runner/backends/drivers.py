"""A device's driver keeps the code that it compiles in the store, where the next night finds it."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from runner.backends import backend_of
from runner.cache.inventory import DRIVERS
from runner.store import default_store
from schemas.target import Target


def keep_code(target: Target, environment: MutableMapping[str, str], *, anew: bool) -> None:
    """Tell the drivers of a target, through this process's environment, where to keep code; ``anew``: to use none kept.

    What the environment says of it already stays. Without room for the folder the drivers do as they would by
    themselves. Each driver finds what it kept by the code it was given, its own version and the device.
    """
    for each in backend_of(target).kept:
        if anew:
            environment.setdefault(*each.unused)
        elif each.variable not in environment:
            folder = default_store().root / DRIVERS / each.folder
            try:
                folder.mkdir(parents=True, exist_ok=True)  # Mesa makes one folder, and none above it
            except OSError:
                continue
            environment[each.variable] = os.fspath(folder)
