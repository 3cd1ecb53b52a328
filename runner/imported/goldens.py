"""Measured figures and goldens become what was missed and what became better; pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.figures import FIGURES, Compared, Figure, Standing
from schemas.imported import GoldenFigure, GoldenKind

BY_KIND: Mapping[GoldenKind, Figure] = {each.kind: each for each in FIGURES}


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
    """``measured <= value * factor`` is good; well below the golden is told.

    A golden without its figure counts as missed: what cannot be checked does not pass.
    """
    missed, lines, notes = [], [], []
    for golden in goldens:
        figure = BY_KIND[golden.kind]
        value = measured.get(golden.kind)
        if value is None:
            missed.append(golden.name)
            lines.append(f"{golden.name}: at most {golden.value:g} {figure.unit}, and the tools gave no figure")
            continue
        found = Compared(figure=figure, measured=value, golden=golden.value, limit=golden.value * golden.factor)
        by = f" times {golden.factor:g}" if golden.factor != 1 else ""
        if found.standing is Standing.MISSED:
            missed.append(golden.name)
            told = f"{golden.name}: {value:.6g} {figure.unit}, more than the golden {golden.value:g}{by}"
            lines.append(f"{told} ({found.delta})")
        elif found.standing is Standing.IMPROVED:
            told = f"{golden.name}: improved to {value:.6g} {figure.unit} from the golden {golden.value:g}"
            notes.append(f"{told} ({found.delta})")
    return Findings(tuple(missed), tuple(lines), tuple(notes))
