"""The running installation becomes the requirements that install the same elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from schemas import codec
from schemas.errors import UsageError

_NAME = "e2eshard"
_DIRECT = rf"{_NAME}(\[[\w,.-]+\])? *@ *"
#: One version; a commit; a file at an address or in the repository.
_PINNED = re.compile(
    rf"{_NAME}(\[[\w,.-]+\])? *== *[\w.+!]+|{_DIRECT}\w+\+\S+@[0-9a-f]{{40}}(#\S+)?|{_DIRECT}https?://\S+|\S+\.whl"
)

_EXTRA = re.compile(r"extra == [\"']([\w-]+)[\"']")


def own_requirement() -> str:
    """The requirement that installs this e2eshard: its version, or the commit or address it was installed from."""
    origin = _origin()
    address = str(origin.get("url", ""))
    folder = f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else ""
    if "vcs_info" in origin:
        revision = origin["vcs_info"]
        return f"{_NAME} @ {revision['vcs']}+{address}@{revision['commit_id']}{folder}"
    if "archive_info" in origin and not is_local():
        return f"{_NAME} @ {address}{folder}"
    return f"{_NAME}=={metadata.version(_NAME)}"


def is_local() -> bool:
    """Whether it was installed from this machine's disk, where no other machine finds it."""
    return str(_origin().get("url", "")).startswith("file:")


def installed() -> tuple[str, ...]:
    """``name==version`` of everything that e2eshard asks for, as installed here, sorted."""
    return tuple(sorted(_pin(each) for each in _asked("")))


def of_extras() -> dict[str, tuple[str, ...]]:
    """By extra what it brings, sorted: as installed here, or as e2eshard asks for it where it is not."""
    extras = metadata.metadata(_NAME).get_all("Provides-Extra") or []
    return {extra: tuple(sorted(_pin(each) for each in _asked(extra))) for extra in extras}


def _asked(extra: str) -> Iterator[str]:
    """Requirements without their markers."""
    for each in metadata.requires(_NAME) or ():
        requirement, _, marker = each.partition(";")
        found = _EXTRA.search(marker)
        if (found[1] if found else "") == extra:
            yield requirement.strip()


def _pin(requirement: str) -> str:
    """Without a build's own suffix (``+cpu``): another index has other builds of the same version."""
    name = re.match(r"[\w.-]+", requirement)
    try:
        return f"{name[0]}=={metadata.version(name[0]).partition('+')[0]}" if name else requirement
    except metadata.PackageNotFoundError:
        return requirement


def require_pinned(requirement: str) -> str:
    """The requirement itself; raises UsageError for one that can mean something else tomorrow."""
    if _PINNED.fullmatch(requirement.strip()):
        return requirement.strip()
    raise UsageError(
        f"--requirement {requirement!r} does not say which {_NAME}, once and for all",
        f"write {_NAME}==VERSION, `{_NAME} @ git+https://…@COMMIT` with all 40 digits, or the path of a wheel",
    )


def _origin() -> Mapping[str, Any]:
    """What pip wrote down about where it came from (PEP 610); empty for an index."""
    text = metadata.distribution(_NAME).read_text("direct_url.json")
    return codec.decode(text.encode(), dict[str, Any]) if text else {}
