"""A server that speaks as much of Amazon's S3 as reading needs: GET and HEAD of objects, listings, signatures (v4)."""

from __future__ import annotations

import hashlib
import hmac
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tests.files_support.serve import Quiet, serving

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass
class Bucket:
    """Objects by key, who may read them, and how the server fails."""

    objects: dict[str, bytes]
    name: str = "models"
    keys: tuple[str, str] | None = None  # access key and secret; none: everybody may read, unsigned
    statuses: list[int] = field(default_factory=list)  # GETs of objects are answered with these first
    cuts: list[int] = field(default_factory=list)  # send only so many bytes, then close the connection
    swap: dict[str, bytes] = field(default_factory=dict)  # takes the place of the objects after the first GET
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and Range of what was asked of objects


class _Handler(Quiet):
    bucket: Bucket

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        parts = urllib.parse.urlsplit(self.path)
        name, _, key = urllib.parse.unquote(parts.path).lstrip("/").partition("/")
        refusal = self._refusal(parts)
        if refusal:
            self._error(403, refusal)
        elif name != self.bucket.name:
            self._error(404, "NoSuchBucket")
        elif not key:
            self._list(dict(urllib.parse.parse_qsl(parts.query)))
        elif key not in self.bucket.objects:
            self._error(404, "NoSuchKey")
        else:
            self._object(self.bucket.objects[key])

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _object(self, content: bytes) -> None:
        wanted = self.headers.get("Range", "")
        self.bucket.requests.append((self.command, wanted))
        if self.command == "GET" and self.bucket.statuses:
            self._error(self.bucket.statuses.pop(0), "InternalError")
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        body = content[int(first) : int(last) + 1] if wanted else content
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(body) - 1}/{len(content)}")
        self.send_header("ETag", f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.bucket.cuts:
            body = body[: self.bucket.cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(body)
        self.bucket.objects |= self.bucket.swap

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        found, folders = "", set()
        for key, content in sorted(self.bucket.objects.items()):
            head, mark, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if not key.startswith(prefix):
                continue
            if mark:
                folders.add(prefix + head + mark)
                continue
            found += f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>x</ETag></Contents>"
        found += "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)
        )
        head = f"<Name>{self.bucket.name}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        text = (
            f'{_XML}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{head}{found}</ListBucketResult>'
        )
        self.answer(200, text.encode(), Content_Type="application/xml")

    def _error(self, status: int, code: str) -> None:
        text = f"{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self.answer(status, text.encode(), Content_Type="application/xml")

    def _refusal(self, parts: urllib.parse.SplitResult) -> str:
        """Why the request is not allowed; the signature is computed anew from the secret key."""
        given = self.headers.get("Authorization", "")
        if self.bucket.keys is None or not given:
            return "AccessDenied" if self.bucket.keys or given else ""
        fields = dict(each.strip().split("=", 1) for each in given.partition(" ")[2].split(","))
        key, *scope = fields["Credential"].split("/")
        if key != self.bucket.keys[0]:
            return "InvalidAccessKeyId"
        names = fields["SignedHeaders"].split(";")
        query = "&".join(sorted(each if "=" in each else f"{each}=" for each in parts.query.split("&") if each))
        headers = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names)
        content = self.headers["x-amz-content-sha256"]
        request = "\n".join((self.command, parts.path, query, headers, fields["SignedHeaders"], content))
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(("AWS4-HMAC-SHA256", self.headers["x-amz-date"], "/".join(scope), digest))
        secret = f"AWS4{self.bucket.keys[1]}".encode()
        for each in (*scope, text):
            secret = hmac.digest(secret, each.encode(), "sha256")
        return "" if secret.hex() == fields["Signature"] else "SignatureDoesNotMatch"


@contextmanager
def bucket_server(bucket: Bucket) -> Iterator[str]:
    """Serve until the block ends; gives what AWS_ENDPOINT_URL is to be set to."""
    with serving(type("Handler", (_Handler,), {"bucket": bucket})) as address:
        yield address
