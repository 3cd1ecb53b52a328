"""An http(s) URL becomes an offer of its bytes, continued from an offset where the server can."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import re
from collections.abc import Iterator
from typing import Any

from schemas.errors import InfraError
from suites.files.addresses import shown
from suites.files.patience import RetryError, UnreachableError
from suites.files.transport import NotThereError, Offer

_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
_CHUNK = 1 << 16  # also what a cut connection loses at most
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_NOT_THERE = (404, 410)
_FORBIDDEN = (401, 403)
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")


@contextlib.contextmanager
def open_http(url: str, have: int, validator: str) -> Iterator[Offer]:
    """See :class:`suites.files.transport.Transport`; the validator is the ETag, or else Last-Modified."""
    import requests  # noqa: PLC0415 - only where something is downloaded

    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})
    answered = False
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answered = True
            _check(url, answer)
            yield _offer(answer, have)
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
        requests.exceptions.InvalidProxyURL,
        requests.exceptions.TooManyRedirects,
        requests.exceptions.SSLError,
    ) as error:
        remedy = "mend the URL; for a certificate of your own, name its file in REQUESTS_CA_BUNDLE"
        raise InfraError(f"{shown(url)}: {shown(str(error))}", remedy) from error
    except requests.RequestException as error:
        raise (RetryError if answered else UnreachableError)(shown(str(error))) from error


def _check(url: str, answer: Any) -> None:
    """Raise where the answer is not the file."""
    status = f"HTTP {answer.status_code} {answer.reason}"
    if answer.status_code == _RANGE_NOT_SATISFIABLE:
        raise RetryError("the server cannot continue the cut download; started again", restart=True)
    if answer.status_code in _TRY_AGAIN:
        raise RetryError(status, after=_seconds(answer.headers.get("Retry-After", "")))
    if answer.status_code in _NOT_THERE:
        raise NotThereError(f"{shown(url)}: the server answered {status}", "mend the URL, or put the file there")
    if answer.status_code in _FORBIDDEN:
        raise InfraError(
            f"{shown(url)}: the server answered {status}",
            "ask for access to it, and give user and password in ~/.netrc where it wants them",
        )
    if not answer.ok:
        raise InfraError(f"{shown(url)}: the server answered {status}", "mend the URL, or ask for access to it")
    if answer.history and answer.url.partition("?")[0] == url.partition("?")[0] + "/":
        raise NotThereError(
            f"{shown(url)} is a folder of a web server, which cannot be listed",
            "name the files in it one by one, or keep the folder in a store that can be: a directory or s3://",
        )


def _offer(answer: Any, have: int) -> Offer:
    length = answer.headers.get("Content-Length", "")
    plain = (
        answer.headers.get("Content-Encoding", "identity") == "identity"
    )  # else length and offsets are not the file's
    start, size = 0, int(length) if plain and length.isdigit() else None
    if answer.status_code == _PARTIAL_CONTENT:
        match = _RANGE.match(answer.headers.get("Content-Range", ""))
        if not match or int(match[1]) != have:
            raise RetryError("the server continued at another place than it was asked to", restart=True)
        start, size = have, int(match[2]) if match[2] != "*" else None
    return Offer(
        start=start,
        size=size,
        ends=bool(length) or answer.headers.get("Transfer-Encoding", "").lower() == "chunked",
        validator=_validator(answer) if plain else "",
        md5=answer.headers.get("Content-MD5", "") if start == 0 and plain else "",
        blocks=answer.iter_content(_CHUNK),
    )


def _validator(answer: Any) -> str:
    """What If-Range may carry: a strong ETag (a weak one promises no equal bytes), or the date."""
    tag: str = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else str(answer.headers.get("Last-Modified", ""))


def _seconds(retry_after: str) -> float:
    """Seconds, or a date, turned into seconds from now; 0 for neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    with contextlib.suppress(ValueError, TypeError):
        when = email.utils.parsedate_to_datetime(retry_after)
        return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())
    return 0.0
