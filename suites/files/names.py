"""The text that a model's code gives to `get_file`, turned into the kind of thing that it names."""

from __future__ import annotations

import hashlib
import pathlib
import re
import urllib.parse

import msgspec

from schemas.errors import InfraError
from suites.files.addresses import shown
from suites.files.places import ASIDE

_HASH = re.compile(r"#sha256=([0-9a-fA-F]{64})$")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/]+))?(?:/(?P<inside>.*))?$")
_FORMS = "https://…, s3://bucket/key, hf://owner/name[@revision][/file], or a path inside the store"


class Url(msgspec.Struct, frozen=True):
    """An http(s):// or s3:// address."""

    url: str

    @property
    def key(self) -> str:
        """Stands for the address: equal on every machine."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:24]

    @property
    def relative(self) -> str:
        """Where a store keeps the file: its own name in a folder of its own."""
        path = self.url if self.url.startswith("s3:") else urllib.parse.unquote(urllib.parse.urlsplit(self.url).path)
        name = pathlib.PurePosixPath(path).name
        return f"url/{self.key}/{name or 'file'}"


class HubFile(msgspec.Struct, frozen=True):
    """A repository of a Hugging Face hub, or a file of it."""

    repo: str
    revision: str | None = None
    inside: str = ""


class StorePath(msgspec.Struct, frozen=True):
    """A file or folder of the store, by its path from the store's root."""

    path: str
    folder: bool = False  # written with a slash at the end


class Asked(msgspec.Struct, frozen=True):
    """What is meant, and the SHA-256 that it must have, where one is given."""

    name: Url | HubFile | StorePath
    sha256: str | None = None


def parse(text: str, sha256: str | None = None) -> Asked:
    """Raises InfraError for what names nothing that can be had."""
    match = _HASH.search(text)
    bare = text[: match.start()] if match else text
    given = match[1].lower() if match else None
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise InfraError(f"get_file({shown(text)!r}): {sha256!r} is no SHA-256", "64 hexadecimal digits are meant")
    if sha256 and given and sha256.lower() != given:
        raise InfraError(f"get_file({shown(text)!r}) is given two hashes", f"keep one: the argument is {sha256}")
    return Asked(_name(bare), sha256.lower() if sha256 else given)


def _name(text: str) -> Url | HubFile | StorePath:
    if "#sha256" in text:
        raise InfraError(f"{shown(text)!r} ends in no SHA-256", "#sha256= and 64 hexadecimal digits are meant")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _store_path(text)
    text = scheme[1].lower() + text[scheme.end(1) :]
    if text.startswith("hf:"):
        return _hub_file(text)
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https", "s3"):
        raise InfraError(f"{shown(text)!r}: get_file knows no {parts.scheme}:// addresses", f"it knows {_FORMS}")
    if not parts.netloc or (parts.scheme == "s3" and not text[5:].partition("/")[2].strip("/")):
        raise InfraError(f"{shown(text)!r} names no file", f"it must be one of {_FORMS}")
    return Url(text)


def _hub_file(text: str) -> HubFile:
    match = _HUB.match(text)
    inside = (match["inside"] or "").rstrip("/") if match else ""
    if match is None or ".." in inside.split("/"):
        raise InfraError(f"{text!r} names nothing of a hub", "hf://owner/name[@revision][/file] is meant")
    revision = urllib.parse.unquote(match["revision"]) if match["revision"] else None
    return HubFile(match["repo"], revision, inside)


def _store_path(text: str) -> StorePath:
    parts = text.removesuffix("/").split("/")
    if any(part in ("", ".", "..", ASIDE) for part in parts) or "\\" in text or "\0" in text or text.startswith("~"):
        raise InfraError(
            f"{text!r} is no path inside the store",
            "write it from the store's root: `test_files/pytorch/model.pt`, without a slash in front and without ..",
        )
    return StorePath("/".join(parts), text.endswith("/"))
