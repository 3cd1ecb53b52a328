"""What the compiler was asked becomes a key, and under that key lies what it answered: nothing is compiled twice."""

from __future__ import annotations

from runner.cache.compiled import CompileCache, Uncacheable, caching_of
from runner.cache.entries import Entry, Failure, Hit

__all__ = ["CompileCache", "Entry", "Failure", "Hit", "Uncacheable", "caching_of"]
