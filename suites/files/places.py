"""The environment turned into the folders where files are looked for and kept, and where missing ones come from."""

from __future__ import annotations

import os
import pathlib
import tempfile

import msgspec

from schemas.errors import InfraError

#: Names of the same thing, strongest first: the folder that a service keeps in step with a bucket.
SHARED_VARIABLES = ("DOCKER_CACHE_ROOT", "DOCKER_CACHE_DIR")
#: The user's own folder, where downloads are kept.
LOCAL_VARIABLE = "LOCAL_LF_CACHE"
#: Where paths that neither folder has are fetched from: http(s)://, s3:// or a directory.
UPSTREAM_VARIABLE = "IRD_LF_CACHE"
#: What is kept about the files of a folder lies in it under this name.
ASIDE = ".e2eshard"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where files are, in the order in which they are looked for."""

    shared: pathlib.Path | None  # never written
    local: pathlib.Path
    default: pathlib.Path  # takes the place of `local` where that cannot be written
    upstream: str
    on_ci: bool

    @property
    def readable(self) -> tuple[pathlib.Path, ...]:
        """Every folder that may have a file."""
        folders = (self.shared, self.local, self.default)
        return tuple(dict.fromkeys(folder for folder in folders if folder is not None))

    def writable(self) -> pathlib.Path:
        """The folder that a download is kept in; raises InfraError where there is none."""
        reasons = []
        for folder in dict.fromkeys((self.local, self.default)):
            reason = _hindrance(folder)
            if not reason:
                return folder
            reasons.append(reason)
        raise InfraError(
            f"no folder for downloads can be written: {'; '.join(reasons)}",
            f"name one that can in {LOCAL_VARIABLE}",
        )


def places() -> Places:
    """As the environment says now."""
    named = next((value for name in SHARED_VARIABLES if (value := os.environ.get(name))), None)
    default = pathlib.Path.home() / ".cache" / "lfcache"
    local = os.environ.get(LOCAL_VARIABLE)
    return Places(
        shared=_absolute(named) if named else None,
        local=_absolute(local) if local else default,
        default=default,
        upstream=os.environ.get(UPSTREAM_VARIABLE, ""),
        on_ci=os.environ.get("CI", "").lower() not in ("", "0", "false"),
    )


def _absolute(text: str) -> pathlib.Path:
    return pathlib.Path(text).expanduser().absolute()


def _hindrance(folder: pathlib.Path) -> str:
    """Why nothing can be kept in ``folder``; found by trying, since modes, mounts and quotas all have a say."""
    try:
        (folder / ASIDE).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / ASIDE):
            return ""
    except OSError as error:
        return str(error)
