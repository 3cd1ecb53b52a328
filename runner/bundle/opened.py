"""A folder becomes a bundle whose every file is known to be what it was, or an error that names the file."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import msgspec

from runner.bundle.layout import files_of, stored_files
from runner.bundle.seal import write
from runner.store import sha256_of
from schemas.bundle import BUNDLE_FILE, BUNDLE_SCHEMA, Artefact, Bundle, BundleFile, bundle_digest
from schemas.codec import decode
from schemas.errors import UsageError

_ANEW = "copy the bundle again from where it was made, or run the case again with --keep"
_ACCEPT = f"{_ANEW}; where the change is meant, add --accept-changes"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle and where it lies. ``named`` is what the command line called it; ``absent``: files it does not hold."""

    folder: pathlib.Path  # absolute
    named: str
    bundle: Bundle
    absent: frozenset[str]

    def holds(self, artefact: Artefact) -> bool:
        """Whether a stage that reads the artefact can take it from here."""
        bundle = self.bundle
        if artefact is Artefact.SOURCE:
            own = [each.path for each in bundle.files if _belongs(each.path, bundle.source)]
            return bool(own) and not any(_belongs(each, "source") for each in self.absent)
        files = files_of(bundle.state, artefact)
        return files is not None and self.absent.isdisjoint(files)

    def why_not(self, artefact: Artefact) -> str:
        """Why the artefact is not here, as far as the bundle tells."""
        wanted = files_of(self.bundle.state, artefact) or ()
        if artefact is Artefact.SOURCE:
            wanted = tuple(each.path for each in self.bundle.files if _belongs(each.path, "source"))
        for each in self.bundle.files:
            if each.path in self.absent and each.path in wanted:
                return (
                    f"{each.path} ({each.size} bytes) was left out of the bundle: {each.missing}; "
                    f"a file with the SHA-256 {each.sha256} may be put in its place"
                )
        return "the stage that makes it had not passed when the bundle was made"


def open_bundle(name: str, *, accept: bool = False) -> Opened:
    """Read and check a bundle. ``accept`` takes changed files as they are and writes that into its ``bundle.json``.

    Raises UsageError for whatever is not as it was when the bundle was made, naming the file.
    """
    path = pathlib.Path(name)
    folder = (path.parent if path.name == BUNDLE_FILE else path).absolute()
    bundle = _read(folder / BUNDLE_FILE, accept=accept)
    _check_names(folder, bundle)
    checked = tuple(_check(folder, each, accept=accept) for each in bundle.files)
    if accept:
        bundle = msgspec.structs.replace(bundle, files=checked)
        try:
            write(folder, bundle)
        except OSError as error:
            said = f"--accept-changes: {folder / BUNDLE_FILE}: {error.strerror}"
            raise UsageError(said, "copy the bundle to where you may write") from error
    absent = frozenset(each.path for each in checked if each.missing and not (folder / each.path).is_file())
    return Opened(folder=folder, named=name, bundle=bundle, absent=absent)


def _read(path: pathlib.Path, *, accept: bool) -> Bundle:
    try:
        bundle = decode(path.read_bytes(), Bundle)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file", "name the folder that holds a bundle.json") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "make it readable") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise UsageError(f"{path}: not a description of a bundle: {error}", _ANEW) from error
    if bundle.schema != BUNDLE_SCHEMA:
        raise UsageError(
            f"{path}: written as {bundle.schema}, this runner reads {BUNDLE_SCHEMA}",
            "use the runner that wrote it, or run the case again with --keep",
        )
    if bundle.digest != bundle_digest(bundle) and not accept:
        raise UsageError(f"{path}: it was changed: its text does not give its own digest", _ACCEPT)
    return bundle


def _check_names(folder: pathlib.Path, bundle: Bundle) -> None:
    """Every name stays inside the folder, and every file that a stage may read is one that is checked."""
    known = {each.path for each in bundle.files}
    for name in (*known, *filter(None, (bundle.source,))):
        pure = pathlib.PurePosixPath(name)
        if pure.is_absolute() or not pure.parts or ".." in pure.parts or str(pure) != name:
            raise UsageError(f"{folder / BUNDLE_FILE}: {name!r} leads out of the bundle", _ANEW)
    for file in _spoken_of(bundle):
        if file not in known:
            raise UsageError(f"{folder / BUNDLE_FILE}: it speaks of {file}, and has no hash of it", _ANEW)


def _spoken_of(bundle: Bundle) -> Iterator[str]:
    yield from (file for file, _ in stored_files(bundle.state))
    if bundle.source and not any(_belongs(each.path, bundle.source) for each in bundle.files):
        yield bundle.source


def _check(folder: pathlib.Path, file: BundleFile, *, accept: bool) -> BundleFile:
    path = folder / file.path
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            if file.missing:
                return file
            raise UsageError(f"{path}: the bundle's file is missing", _ANEW)
        digest = sha256_of(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "make it readable") from error
    if digest == file.sha256:
        return file
    if accept:
        return msgspec.structs.replace(file, size=size, sha256=digest, missing="")
    raise UsageError(
        f"{path}: it is not what it was when the bundle was made\n"
        f"    then: {file.sha256}, {file.size} bytes\n    now:  {digest}, {size} bytes",
        _ACCEPT,
    )


def _belongs(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
