"""A suites folder becomes a copy to try changes on, and the changed files become patches of the real one."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from results.patch import Patch, read_text
from results.promote.standing import Lists, read_lists
from schemas.errors import E2EShardError, ManifestError


class Overlay:
    """Files are read and written by their path below the folder."""

    def __init__(self, root: Path, copy: Path) -> None:
        self.root = root
        self.copy = copy
        self.touched: dict[Path, None] = {}

    def read(self, file: Path) -> str | None:
        """The text as it is by now; None where there is no such file."""
        return read_text(self.copy / file)

    def write(self, file: Path, text: str | None) -> None:
        """None removes the file."""
        self.touched[file] = None
        Patch(file=self.copy / file, old=None, new=text).apply()

    def lists(self) -> Lists:
        """The folder as it is by now; raises ``E2EShardError`` should it not load."""
        try:
            return read_lists(self.copy)
        except ManifestError as error:
            told = str(error).replace(str(self.copy), self.root.as_posix())
            raise E2EShardError(
                f"the manifests cannot be changed line by line so that they load:\n{told}",
                "make this change by hand, then promote again",
            ) from None

    def patches(self) -> tuple[Patch, ...]:
        """What changed, sorted by file."""
        made = (
            Patch(file=self.root / file, old=read_text(self.root / file), new=self.read(file))
            for file in sorted(self.touched)
        )
        return tuple(patch for patch in made if patch.old != patch.new)


@contextlib.contextmanager
def overlay(root: Path) -> Iterator[Overlay]:
    """A copy that lasts until the block ends. What lies beside the folder can be reached from it as before."""
    with tempfile.TemporaryDirectory(prefix="e2eshard-promote-") as name:
        real = root.resolve()
        for beside in real.parent.iterdir():
            if beside != real:
                (Path(name) / beside.name).symlink_to(beside)
        copy = Path(name) / real.name
        shutil.copytree(real, copy, ignore=shutil.ignore_patterns("__pycache__"))
        yield Overlay(root, copy)
