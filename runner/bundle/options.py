"""What the command line says of bundles becomes checked values."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

from runner.bundle.cleanup import DEFAULT_LIMIT
from runner.bundle.layout import ARTEFACTS
from schemas.bundle import BUNDLE_FILE
from schemas.errors import UsageError
from schemas.words import Lowering, Mode, Path
from suites.units import parse_size


class _Given(Protocol):
    @property
    def target(self) -> str | None: ...
    @property
    def suite(self) -> str | None: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def mode(self) -> Mode | None: ...
    @property
    def lowering(self) -> Lowering | None: ...
    @property
    def load_inputs(self) -> bool: ...
    @property
    def force_recompile(self) -> bool: ...


def given_bundles(names: Sequence[str]) -> tuple[str, ...]:
    """The names if they are bundles, none if they are no folders; UsageError where both are mixed.

    A definition of an imported suite is a place too.
    """
    from suites.imported.adhoc import is_definition  # noqa: PLC0415 - reads YAML; keeps --help quick

    found = tuple(name for name in names if is_bundle(name))
    for name in names:
        was_one = (pathlib.Path(name) / ARTEFACTS).is_dir()  # a bundle that lost its description
        if name not in found and _means_a_place(name) and (was_one or not is_definition(name)):
            raise UsageError(f"{name}: there is no {BUNDLE_FILE} in it", "name the folder that holds one")
    if found and len(found) < len(names):
        other = next(name for name in names if name not in found)
        raise UsageError(f"{found[0]} is a bundle, {other} is none", "run bundles and models one after the other")
    return found


def is_bundle(name: str) -> bool:
    """Whether a word of the command line means a bundle: a folder with ``bundle.json``, or that file itself."""
    path = pathlib.Path(name)
    return path.name == BUNDLE_FILE or (path / BUNDLE_FILE).is_file()


def _means_a_place(name: str) -> bool:
    """No model's name begins or ends like that; one may well be that of a folder, too."""
    return name.startswith(("/", "./", "../", "~")) or name.endswith("/")


def for_bundles(options: _Given) -> None:
    """Raises UsageError for what a bundle has decided already."""
    told = (
        ("--target", options.target, "it is compiled for its own target"),
        ("--suite", options.suite, "it has its suite's settings in it"),
        ("--path", options.path, "it is one case with one path"),
        ("--mode", options.mode, "it is one case with one mode"),
        ("--lowering", options.lowering, "it is one case with one lowering"),
        ("--load-inputs", options.load_inputs, "its inputs are in it, or made as they were then"),
        ("--force-recompile", options.force_recompile, "its source is in it"),
    )
    for option, value, why in told:
        if value:
            raise UsageError(f"{option} does not go with a bundle: {why}", f"leave {option} out, or name the model")


def size_limit(text: str) -> int:
    """Bytes of ``--bundle-limit``; raises UsageError."""
    if not text:
        return DEFAULT_LIMIT
    size = parse_size(text)
    if not size:
        raise UsageError(f"--bundle-limit {text}: not a size above zero", "write a number and a unit: 512MiB, 8GiB")
    return size
