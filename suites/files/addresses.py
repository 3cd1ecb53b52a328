"""Addresses of files turned into what may be shown of them: no password and no signature gets into a report."""

from __future__ import annotations

import re
import urllib.parse

_QUERY = re.compile(r"(\?[^\s=&#'\"]*=)[^\s'\"()]*")
_USER = re.compile(r"(://)[^/\s@]+@")


def shown(text: str) -> str:
    """A URL, or a message with URLs in it, without user names, passwords and values of queries."""
    return _QUERY.sub(r"\1…", _USER.sub(r"\1…@", text))


def joined(base: str, path: str) -> str:
    """The URL of ``path`` below ``base``; a query of the base (an access signature) stays at the end."""
    if base.startswith("s3://"):
        return f"{base.rstrip('/')}/{path}"
    parts = urllib.parse.urlsplit(base)
    return urllib.parse.urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{urllib.parse.quote(path)}"))
