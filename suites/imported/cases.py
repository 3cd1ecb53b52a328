"""A case as its suite's settings have it, made into what another suite's definition says on this target; pure."""

from __future__ import annotations

import msgspec

from schemas.case import Case
from schemas.imported import is_address
from schemas.words import Depth
from suites.imported.model import Resolved

Flags = tuple[tuple[str, ...], tuple[str, ...]]


def as_imported(case: Case, resolved: Resolved, own: Flags) -> Case:
    """`own` are flags of the manifest's entries, for compiler and runtime: they come after the definition's."""
    compiler, runtime = own
    depth = case.depth if resolved.depth is None or case.depth is not Depth.EXECUTE else resolved.depth
    changed = msgspec.structs.replace(
        case, depth=depth, skip=case.skip or resolved.skip, expectation=resolved.expectation
    )
    definition = resolved.definition
    if definition is None:
        compile_flags, run_flags = resolved.flags
        return msgspec.structs.replace(
            changed, compile_flags=(*compile_flags, *compiler), run_flags=(*run_flags, *runtime)
        )
    fetched = tuple(place for place in definition.places if is_address(place))
    return msgspec.structs.replace(
        changed,
        imported=definition,
        files=fetched,
        compile_flags=compiler,
        run_flags=runtime,
    )
