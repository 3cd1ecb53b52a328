"""The figures of a compiled case that goldens bound: how a record calls them, and when one is missed or improved."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from schemas.imported import GoldenKind


class Standing(StrEnum):
    """How a figure stands to its golden."""

    MET = "met"
    MISSED = "missed"
    IMPROVED = "improved"  # beyond the noise: the golden could be refreshed


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of figure: the metrics of a record that hold it, its golden and the most that is allowed.

    Of several modules, ``judged`` is that of the one that the golden is about, where it is not ``metric``.
    """

    kind: GoldenKind
    title: str
    unit: str
    metric: str
    judged: str
    golden: str
    limit: str
    noise: float = 1.0  # an improvement is more than this factor, whatever the golden's own tolerance


FIGURES: tuple[Figure, ...] = (
    Figure(
        kind=GoldenKind.TIME, title="time", unit="ms", metric="time_min_ms", judged="time_min_ms",
        golden="golden_time_ms", limit="limit_time_ms",
    ),
    Figure(
        kind=GoldenKind.DISPATCHES, title="dispatches", unit="dispatches", metric="dispatch_count",
        judged="judged_dispatch_count", golden="golden_dispatch_count", limit="limit_dispatch_count",
    ),
    Figure(
        kind=GoldenKind.SIZE, title="size", unit="bytes", metric="vmfb_bytes", judged="judged_vmfb_bytes",
        golden="golden_vmfb_bytes", limit="limit_vmfb_bytes",
        noise=1.1,  # a module's size moves a little with every compiler; a dispatch less is a dispatch less
    ),
)  # fmt: skip


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that has a golden."""

    figure: Figure
    measured: float
    golden: float
    limit: float

    @property
    def standing(self) -> Standing:
        """Missed above the limit; improved below the golden by the factor that the limit is above it."""
        if self.measured > self.limit:
            return Standing.MISSED
        factor = max(self.limit / self.golden if self.golden else 1.0, self.figure.noise)
        return Standing.IMPROVED if self.measured < self.golden / factor else Standing.MET

    @property
    def delta(self) -> str:
        """``+12.3 %`` of the golden."""
        return f"{(self.measured / self.golden - 1) * 100:+.1f} %" if self.golden else "the golden is 0"


def compared(metrics: Mapping[str, float]) -> tuple[Compared, ...]:
    """Every figure of a record's metrics that has a golden beside it."""
    return tuple(
        Compared(figure=each, measured=measured, golden=metrics[each.golden], limit=metrics[each.limit])
        for each in FIGURES
        if each.golden in metrics and each.limit in metrics and (measured := measured_of(each, metrics)) is not None
    )


def measured_of(figure: Figure, metrics: Mapping[str, float]) -> float | None:
    """What the golden is about, else what all modules have together."""
    return metrics.get(figure.judged, metrics.get(figure.metric))
