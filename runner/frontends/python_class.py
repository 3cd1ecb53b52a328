"""A class named by its file becomes an instance: the file is run here, in the case's own process."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

from schemas.case import Case
from suites.locator import parse_locator
from suites.models.base import Tester


def load_tester(file: pathlib.Path, case: Case, folder: pathlib.Path) -> Tester:
    """Run the file and make the tester that the case's source names, with its variant and the case's seed.

    Raises whatever the file raises, and TypeError where the name is no tester's.
    """
    locator = parse_locator(case.source.locator)
    if locator is None:
        msg = f"{case.source.locator!r} names no class of a file: path.py:Class[variant] is meant"
        raise ValueError(msg)
    name = f"e2eshard_model_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        msg = f"{file.name} cannot be loaded as a Python module"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pickle and dataclasses look a class's module up
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a run writes nothing into a suites folder
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    made = getattr(module, locator.tester)
    if not (isinstance(made, type) and issubclass(made, Tester)):
        msg = f"{locator.tester} in {file.name} is no tester: derive it from ModelTester or OnnxModelTester"
        raise TypeError(msg)
    return made(variant=locator.variant, seed=case.seed, folder=folder)
