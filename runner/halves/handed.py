"""What a build left becomes, for each case of its shard, how the device goes on with it; or why it cannot."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import msgspec

from results.builds import BuildScan, BuildSource, partial_at, scan_build
from runner.bundle.opened import Opened, open_bundle
from runner.bundle.resumption import Resumption
from runner.halves.place import build_folder, handover_folder, roots
from runner.halves.split import split
from runner.select import Batch
from schemas.case import Case
from schemas.codec import encode_canonical
from schemas.errors import UsageError
from schemas.partial import PARTIALS, BuildHeader, Partial
from schemas.record import Provenance
from schemas.words import Stage

#: The signature of a case whose build is not there; equal in every run.
LOST = "its build was lost"


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What the device does: cases by id that go on, that are run whole, that have ended, and that are lost (why)."""

    provenance: Provenance | None = None
    build_on: str = ""
    partials: dict[str, Partial] = {}
    going: dict[str, Resumption] = {}
    whole: dict[str, str] = {}
    lost: dict[str, str] = {}


def handed_over(batch: Batch, handover: pathlib.Path) -> Handed:
    """What the build of a shard has left in ``handover``, or in the shard's own folder, for each case of ``batch``."""
    build, why = _newest(batch, handover)
    if build is None:
        return Handed(lost={case.id: why for case in batch.cases})
    places = [handover_folder(root, batch.suite, batch.target.name, batch.shard or 0) for root in roots(handover)]
    known = {
        case.id: partial_at(build.source.path, *build.spans[case.id]) for case in batch.cases if case.id in build.spans
    }
    going: dict[str, Resumption] = {}
    whole: dict[str, str] = {}
    lost: dict[str, str] = {}
    for case in batch.cases:
        partial = known.get(case.id)
        if partial is None:
            lost[case.id] = _never_told(case, build)
        elif partial.whole:
            whole[case.id] = partial.whole
        elif partial.final is None:
            try:
                going[case.id] = _resumption(case, partial, places)
            except UsageError as error:
                lost[case.id] = str(error)
    return Handed(
        provenance=build.provenance, build_on=build.header.build_on, partials=known, going=going, whole=whole, lost=lost
    )


def _newest(batch: Batch, handover: pathlib.Path) -> tuple[BuildScan | None, str]:
    """The build of the newest attempt; or None, and why."""
    found: list[BuildScan] = []
    why = f"no {PARTIALS} of {batch.name} was handed over: its build ended before it began, or left no artifact"
    for path in _candidates(batch, handover):
        try:
            build = scan_build(BuildSource(label=str(path.parent), path=path))
        except OSError as error:
            why = f"{path}: {error.strerror or error}"
            continue
        objection = "it has no readable header" if build is None else _objection(build.header, batch)
        if build is None or objection:
            why = f"{path}: {objection}"
        else:
            found.append(build)
    newest = max(found, key=lambda each: (each.header.attempt, each.complete, len(each.spans)), default=None)
    return newest, why


def _objection(header: BuildHeader, batch: Batch) -> str:
    if (header.suite, header.target, header.shard) != (batch.suite, batch.target.name, batch.shard):
        return "it is the build of another shard"
    return "" if header.matrix_digest == batch.digest else "it was made from other cases or settings than today's"


def _candidates(batch: Batch, handover: pathlib.Path) -> Iterator[pathlib.Path]:
    below = build_folder(pathlib.Path(batch.suite) / batch.target.name / str(batch.shard)) / PARTIALS
    for path in (build_folder(batch.folder) / PARTIALS, *(root / below for root in roots(handover))):
        if path.is_file():
            yield path


def _never_told(case: Case, build: BuildScan) -> str:
    if case.id in build.started:
        return f"{build.header.build_on} had begun to build it when its job ended"
    end = "came to its end without it" if build.complete else "ended before it"
    return f"the build on {build.header.build_on} {end}"


def _resumption(case: Case, partial: Partial, places: list[pathlib.Path]) -> Resumption:
    """How a case goes on; UsageError where its bundle is not there, or not what the build had made of this case."""
    opened = _open(partial, places)
    if _definition(case) != _definition(opened.bundle.case):
        raise UsageError(f"{opened.named}: it was built with other settings", "give both halves the same ones")
    left = split(case).left
    run = (Stage.SETUP, *left) if partial.model else left
    reused = (each for each in partial.stages if each.stage not in run)
    return Resumption(
        folder=str(opened.folder),
        named=opened.named,
        source=str(opened.folder / opened.bundle.source),
        load_inputs=opened.bundle.load_inputs,
        run=run,
        reused=tuple(msgspec.structs.replace(each, log=None) for each in reused),
        seconds=partial.seconds,
    )


def _open(partial: Partial, places: list[pathlib.Path]) -> Opened:
    wrong: UsageError | None = None
    for place in places:
        folder = place / partial.bundle
        if not folder.is_dir():
            continue
        try:
            opened = open_bundle(str(folder))
        except UsageError as error:
            wrong = error
            continue
        if opened.bundle.digest == partial.digest:
            return opened
    if wrong is not None:
        raise wrong
    raise UsageError(f"no bundle {partial.bundle} with the digest {partial.digest[:12]} was handed over")


def _definition(case: Case) -> bytes:
    """What is run of a case, without what is expected of it and where its source lies."""
    source = msgspec.structs.replace(case.source, locator="")
    return encode_canonical(msgspec.structs.replace(case, expectation=None, source=source))
