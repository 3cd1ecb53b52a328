"""Records become the time that a target's machines took, and the time that building elsewhere spared them."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.record import Record
from schemas.report import DeviceTime, GroupTotals


class Device:
    """The sums of one target."""

    def __init__(self) -> None:
        self._used = 0.0
        self._saved = 0.0
        self._cases = 0
        self._builders: dict[str, None] = {}

    def add(self, record: Record) -> None:
        """Count one case's stages by where they ran."""
        built = 0.0
        for stage in record.stages:
            if stage.built_on:
                built += stage.seconds
                self._builders[stage.built_on] = None
            else:
                self._used += stage.seconds
        self._saved += built
        self._cases += any(stage.built_on for stage in record.stages)

    def total(self) -> DeviceTime | None:
        """The sums; None where nothing was built elsewhere."""
        if not self._builders:
            return None
        return DeviceTime(
            used=round(self._used, 3),
            saved=round(self._saved, 3),
            cases=self._cases,
            builders=tuple(sorted(self._builders)),
        )


#: Columns of ``device_rows``.
DEVICE_HEADINGS = ("suite", "target", "cases", "built on", "device minutes used", "device minutes saved", "used of all")


def device_rows(groups: tuple[GroupTotals, ...]) -> Iterator[tuple[str, str, int, str, float, float, str]]:
    """A row for each suite and target whose cases were built on other machines."""
    for group in groups:
        if group.device is None:
            continue
        used, saved = group.device.used / 60, group.device.saved / 60
        share = f"{used / (used + saved):.1%}" if used + saved else ""
        where = ", ".join(group.device.builders)
        yield group.suite, group.target, group.device.cases, where, round(used, 2), round(saved, 2), share
