"""A server that speaks as much of a Hugging Face hub as downloads need: what a repository holds, and its files."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.files_support.serve import Quiet, serving


@dataclass
class Hub:
    """One repository."""

    files: dict[str, bytes]
    repo: str = "owner/name"
    token: str = ""  # who has it may read; empty: everybody
    gated: bool = False  # else private: a stranger is told that it does not exist
    statuses: list[int] = field(default_factory=list)  # GETs of files are answered with these first
    requests: list[str] = field(default_factory=list)  # method and path

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode(), usedforsecurity=False).hexdigest()


class _Handler(Quiet):
    hub: Hub

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        hub = self.hub
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        api, files = f"/api/models/{hub.repo}", f"/{hub.repo}/resolve/"
        if not path.startswith((api, files)):
            self._refuse(404, "RepoNotFound")
        elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._refuse(*((403, "GatedRepo") if hub.gated else (401, "RepoNotFound")))
        elif path.startswith(files):
            self._file(*path.removeprefix(files).split("/", 1))
        elif path.startswith(f"{api}/tree/"):
            entries = [{"type": "file", "path": n, "size": len(c), "oid": _oid(c)} for n, c in hub.files.items()]
            self.answer(200, json.dumps(entries).encode(), Content_Type="application/json")
        elif path.removeprefix(api) in ("", "/revision/main", f"/revision/{hub.commit}"):
            about = {"id": hub.repo, "sha": hub.commit, "siblings": [{"rfilename": each} for each in hub.files]}
            self.answer(200, json.dumps(about).encode(), Content_Type="application/json")
        else:
            self._refuse(404, "RevisionNotFound")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _file(self, revision: str, name: str) -> None:
        hub = self.hub
        if revision not in ("main", hub.commit):
            self._refuse(404, "RevisionNotFound")
        elif name not in hub.files:
            self._refuse(404, "EntryNotFound", X_Repo_Commit=hub.commit)
        elif self.command == "GET" and hub.statuses:
            self.answer(hub.statuses.pop(0))
        else:
            content = hub.files[name]
            self.answer(200, content, X_Repo_Commit=hub.commit, ETag=f'"{_oid(content)}"')

    def _refuse(self, status: int, code: str, **headers: str) -> None:
        self.answer(status, X_Error_Code=code, X_Error_Message=f"{code}: {self.path}", **headers)


def _oid(content: bytes) -> str:
    """As git names a blob."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


@contextmanager
def hub_server(hub: Hub) -> Iterator[str]:
    """Serve until the block ends; gives what HF_ENDPOINT is to be set to."""
    with serving(type("Handler", (_Handler,), {"hub": hub})) as address:
        yield address
