"""Comparison: golden and outputs become figures and a verdict. Pure: no files, no clock, no configuration."""

from runner.compare.outputs import Verdict, compare, reasons_of

__all__ = ["Verdict", "compare", "reasons_of"]
