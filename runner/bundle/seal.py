"""A finished case's working folder becomes its bundle: source added, files hashed, what is too much left out."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from runner.bundle.cleanup import Cleanup
from runner.bundle.layout import ARTEFACTS, SOURCE, STATE_FILE, portable_locator, stored_files
from runner.protocol import Job
from runner.stages.artefacts import WRITER
from runner.store import sha256_of
from schemas.bundle import BUNDLE_FILE, Artefact, Bundle, BundleFile, State, Verdict, bundle_digest
from schemas.codec import decode, encode_pretty
from schemas.record import Provenance, Record
from schemas.words import SourceKind

_COMMENT = {
    SourceKind.ONNX_NODE: "the onnx package makes it as the node case {}",
    SourceKind.ONNX_DATA: "the onnx package holds it as {}",
    SourceKind.ONNX_URL: "it was downloaded from {}",
    SourceKind.ONNX_FILE: "it belongs to the model file {}",
    SourceKind.MLIR_URL: "it was downloaded from {}",
    SourceKind.MLIR_FILE: "it belongs to the model file {}",
    SourceKind.PYTHON: "it belongs to the model file {}",
    SourceKind.IMPORTED: "it belongs to the definition {}",
}


_TRIFLE = 1024**2  # bytes of a file that is not worth leaving out


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a case is kept; ``limit`` in bytes of one file."""

    level: Cleanup
    limit: int
    unread: frozenset[Artefact] = frozenset()  # what whoever goes on does not read: small files of it stay all the same

    def leaves_out(self, size: int, holds: frozenset[Artefact]) -> bool:
        """Whether a file of that size is recorded by its hash only; ``holds``: the artefacts that are stored in it."""
        unread = bool(holds) and holds <= self.unread and size > _TRIFLE
        return unread or self.level.leaves_out(size, holds, self.limit)


def seal(job: Job, record: Record, provenance: Provenance, folder: pathlib.Path, rules: Rules) -> Bundle:
    """Make ``folder`` the bundle of a finished case, out of its working folder, which is gone afterwards.

    ``bundle.json`` comes last: a folder without it is no bundle. Raises OSError where there is no room.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    work = folder / ARTEFACTS
    pathlib.Path(job.folder).rename(work)
    state = _state(work)
    files = (*_keep_source(job, state, folder, rules), *_keep_work(state, folder, rules))
    case = job.case
    source = msgspec.structs.replace(case.source, locator=portable_locator(case))
    bundle = Bundle(
        case=msgspec.structs.replace(case, source=source),
        target=msgspec.structs.replace(job.target, toolchain=None),
        verdict=Verdict(
            outcome=record.outcome,
            exit_status=record.exit_status,
            signature=record.error.signature if record.error is not None else "",
        ),
        stages=tuple(msgspec.structs.replace(each, log=None) for each in record.stages),
        state=state,
        source=_source_name(job),
        load_inputs=job.load_inputs,
        files=tuple(sorted(files, key=lambda each: each.path)),
        provenance=msgspec.structs.replace(provenance, command=()),
    )
    return write(folder, bundle)


def write(folder: pathlib.Path, bundle: Bundle) -> Bundle:
    """Put ``bundle.json`` into place, whole, with the digest of what it says; the bundle with that digest."""
    sealed = msgspec.structs.replace(bundle, digest=bundle_digest(bundle))
    scratch = folder / f"{BUNDLE_FILE}.tmp"
    scratch.write_bytes(encode_pretty(sealed))
    scratch.replace(folder / BUNDLE_FILE)
    return sealed


def _state(work: pathlib.Path) -> State:
    """What the case's process said last; nothing where it died before its first stage had ended."""
    try:
        state = decode((work / STATE_FILE).read_bytes(), State)
    except (OSError, msgspec.MsgspecError):
        return State()
    finally:
        for name in (STATE_FILE, pathlib.Path(STATE_FILE).with_suffix(".tmp").name):
            (work / name).unlink(missing_ok=True)
    return state


def _source_name(job: Job) -> str:
    """``source`` for a folder, ``source/model.onnx`` for a file."""
    source = pathlib.Path(job.source)
    return SOURCE if source.is_dir() else f"{SOURCE}/{source.name}"


def _keep_source(job: Job, state: State, folder: pathlib.Path, rules: Rules) -> Iterator[BundleFile]:
    """Copy the source's files; those that are left out are hashed where they lie."""
    source = pathlib.Path(job.source)
    root = source if source.is_dir() else source.parent
    names = {*state.source_files, *(() if source.is_dir() else (source.name,))}
    if source.is_dir():
        names |= {each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file()}
    for name in sorted(names):
        original = root / name
        if not original.is_file():
            continue  # a model that names what is not there: its rerun must fail alike
        path, size = f"{SOURCE}/{name}", original.stat().st_size
        missing = ""
        (folder / path).parent.mkdir(parents=True, exist_ok=True)  # where a file that is left out may be put later
        if rules.leaves_out(size, frozenset({Artefact.SOURCE})):
            missing = f"too large to keep: {_COMMENT[job.case.source.kind].format(portable_locator(job.case))}"
        else:
            shutil.copyfile(original, folder / path)
        yield BundleFile(path=path, size=size, sha256=sha256_of(original), missing=missing)


def _keep_work(state: State, folder: pathlib.Path, rules: Rules) -> Iterator[BundleFile]:
    holds: dict[str, set[Artefact]] = defaultdict(set)
    for file, artefact in stored_files(state):
        holds[file].add(artefact)
    for path in _regular_files(folder / ARTEFACTS):
        name = path.relative_to(folder).as_posix()
        size, artefacts = path.stat().st_size, frozenset(holds[name])
        digest, missing = sha256_of(path), ""
        if rules.leaves_out(size, artefacts):
            missing = f"left out: {_how_to_remake(artefacts)}"
            path.unlink()
        elif path.is_symlink():  # of a case that went on from another bundle
            _take_in(path)
        yield BundleFile(path=name, size=size, sha256=digest, missing=missing)


def _regular_files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """The files below ``folder``; what a model's own code left that is none (a socket, a dangling link) is removed."""
    for parent, folders, names in os.walk(folder):
        for name in [*names, *(each for each in folders if (pathlib.Path(parent) / each).is_symlink())]:
            path = pathlib.Path(parent) / name
            if path.is_file() and name.isprintable():
                yield path
            else:
                path.unlink()


def _take_in(link: pathlib.Path) -> None:
    target = link.resolve()
    link.unlink()
    shutil.copyfile(target, link)


def _how_to_remake(artefacts: frozenset[Artefact]) -> str:
    stages = [WRITER[each] for each in Artefact if each in artefacts]
    return f"run with `--from {stages[0]}` and it is made again" if stages else "no stage reads it"
