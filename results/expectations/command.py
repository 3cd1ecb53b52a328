"""A run and the files of expected failures become one patch a file, and the failures that a person must decide."""

from __future__ import annotations

from pathlib import Path

import msgspec

from results.expectations.gap import Refusal, observe
from results.expectations.imported import revise_lists
from results.expectations.surgery import revise
from results.load import load
from results.patch import NAME, Patch, read_text
from schemas.case import case_id
from schemas.errors import UsageError
from suites.expectations import file_of

_HEADER = """\
# Failures of {suite} that are expected on {target}, grouped by error signature: a list of the compiler's gaps.
# `python -m results expectations DIR --write` refreshes the cases; comments, order and other fields are kept.
suite: {suite}
target: {target}
failures: []
"""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """All changes that a run asks for, and what it could not declare."""

    patches: tuple[Patch, ...]
    refused: tuple[Refusal, ...]
    partial: bool
    flaky: int  # cases without a steady end, which keep what the files say of them


def propose(run: Path, suites: Path, cause: str) -> Proposal:
    """Reads the run and the files below ``suites``/expectations; writes nothing.

    Raises ``UsageError`` for a run or folder that is not there, ``ManifestError`` for a file that cannot be changed.
    """
    if not suites.is_dir():
        raise UsageError(f"{suites}: there is no such folder", "--suites names the folder with targets.yaml")
    loaded = load(run)
    lists = revise_lists(loaded.rows.values(), suites)
    patches: list[Patch] = [*lists.patches]
    refused: list[Refusal] = [*lists.refused]
    for (suite, target), observed in observe(lists.others).items():
        if not NAME.fullmatch(suite) or not NAME.fullmatch(target):
            raise UsageError(f"{run} names a suite {suite!r} and a target {target!r}, which no manifest allows")
        file = file_of(suites, suite, target)
        old = read_text(file)
        before = old if old is not None else new_file(suites, suite, target)
        new, declined = revise(before, file, observed, cause)
        refused += [msgspec.structs.replace(one, case=case_id(suite, target, one.case)) for one in declined]
        if new != before:
            patches.append(Patch(file=file, old=old, new=new))
    flaky = sum(row.flaky for row in loaded.rows.values())
    return Proposal(patches=tuple(patches), refused=tuple(refused), partial=loaded.partial, flaky=flaky)


def new_file(suites: Path, suite: str, target: str) -> str:
    """The first lines of a file, with editor completion where the schema lies beside the suites."""
    schema = "schemas/expectations.schema.json"
    known = (suites.parent / schema).is_file()
    completion = f"# yaml-language-server: $schema=../../{schema}\n" if known else ""
    return completion + _HEADER.format(suite=suite, target=target)
