"""Measured figures and goldens become what was missed and what became better; pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.imported import GoldenFigure, GoldenKind

_UNITS = {GoldenKind.TIME: "ms", GoldenKind.DISPATCHES: "dispatches", GoldenKind.SIZE: "bytes"}
#: A module's size moves a little with every compiler; a dispatch less is a dispatch less.
_NOISE = {GoldenKind.SIZE: 1.1}


class Findings(msgspec.Struct, frozen=True):
    """Names of the goldens that were missed, a line for each of them, and notes on the others."""

    missed: tuple[str, ...]
    lines: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def signature(self) -> str:
        """The same for the same goldens, whatever the figures."""
        return f"missed {' and '.join(self.missed)}" if self.missed else ""


def against(goldens: tuple[GoldenFigure, ...], measured: Mapping[GoldenKind, float]) -> Findings:
    """``measured <= value * factor`` is good; below ``value / factor`` it is better than the golden says.

    A golden without its figure counts as missed: what cannot be checked does not pass.
    """
    missed, lines, notes = [], [], []
    for golden in goldens:
        figure, unit = measured.get(golden.kind), _UNITS[golden.kind]
        limit = golden.value * golden.factor
        by = f" times {golden.factor:g}" if golden.factor != 1 else ""
        if figure is None:
            missed.append(golden.name)
            lines.append(f"{golden.name}: {golden.value:g} {unit} is the most, and the tools gave no figure")
            continue
        if figure > limit:
            missed.append(golden.name)
            told = f"{golden.name}: {figure:.6g} {unit}, more than the golden {golden.value:g}{by}"
            lines.append(f"{told} ({_percent(figure, golden.value)})")
        elif figure < golden.value / max(golden.factor, _NOISE.get(golden.kind, 1.0)):
            told = f"{golden.name}: improved to {figure:.6g} {unit} from the golden {golden.value:g}"
            notes.append(f"{told} ({_percent(figure, golden.value)})")
    return Findings(tuple(missed), tuple(lines), tuple(notes))


def _percent(figure: float, golden: float) -> str:
    return f"{(figure / golden - 1) * 100:+.1f} %" if golden else "the golden is zero"
