"""Decisions become patches of the manifests and of the expected failures, tried on a copy before they are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from results.expectations.command import new_file
from results.expectations.gap import Gap, Observed
from results.expectations.surgery import revise
from results.patch import Patch
from results.promote import yamltext
from results.promote.decide import Decision
from results.promote.members import SELECTING, Newcomer, Pairs, change, disable, targets_of
from results.promote.overlay import Overlay, overlay
from results.promote.standing import E2E_COMPILE, LISTS, NIGHTLY, NIGHTLY_OPS, WEEKLY_OPS, Lists
from schemas.errors import E2EShardError
from suites.expand import Planned
from suites.expectations import file_of
from suites.manifest import Manifest
from suites.twins import chief

#: Where an entry's settings come from when its model comes to a list.
_DONOR = {WEEKLY_OPS: NIGHTLY_OPS, NIGHTLY_OPS: WEEKLY_OPS, E2E_COMPILE: NIGHTLY, NIGHTLY: E2E_COMPILE}
#: Of these, the ones that mean the same at another depth.
_AT_ANY_DEPTH = frozenset(
    {"timeout", "stage-timeouts", "memory-limit", "import-flags", "compile-flags", "environment", "paths", "lowering",
     "owner", "tags"}
)  # fmt: skip
_SELECTORS = {"onnx": ("onnx", "name", "sha256"), "python": ("name",)}


def patches(lists: Lists, decisions: Sequence[Decision], issues: Mapping[tuple[str, str], str]) -> tuple[Patch, ...]:
    """All changes. ``issues``: by model and target the address under which a disabled check is tracked.

    Raises ``E2EShardError`` where the files cannot be changed so that they say what was decided.
    """
    moving = [each for each in decisions if each.changes]
    if not moving:
        return ()
    with overlay(lists.root) as copy:
        for name in LISTS:
            _change_list(copy, lists, name, moving)
        _change_expectations(copy, lists, moving)
        _disable_checks(copy, moving, issues)
        _require(copy.lists(), moving)
        return copy.patches()


def _change_list(copy: Overlay, lists: Lists, name: str, moving: Sequence[Decision]) -> None:
    wanted: dict[str, set[str]] = {}
    for each in moving:
        if (name in each.lists) != (name in each.before):
            here = wanted.setdefault(each.model, _targets(lists, name, each.model))
            (here.add if name in each.lists else here.discard)(each.target)
    if not wanted:
        return
    manifest, file = _manifest(lists, name), _file(lists, name)
    newcomers = {model: _newcomer(lists, name, model) for model in wanted}
    final = {model: frozenset(targets) for model, targets in wanted.items()}
    copy.write(file, change(copy.read(file) or "", manifest, lists.assembled.planned[name], final, newcomers))


def _targets(lists: Lists, name: str, model: str) -> set[str]:
    return {
        target for (known, target), standing in lists.standings.items() if known == model and name in standing.lists
    }


def _newcomer(lists: Lists, name: str, model: str) -> Newcomer:
    donor = _DONOR[name]
    same_depth = {name, donor} == {WEEKLY_OPS, NIGHTLY_OPS}
    settings: Pairs = ()
    given = chief(one for one in lists.assembled.planned[donor] if one.case.model == model)
    for one in given.values():
        settings = _pairs(lists, donor, one)
    kept = tuple((key, value) for key, value in settings if same_depth or key in _AT_ANY_DEPTH)
    return Newcomer(selector=_selector(lists, model), settings=kept)


def _pairs(lists: Lists, name: str, one: Planned) -> Pairs:
    text = _manifest(lists, name).path.read_bytes().decode()
    pairs = yamltext.source_lines(text, ("models", one.chosen.entries[-1].number))
    return tuple((key, value) for key, value in pairs if key not in SELECTING)


def _selector(lists: Lists, model: str) -> Pairs:
    """How an entry names the model; one that a manifest brings along is named as that manifest does."""
    if model not in lists.own:
        return (("name", yamltext.scalar(model)),)
    for name, cases in lists.assembled.planned.items():
        for one in cases:
            entry = one.chosen.entries[-1]
            if one.case.model != model:
                continue
            text = _manifest(lists, name).path.read_bytes().decode()
            kind = "onnx" if entry.onnx is not None else "python"
            written = yamltext.source_lines(text, ("models", entry.number))
            kept = tuple((key, value) for key, value in written if key in _SELECTORS[kind])
            head = () if kind == "onnx" else (("python", yamltext.scalar(one.case.source.locator)),)
            return (*head, *kept)
    raise E2EShardError(f"no list names {model}", f"add it to {NIGHTLY_OPS}.yaml")


def _change_expectations(copy: Overlay, lists: Lists, moving: Sequence[Decision]) -> None:
    """Cases that are no more, or pass, are expected to fail no more; one that regressed is."""
    passing: dict[tuple[str, str], set[str]] = defaultdict(set)
    failing: dict[tuple[str, str], dict[str, Gap]] = defaultdict(dict)
    nightly = chief(lists.assembled.planned[NIGHTLY])
    for each in moving:
        place = (each.model, each.target)
        for name in each.before - each.lists:
            cases = (one.case for one in lists.assembled.planned[name])
            passing[name, each.target] |= {
                case.key for case in cases if (case.model, case.target) == place and case.expectation is not None
            }
        if each.undeclare and NIGHTLY in each.before & each.lists:
            passing[NIGHTLY, each.target].add(nightly[place].case.key)
        if each.declare is not None:
            failing[NIGHTLY, each.target][nightly[place].case.key] = each.declare
    for suite, target in sorted({place for place, keys in {**passing, **failing}.items() if keys}):
        file = file_of(Path(), suite, target)
        old = copy.read(file)
        observed = Observed(failing=failing[suite, target], passing=frozenset(passing[suite, target]), refused=())
        copy.write(file, revise(old or new_file(lists.root, suite, target), file, observed, "")[0])
    _drop_orphans(copy, lists)


def _drop_orphans(copy: Overlay, lists: Lists) -> None:
    """A file of failures on a target that a list does not run on any more would be a mistake."""
    for name in LISTS:
        targets = yamltext.find(copy.read(_file(lists, name)) or "", ("targets",))
        left = {each.value for each in targets.value} if targets is not None else set()
        for target in set(targets_of(_manifest(lists, name))) - left:
            file = file_of(Path(), name, target)
            if copy.read(file) is not None:
                copy.write(file, None)


def _disable_checks(copy: Overlay, moving: Sequence[Decision], issues: Mapping[tuple[str, str], str]) -> None:
    for each in (one for one in moving if one.disable):
        lists = copy.lists()  # anew, since every change may shift entries
        place, file = (each.model, each.target), _file(lists, NIGHTLY)
        one = chief(lists.assembled.planned[NIGHTLY])[place]
        text = copy.read(file) or ""
        copy.write(file, disable(text, _manifest(lists, NIGHTLY), one, each.disable, issues[place]))


def _require(after: Lists, moving: Sequence[Decision]) -> None:
    """The changed files say what was decided, or nobody gets to see them."""
    for each in moving:
        standing = after.standing((each.model, each.target))
        off = all(not getattr(standing.checks, name) for name in each.disable)
        wanted = each.declare is None if standing.expected is None else not each.undeclare
        if standing.lists != each.lists or not off or not wanted:
            raise E2EShardError(
                f"{each.model} on {each.target} cannot be moved line by line: it should be in "
                f"{', '.join(sorted(each.lists)) or 'no list'}, and would be in {', '.join(sorted(standing.lists))}",
                "give the model an entry of its own in these lists, then promote again",
            )


def _manifest(lists: Lists, name: str) -> Manifest:
    return next(each for each in lists.assembled.manifests if each.suite == name)


def _file(lists: Lists, name: str) -> Path:
    return Path(_manifest(lists, name).path.name)
