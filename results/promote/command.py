"""Runs and a suites folder become a proposal: patches, their explanation, and issues to file. The steps of promote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from results.patch import Patch
from results.promote.decide import Decision, decide
from results.promote.evidence import histories
from results.promote.explain import explanation
from results.promote.issues import Issue, address, issue
from results.promote.patching import patches
from results.promote.records import read_run
from results.promote.standing import read_lists


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the runs ask for; nothing of it is written yet."""

    decisions: tuple[Decision, ...]
    patches: tuple[Patch, ...]
    issues: tuple[Issue, ...]
    explanation: str

    @property
    def moves(self) -> int:
        """How many models move on how many targets."""
        return sum(each.changes for each in self.decisions)


def propose(paths: Sequence[Path], suites: Path, *, runs: int, repository: str) -> Proposal:
    """Reads the runs, oldest first, and the folder; writes nothing.

    Raises ``UsageError`` for a run or folder that is not there, ``ManifestError`` for one that does not load.
    """
    lists = read_lists(suites)
    seen = [read_run(path) for path in paths]
    found = histories(seen, lists.rank)
    decisions = tuple(decide(history, lists.standing(place), runs) for place, history in found.items())
    needed = [each for each in decisions if each.needs_issue]
    addresses = {(each.model, each.target): address(each, repository) for each in needed}
    changes = patches(lists, decisions, addresses)
    issues = tuple(issue(each, seen) for each in needed)
    return Proposal(
        decisions=decisions,
        patches=changes,
        issues=issues,
        explanation=explanation(
            decisions, seen, issues, placeholders=not repository and any(each.disable for each in needed)
        ),
    )


def save(proposal: Proposal, out: Path) -> tuple[Path, ...]:
    """Writes ``promotion.md``, ``promotion.patch`` and ``issues/`` into ``out``; returns the files."""
    files = {"promotion.md": proposal.explanation, "promotion.patch": "".join(each.diff() for each in proposal.patches)}
    files |= {f"issues/{each.file}": each.text() for each in proposal.issues}
    for old in (out / "issues").glob("*.md"):
        old.unlink()  # of an earlier proposal
    for name, text in files.items():
        Patch(file=out / name, old=None, new=text).apply()
    return tuple(out / name for name in files)
