"""An s3:// address becomes an offer of its bytes, or a list of what lies below it (s3fs, of fsspec; the extra `s3`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from schemas.errors import InfraError
from suites.files.patience import RetryError
from suites.files.transport import NotThereError, Offer

_PIECE = 8 << 20  # bytes asked for at once, and what a cut connection loses at most
#: Seconds; and no attempts but ours, which know what has arrived.
_CONFIG = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 1}}
_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, of somebody who may read it, "
    "and AWS_ENDPOINT_URL for a server that is not Amazon's"
)


@contextlib.contextmanager
def open_s3(url: str, have: int, validator: str) -> Iterator[Offer]:
    """See :class:`suites.files.transport.Transport`; the validator is the ETag."""
    with _translated(url):
        system = _file_system()
        about = _about(system, url)
        start = have if validator == about["ETag"] and have <= about["size"] else 0
        yield Offer(
            start=start,
            size=about["size"],
            ends=True,
            validator=about["ETag"],
            blocks=_pieces(system, url, start, about["size"]),
        )
        if _about(system, url)["ETag"] != about["ETag"]:
            raise RetryError("the object was replaced while it was read", restart=True)


def files_below(url: str) -> tuple[str, ...]:
    """The addresses of all objects below ``url/``, sorted; none where there is no such folder."""
    with _translated(url):
        return tuple(f"s3://{each}" for each in sorted(_file_system().find(_path(url) + "/")) if not each.endswith("/"))


def _about(system: Any, url: str) -> dict[str, Any]:
    system.invalidate_cache()
    about: dict[str, Any] = system.info(_path(url))
    if about["type"] != "file":
        raise NotThereError(f"{url} is a folder, not an object", "name an object in it")
    return about


def _pieces(system: Any, url: str, start: int, size: int) -> Iterator[bytes]:
    for begin in range(start, size, _PIECE):
        yield system.cat_file(_path(url), start=begin, end=min(begin + _PIECE, size))


def _path(url: str) -> str:
    """``bucket/key``: a key is taken as it stands, `#`, `?` and `%` included."""
    return url.removeprefix("s3://").rstrip("/")


def _file_system() -> Any:
    """Signed with the credentials that botocore finds, anonymous where it finds none."""
    try:
        import s3fs  # noqa: PLC0415 - an extra, and only where an s3:// address is used
        from botocore.session import Session  # noqa: PLC0415
    except ImportError as error:
        raise InfraError("s3:// addresses need s3fs, which is not installed", "make install EXTRAS=s3") from error
    anonymous = Session().get_credentials() is None
    system = s3fs.S3FileSystem(anon=anonymous, config_kwargs=dict(_CONFIG), skip_instance_cache=True)
    system.retries = 1
    return system


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """What s3fs and botocore raise, as the two kinds of error that a download knows."""
    try:
        yield
    except (InfraError, RetryError):
        raise
    except FileNotFoundError as error:
        raise NotThereError(f"{url}: there is no such object", "mend the address, or put the file there") from error
    except PermissionError as error:
        raise InfraError(f"{url}: access denied ({error})", _CREDENTIALS) from error
    except Exception as error:
        if not isinstance(error, (OSError, *_library_errors())):
            raise
        if isinstance(error, OSError) and error.filename is not None:  # the local disk
            raise
        raise RetryError(f"{type(error).__name__}: {error}") from error


def _library_errors() -> tuple[type[Exception], ...]:
    try:
        import aiohttp  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        return ()
    return BotoCoreError, ClientError, aiohttp.ClientError
