"""Comparison: golden and outputs become figures and a verdict. Pure: no files, no clock, no configuration."""

from runner.compare.outputs import Verdict, compare

__all__ = ["Verdict", "compare"]
