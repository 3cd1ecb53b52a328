"""The public actions that generated workflows use, each pinned to a commit, and the machine that selects and merges."""

from __future__ import annotations

from types import MappingProxyType

import msgspec


class Action(msgspec.Struct, frozen=True):
    """One public action: ``uses:`` takes the commit; the version is the comment beside it."""

    name: str
    version: str
    commit: str

    @property
    def uses(self) -> str:
        """The value of ``uses:`` with the version as YAML comment."""
        return f"{self.name}@{self.commit} # {self.version}"


ACTIONS = MappingProxyType(
    {
        "checkout": Action("actions/checkout", "v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1"),
        "python": Action("actions/setup-python", "v7.0.0", "5fda3b95a4ea91299a34e894583c3862153e4b97"),
        "upload": Action("actions/upload-artifact", "v7.0.1", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"),
        "download": Action("actions/download-artifact", "v8.0.1", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"),
        "cache_restore": Action("actions/cache/restore", "v6.1.0", "55cc8345863c7cc4c66a329aec7e433d2d1c52a9"),
        "cache_save": Action("actions/cache/save", "v6.1.0", "55cc8345863c7cc4c66a329aec7e433d2d1c52a9"),
    }
)

#: Where ``select`` and ``merge`` run; they need no device.
HOSTED_LABEL = "ubuntu-24.04"
