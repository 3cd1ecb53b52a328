"""The catalogue and the model files of a folder turned into one register of models by name and by tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from schemas.case import Skip, Source
from schemas.errors import Location
from schemas.words import Mode, Path, SourceKind
from suites import catalog
from suites.faces import ONNX_PATHS
from suites.imported.model import ImportedModel
from suites.modelfile import TesterClass


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One thing under test, before it meets a target. `code` is the class of a model that is a Python file.

    `place` is where a model that is another file lies, or a definition stands. The first of `paths` is the default.
    """

    name: str
    source: Source
    tags: tuple[str, ...] = ()
    skip: Skip | None = None
    group: str = ""
    code: TesterClass | None = None
    place: Location | None = None
    imported: ImportedModel | None = None  # of another suite's definition
    paths: tuple[Path, ...] = ONNX_PATHS
    modes: tuple[Mode, ...] = (Mode.EVAL,)
    train_paths: tuple[Path, ...] = ()

    def paths_in(self, mode: Mode) -> tuple[Path, ...]:
        """The paths there are in a mode; the first is the default."""
        return self.train_paths if mode is Mode.TRAIN else self.paths

    @property
    def default_mode(self) -> Mode:
        """`eval` where the model has it."""
        return Mode.EVAL if Mode.EVAL in self.modes else self.modes[0]

    @property
    def at(self) -> Location:
        """Where it is declared; raises KeyError for a model that only a manifest names."""
        return self.code.at if self.code else self.place or catalog.place_of(self.name)


class Known(Mapping[str, Model]):
    """Every model that a manifest of one folder may name; `files` are those of its own model files."""

    def __init__(self, files: Mapping[str, Model]) -> None:
        self.files = files
        self._entries = catalog.by_name()
        self._tagged: dict[str, list[str]] | None = None

    def __getitem__(self, name: str) -> Model:
        return self.files[name] if name in self.files else catalog_model(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self.files

    def __iter__(self) -> Iterator[str]:
        yield from self._entries
        yield from self.files

    def __len__(self) -> int:
        return len(self._entries) + len(self.files)

    def tags_of(self, name: str) -> tuple[str, ...]:
        """A model's tags; none of one that is not known."""
        if name in self.files:
            return self.files[name].tags
        entry = self._entries.get(name)
        return entry.tags if entry else ()

    def by_tag(self) -> dict[str, list[str]]:
        """Names by tag."""
        if self._tagged is None:
            self._tagged = {}
            for name in self:
                for tag in self.tags_of(name):
                    self._tagged.setdefault(tag, []).append(name)
        return self._tagged


def catalog_model(name: str) -> Model:
    """The model of a catalogue entry; raises KeyError for an unknown name."""
    entry = catalog.by_name()[name]
    folder, _, case = name.removeprefix("onnx/").partition("/")
    node = name.startswith(catalog.NODE_FOLDER)
    source = Source(SourceKind.ONNX_NODE, case) if node else Source(SourceKind.ONNX_DATA, f"{folder}/{case}")
    return Model(name=name, source=source, tags=entry.tags, skip=entry.as_skip())
