"""A definition and a depth become the stages of its case; pure."""

from __future__ import annotations

from schemas.errors import UsageError
from schemas.imported import Definition, TestType
from schemas.words import Depth, Stage

_COMPILED = (Stage.SETUP, Stage.COMPILATION)
_DEPTHS = (Depth.COMPILE, Depth.EXECUTE)


def stages_of(definition: Definition, depth: Depth) -> tuple[Stage, ...]:
    """All stages down to ``depth``; raises UsageError for a depth that definitions have not.

    What the compiler made is held against goldens without a device, so at the depth ``compile`` already. A test that
    expects no outputs ends when it has run.
    """
    if depth not in _DEPTHS:
        raise UsageError(
            f"a definition of an imported suite has no depth {depth}", f"use {' or '.join(_DEPTHS)}, or leave it out"
        )
    if definition.type is TestType.COMPSTAT:
        return (*_COMPILED, Stage.BENCHMARK)
    if depth is Depth.COMPILE:
        return _COMPILED
    if definition.type is TestType.BENCHMARK:
        return (*_COMPILED, Stage.CONSTRUCT_INPUTS, Stage.BENCHMARK)
    compared = (Stage.COMPARISON,) if definition.expected or definition.flagfile else ()
    return (*_COMPILED, Stage.CONSTRUCT_INPUTS, Stage.COMPILED_INFERENCE, *compared)


def reached(definition: Definition, passed: frozenset[Stage]) -> Depth | None:
    """The deepest depth whose last stage really passed."""
    for depth in (Depth.EXECUTE, Depth.COMPILE):
        if definition.type is TestType.COMPSTAT and depth is Depth.EXECUTE:
            continue
        if stages_of(definition, depth)[-1] in passed:
            return depth
    return None


def needs_device(definition: Definition, stages: frozenset[Stage]) -> bool:
    """Whether one of the stages runs something on the target's device."""
    if Stage.COMPILED_INFERENCE in stages:
        return True
    return definition.type is TestType.BENCHMARK and Stage.BENCHMARK in stages
