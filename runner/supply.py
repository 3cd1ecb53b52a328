"""The sources of a shard's cases become local paths, or reasons why not, before any case's clock starts."""

from __future__ import annotations

import functools
import logging
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

import msgspec

from e2eshard.commands import child
from e2eshard.ending import die_with_parent
from runner.process import tail
from runner.protocol import Prepared
from runner.sources.at_hand import AT_HAND, answered, is_at_hand
from runner.store import default_store
from schemas.case import Case, Source
from schemas.codec import encode
from schemas.errors import CannotStartError
from schemas.imported import is_address
from schemas.target import EnvVar
from schemas.words import SourceKind

log = logging.getLogger("runner.supply")

_LOOK_EVERY = 0.2  # seconds between two questions whether the run was stopped


class Supplier(msgspec.Struct, frozen=True):
    """How sources are made or downloaded."""

    log_file: pathlib.Path
    base: pathlib.Path  # the folder of the manifests, where relative paths start
    environment: tuple[EnvVar, ...]  # the target's: it may say where files are kept
    force: bool = False  # make or download again what the store has


class Sources:
    """What the cases of a batch load, as far as it has been asked for: their models, and the files these will want.

    ``bundled``: where the sources of cases lie that go on from bundles, by case id; ``loading``: the cases whose model
    is loaded at all.
    """

    def __init__(self, bundled: Mapping[str, str], loading: Container[str], supplier: Supplier) -> None:
        self._bundled = bundled
        self._loading = loading
        self._supplier = supplier
        self._found: dict[Source, Prepared] = {}

    def find(self, cases: Sequence[Case], stopped: Callable[[], bool]) -> None:
        """Have made or downloaded what has not been asked for yet."""
        wanted = [case.source for case in cases if case.id not in self._bundled]
        wanted += [file for case in cases for file in self._files(case)]
        missing = [source for source in wanted if source not in self._found]
        self._found |= prepare_sources(missing, self._supplier, stopped)

    def of(self, case: Case) -> Prepared:
        """Where a case's model lies: in its bundle, or as ``runner.prepare`` answered."""
        if case.id in self._bundled:
            return Prepared(source=case.source, path=self._bundled[case.id])
        return self._answer(case.source)

    def errors(self, case: Case) -> tuple[str, ...]:
        """Why the case cannot be run."""
        return tuple(answer.error for answer in self._answers(case) if answer.error)

    def are_there(self, case: Case) -> bool:
        """Whether the case can be run; neither this nor an error where the run was stopped before."""
        return all(answer.path for answer in self._answers(case))

    def places(self, case: Case) -> dict[str, str]:
        """Where each place of an imported suite's case lies on this machine."""
        if case.definition is None:
            return {}
        local = {place: self._answer(_here(place)).path for place in _local_places(case)}
        return local | {file: self._answer(Source(SourceKind.FILE, file)).path for file in case.files}

    def _answers(self, case: Case) -> tuple[Prepared, ...]:
        return self.of(case), *(self._answer(file) for file in self._files(case))

    def _answer(self, source: Source) -> Prepared:
        return self._found.get(source) or Prepared(source=source)

    def _files(self, case: Case) -> tuple[Source, ...]:
        """What the case's model asks `get_file` for, and what a definition names, where this run loads the model."""
        if case.id not in self._loading:
            return ()
        return (*(Source(SourceKind.FILE, file) for file in case.files), *(_here(each) for each in _local_places(case)))


def _local_places(case: Case) -> tuple[str, ...]:
    definition = case.definition
    return tuple(each for each in definition.places if not is_address(each)) if definition is not None else ()


def _here(place: str) -> Source:
    return Source(SourceKind.IMPORTED, place)


def prepare_sources(
    sources: Iterable[Source], supplier: Supplier, stopped: Callable[[], bool]
) -> dict[Source, Prepared]:
    """Make or download every source in a child process (it loads onnx; this one does not), unless a look is enough.

    When the run is stopped meanwhile: the answers so far. Raises CannotStartError when the child itself fails.
    """
    every, store = set(sources), default_store()
    answers = {
        each: answered(AT_HAND[each.kind], each, store, supplier.base, force=supplier.force)
        for each in every
        if is_at_hand(each) and not stopped()
    }
    wanted = sorted(every - answers.keys(), key=lambda source: (source.kind, source.locator))
    return answers if not wanted or stopped() else answers | _from_child(wanted, supplier, stopped)


def _from_child(wanted: Sequence[Source], supplier: Supplier, stopped: Callable[[], bool]) -> dict[Source, Prepared]:
    log_file = supplier.log_file
    argv = child("runner.prepare", "--base", str(supplier.base), *(["--force"] if supplier.force else []))
    code, output = _ask(argv, encode(wanted), supplier, stopped)
    answers: dict[Source, Prepared] = {}
    for line in output.splitlines():
        try:
            answer = msgspec.json.decode(line, type=Prepared)
        except msgspec.MsgspecError:
            log.warning("runner.prepare printed what is no answer: %r", line[:200])
            continue
        answers[answer.source] = answer
    if stopped():
        return answers
    if code != 0 and len(answers) < len(wanted):
        said = tail(log_file).decode("utf-8", "replace").strip() or "nothing"
        raise CannotStartError(
            f"models could not be made ready: `{' '.join(argv[1:])}` ended with {code} and said:\n{said}",
            f"see {log_file}",
        )
    lost = [source for source in wanted if source not in answers]
    answers.update((each, Prepared(source=each, error="runner.prepare did not answer for it")) for each in lost)
    return answers


def _ask(argv: list[str], question: bytes, supplier: Supplier, stopped: Callable[[], bool]) -> tuple[int, bytes]:
    """The exit code and the output of a child that is killed when the run is stopped, or when this process dies."""
    with (
        supplier.log_file.open("ab") as errors,
        tempfile.TemporaryFile() as asked,  # a pipe would not do: `communicate` stops writing after its first timeout
    ):
        asked.write(question)
        asked.seek(0)
        with subprocess.Popen(
            argv,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {each.name: each.value for each in supplier.environment},
            start_new_session=True,  # the terminal's Ctrl-C reaches this process alone
            preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
        ) as process:
            while True:
                try:
                    output, _ = process.communicate(timeout=_LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    if stopped():
                        process.kill()
                else:
                    return process.returncode, output
