"""A web server that misbehaves as told."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.files_support.serve import Quiet, serving


@dataclass
class Site:
    """Files by path, and how the server fails: each list is used up from the front."""

    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)  # send only so many bytes, then close the connection
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answer with these first
    ranges: bool = True
    etag: bool = True  # a strong one: the digest of the content
    weak: bool = False
    md5: bool = False
    wrong_md5: int = 0  # so many answers carry a Content-MD5 that is not the body's
    missing: int = 0  # bytes that Content-Length promises too many
    framing: str = "length"  # length | chunked | close
    gzipped: bool = False
    most: int = 0  # bytes that an answer to a Range has at most
    shift: int = 0  # continue so many bytes away from where it was asked to
    pause: float = 0.0  # seconds after each piece
    piece: int = 1 << 16
    stalls: int = 0  # so many answers stop after their first piece, with the connection open
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # path, Range, If-Range

    @property
    def ranges_asked(self) -> list[str]:
        """The Range header of every request, empty without one."""
        return [each for _, each, _ in self.requests]


class _Handler(Quiet):
    site: Site

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        site = self.site
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        site.requests.append((path, self.headers.get("Range", ""), self.headers.get("If-Range", "")))
        if site.statuses:
            status, headers = site.statuses.pop(0)
            self.answer(status, **headers)
        elif path in site.files:
            self._send(site.files[path])
        elif any(name.startswith(f"{path}/") for name in site.files):
            self.answer(301, Location=f"/{path}/")
        elif any(name.startswith(path) for name in site.files):
            self.answer(200, b"<html>an index page</html>", Content_Type="text/html")
        else:
            self.answer(404)

    def _send(self, whole: bytes) -> None:
        site = self.site
        tag = f'"{hashlib.sha256(whole).hexdigest()[:16]}"'
        wanted, condition = self.headers.get("Range", ""), self.headers.get("If-Range", "")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
        if condition and condition != tag:
            start = 0
        if start and start >= len(whole):
            self.answer(416, Content_Range=f"bytes */{len(whole)}")
            return
        self.send_response(206 if start else 200)
        if start:
            start += site.shift
            end = min(len(whole), start + (site.most or len(whole)))
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(whole)}")
        if site.etag:
            self.send_header("ETag", f"W/{tag}" if site.weak else tag)
        self._body(whole[start:end] if start else whole)

    def _body(self, body: bytes) -> None:
        site = self.site
        if site.gzipped:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if site.md5:
            wrong = site.wrong_md5 > 0
            site.wrong_md5 -= wrong
            digest = hashlib.md5(b"other" if wrong else body, usedforsecurity=False).digest()
            self.send_header("Content-MD5", base64.b64encode(digest).decode())
        if site.framing == "length":
            self.send_header("Content-Length", str(len(body) + site.missing))
        elif site.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.close_connection = bool(site.framing == "close" or site.missing or site.cuts)
        self.end_headers()
        self._pieces(body[: site.cuts.pop(0)] if site.cuts else body, len(body))

    def _pieces(self, body: bytes, whole: int) -> None:
        site = self.site
        chunked = site.framing == "chunked"
        for begin in range(0, len(body), site.piece):
            piece = body[begin : begin + site.piece]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
            time.sleep(site.pause)
            if site.stalls:
                site.stalls -= 1
                time.sleep(3)
                self.close_connection = True
                return
        if chunked and len(body) == whole:
            self.wfile.write(b"0\r\n\r\n")


@contextmanager
def website(site: Site) -> Iterator[str]:
    """Serve until the block ends; gives the address without a slash at its end."""
    with serving(type("Handler", (_Handler,), {"site": site})) as address:
        yield address
