"""A repository of a Hugging Face hub, or a file of it, becomes a local path in the cache of huggingface_hub."""

from __future__ import annotations

import logging
import os
import pathlib
from typing import Any

from schemas.errors import InfraError
from suites.files.download import OFFLINE_VARIABLE, is_offline
from suites.files.names import HubFile
from suites.files.patience import ATTEMPTS, FIRST_PAUSE, RetryError, patiently

log = logging.getLogger("suites.files")

_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_YES = ("1", "ON", "YES", "TRUE")


def from_hub(wanted: HubFile, *, force: bool, attempts: int = ATTEMPTS, pause: float = FIRST_PAUSE) -> pathlib.Path:
    """The file, or the folder with the whole repository. What the cache has whole is used without asking the hub.

    Raises InfraError with what to do.
    """
    hub = _library()
    if not force and (found := _cached(hub, wanted)) is not None:
        return found
    forbidden = _offline_by()
    if forbidden:
        raise InfraError(
            f"{_shown(wanted)} is not whole in the Hugging Face cache, and {forbidden} forbids downloads",
            f"run once without {forbidden}, or name the folder of a cache that has it in HF_HOME",
        )
    made: list[pathlib.Path] = []

    def once() -> None:
        made.append(_online(hub, wanted, force=force))

    log.info("downloading %s", _shown(wanted))
    patiently(once, _shown(wanted), attempts=attempts, pause=pause)
    return made[0]


def _library() -> Any:
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra, and only where an hf:// address is used
    except ImportError as error:
        raise InfraError(
            "hf:// addresses need huggingface_hub, which is not installed", "make install EXTRAS=torch"
        ) from error
    return huggingface_hub


def _offline_by() -> str:
    if is_offline():
        return f"{OFFLINE_VARIABLE}=1"
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in _YES:
            return f"{name}={os.environ[name]}"
    return ""


def _shown(wanted: HubFile) -> str:
    revision = f"@{wanted.revision}" if wanted.revision else ""
    return f"hf://{wanted.repo}{revision}" + (f"/{wanted.inside}" if wanted.inside else "")


def _cached(hub: Any, wanted: HubFile) -> pathlib.Path | None:
    """What the cache has, if it is known to be all of it."""
    from huggingface_hub.errors import CachedRepoTreeNotFoundError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        if not wanted.inside:  # a folder may hold only those files of the repository that somebody asked for
            hub.get_cached_repo_tree(wanted.repo, revision=wanted.revision)
        return _get(hub, wanted, local_files_only=True)
    except (LocalEntryNotFoundError, CachedRepoTreeNotFoundError):
        return None


def _get(hub: Any, wanted: HubFile, **options: Any) -> pathlib.Path:
    if wanted.inside:
        return pathlib.Path(hub.hf_hub_download(wanted.repo, wanted.inside, revision=wanted.revision, **options))
    return pathlib.Path(hub.snapshot_download(wanted.repo, revision=wanted.revision, max_workers=4, **options))


def _online(hub: Any, wanted: HubFile, *, force: bool) -> pathlib.Path:
    """One attempt; RetryError where another may help."""
    from huggingface_hub import errors  # noqa: PLC0415

    name = _shown(wanted)
    try:
        return _get(hub, wanted, force_download=force)
    except errors.GatedRepoError as error:
        raise InfraError(
            f"{name} is gated: {_first_line(error)}",
            f"accept its terms on the hub's page of {wanted.repo}, and set HF_TOKEN to a token of that account",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InfraError(
            f"{name}: the hub shows no such repository: {_first_line(error)}",
            "mend the name; if it is private, set HF_TOKEN to a token that may read it",
        ) from error
    except (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
        raise InfraError(f"{name}: {_first_line(error)}", "mend the revision or the file's name") from error
    except errors.HFValidationError as error:
        raise InfraError(f"{name}: {error}", "hf://owner/name[@revision][/file] is meant") from error
    except Exception as error:
        raise _judged(wanted, error) from error


def _judged(wanted: HubFile, error: Exception) -> Exception:
    """The error of an attempt as one that another attempt may mend, or as one that it will not."""
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    name = _shown(wanted)
    for each in _chain(error):
        status = getattr(getattr(each, "response", None), "status_code", None)
        if status in (401, 403):
            return InfraError(f"{name}: {_first_line(each)}", "set HF_TOKEN to a token that may read it")
        if status is not None and status not in _TRY_AGAIN:
            return InfraError(f"{name}: {_first_line(each)}", "mend the name, or HF_ENDPOINT")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:  # the local disk
        return InfraError(f"{name}: {error}", "name a folder that can be written in HF_HOME")
    if wanted.inside and isinstance(error, LocalEntryNotFoundError):  # the library itself asked for half a minute
        cause = _first_line(_chain(error)[-1])
        return InfraError(f"{name}: the hub cannot be reached: {cause}", "try again later, or check the network")
    return RetryError(f"{type(error).__name__}: {_first_line(error)}")


def _chain(error: BaseException | None) -> list[BaseException]:
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__
    return chain


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]
