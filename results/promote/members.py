"""One manifest's text and the targets its models shall be run on become a text with the fewest changes that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from results.promote import yamltext
from results.promote.yamltext import flow, scalar
from suites.expand import Planned
from suites.manifest import Manifest, ModelEntry
from suites.select import is_glob, matching

Pairs = tuple[tuple[str, str], ...]  # keys and values as one line of YAML each
Step = Callable[[str], str]

#: Of an entry that is copied: what says which models and targets it is for.
SELECTING = frozenset({"name", "tag", "onnx", "python", "sha256", "exclude", "only"})


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """How an entry of its own would select a model, and the settings it brings from where it was."""

    selector: Pairs
    settings: Pairs = ()


def change(
    text: str,
    manifest: Manifest,
    planned: Sequence[Planned],
    wanted: Mapping[str, frozenset[str]],
    newcomers: Mapping[str, Newcomer],
) -> str:
    """The manifest's new text. ``wanted``: by model all targets that shall run it here."""
    return _Edit(text, manifest, planned, wanted, newcomers).text()


def targets_of(manifest: Manifest) -> list[str]:
    """The suite's targets, in their order."""
    return [entry.value for entry in manifest.targets]


def scope(entry: ModelEntry, manifest: Manifest) -> list[str]:
    """The targets that an entry is for."""
    return [only.value for only in entry.only] or targets_of(manifest)


def is_broad(entry: ModelEntry) -> bool:
    """Whether an entry may stand for several models."""
    if entry.onnx is not None:
        return False
    return entry.tag is not None or entry.python is not None or (entry.name is not None and is_glob(entry.name.value))


class _Edit:
    """Steps by the number of the entry they change; done from the last entry to the first, so that numbers hold."""

    def __init__(
        self,
        text: str,
        manifest: Manifest,
        planned: Sequence[Planned],
        wanted: Mapping[str, frozenset[str]],
        newcomers: Mapping[str, Newcomer],
    ) -> None:
        self.before = text
        self.manifest = manifest
        self.wanted = wanted
        self.newcomers = newcomers
        self.old_targets = targets_of(manifest)
        self.taking: dict[str, dict[str, set[tuple[int, ...]]]] = defaultdict(lambda: defaultdict(set))
        self.taken: dict[int, set[str]] = defaultdict(set)
        for one in planned:
            numbers = tuple(entry.number for entry in one.chosen.entries)
            self.taking[one.case.model][one.case.target].add(numbers)
            for number in numbers:
                self.taken[number].add(one.case.model)
        members = {(model, target) for model, by_target in self.taking.items() for target in by_target}
        for model, targets in wanted.items():
            members = {pair for pair in members if pair[0] != model} | {(model, target) for target in targets}
        self.new_targets = self._new_targets({target for _, target in members})
        self.default = self._default_scope()
        self.modified: dict[int, list[Step]] = defaultdict(list)
        self.excluded: dict[int, list[str]] = defaultdict(list)
        self.only: dict[int, list[str]] = {}
        self.deleted: set[int] = set()
        self.added: dict[int | None, list[list[str]]] = defaultdict(list)

    def text(self) -> str:
        for model in sorted(self.wanted):
            self._place(model, self.wanted[model])
        text = self.before
        for number in range(len(self.manifest.models) - 1, -1, -1):
            text = self._entry(text, number)
        for lines in self.added[None]:
            text = yamltext.add_entry(text, ("models",), lines)
        return self._head(_without_unused_groups(text, self.manifest))

    def _new_targets(self, used: set[str]) -> list[str]:
        """Targets without a model go, unless no target has one any more."""
        if not used:
            return self.old_targets
        return [name for name in self.old_targets if name in used] + sorted(used - set(self.old_targets))

    def _default_scope(self) -> list[str]:
        """Targets of an entry without ``only`` afterwards: not the new ones, where there are such entries."""
        head = yamltext.find(self.before, ("only",))
        given = [each.value for each in head.value] if head is not None else []
        if given:
            return [name for name in given if name in self.new_targets]
        return [name for name in self.new_targets if name in self.old_targets] if self.manifest.models else []

    def _place(self, model: str, wanted: frozenset[str]) -> None:
        here = self.taking[model]
        gone, come = set(here) - wanted, set(wanted) - set(here)
        needs: dict[int | None, set[str]] = defaultdict(set)  # by the entry whose settings they had
        for number in sorted({each for target in gone for numbers in here[target] for each in numbers}):
            entry = self.manifest.models[number]
            kept = [target for target in scope(entry, self.manifest) if target not in gone]
            if is_broad(entry):
                self.excluded[number].append(model)
                lost = {target for target in kept if target in here and (number,) in here[target]}
                if lost:
                    needs[number] |= lost
            elif not kept:
                self.deleted.add(number)
            else:
                self.only[number] = kept
        come -= self._let_in(model, come, wanted)
        if come:
            needs[None] |= come
        for source, targets in needs.items():
            self._add(model, targets, source)

    def _let_in(self, model: str, come: set[str], wanted: frozenset[str]) -> set[str]:
        """Targets that come with an entry that only has to leave its exclusion out."""
        done: set[str] = set()
        for entry in self.manifest.models:
            where = set(scope(entry, self.manifest))
            listed = [each.value for each in entry.exclude]
            if not where & come or not where <= wanted or model not in listed or not _selects(entry, model):
                continue
            if any(matching(pattern, [model]) for pattern in listed if pattern != model):
                continue
            path = ("models", entry.number, "exclude")
            self.modified[entry.number].append(partial(yamltext.drop_item, path=path, item=model))
            done |= where
        return done

    def _add(self, model: str, targets: set[str], source: int | None) -> None:
        """An entry of its own, or more targets for the one it has."""
        if source is None:
            own = sorted(
                number
                for cases in self.taking[model].values()
                for number in {each for numbers in cases for each in numbers} - self.deleted
                if self._is_own(self.manifest.models[number])
            )
            if own:
                kept = {t for t in scope(self.manifest.models[own[0]], self.manifest) if t in self.wanted[model]}
                self.only[own[0]] = [t for t in self.new_targets if t in kept | targets]
                return
        newcomer = self.newcomers[model]
        settings = self._settings(source) if source is not None else newcomer.settings
        lines = [f"{key}: {value}" for key, value in newcomer.selector]
        if targets != set(self.default or self.new_targets):
            lines.append(f"only: {flow([name for name in self.new_targets if name in targets])}")
        known = {"group": set(self.manifest.groups)}
        lines += [f"{key}: {value}" for key, value in settings if value in known.get(key, {value})]
        self.added[self._behind(model)].append(lines)

    def _is_own(self, entry: ModelEntry) -> bool:
        """Whether an entry says that the model is run as usual, and stands for it alone."""
        return not is_broad(entry) and not {"mode", "lowering"} & set(entry.layer.common)

    def _settings(self, number: int) -> Pairs:
        pairs = yamltext.source_lines(self.before, ("models", number))
        return tuple((key, value) for key, value in pairs if key not in SELECTING)

    def _behind(self, model: str) -> int | None:
        """The last entry of the model's family, else the last of all."""
        family = model.partition("/")[0] + "/"
        numbers = [e.number for e in self.manifest.models if e.name is not None and e.name.value.startswith(family)]
        return max(numbers, default=len(self.manifest.models) - 1 if self.manifest.models else None)

    def _limit(self, text: str, number: int) -> str:
        """Gives an entry the targets that were found for it."""
        path, targets = ("models", number, "only"), self.only[number]
        written = yamltext.find(text, path)
        if written is None:
            entry = self.manifest.models[number]
            first = next(key for key in ("name", "onnx", "python", "tag") if getattr(entry, key) is not None)
            return yamltext.put(text, path, flow(targets), after=first)
        had = [each.value for each in written.value]
        for target in (each for each in targets if each not in had):
            text = yamltext.add_item(text, path, target)
        for target in (each for each in had if each not in targets):
            text = yamltext.drop_item(text, path, target)
        return text

    def _entry(self, text: str, number: int) -> str:
        """New entries first, since they come behind this one."""
        for lines in sorted(self.added.get(number, ()), reverse=True):
            text = yamltext.add_entry(text, ("models",), lines, behind=number)
        excluded = self.excluded.get(number, ())
        if number in self.deleted or (excluded and self.taken[number] <= set(excluded)):
            return yamltext.drop_entry(text, ("models", number))
        entry = self.manifest.models[number]
        first = next((key for key in ("name", "python", "tag") if getattr(entry, key) is not None), "")
        for model in sorted(excluded):
            text = yamltext.add_item(text, ("models", number, "exclude"), model, after=first)
        for step in self.modified.get(number, ()):
            text = step(text)
        return self._limit(text, number) if number in self.only else text

    def _head(self, text: str) -> str:
        come = [name for name in self.new_targets if name not in self.old_targets]
        gone = [name for name in self.old_targets if name not in self.new_targets]
        for name in come:
            text = yamltext.add_item(text, ("targets",), name)
        limited = yamltext.find(text, ("only",)) is not None
        if come and not limited and self.default:
            text = yamltext.put(text, ("only",), flow(self.default), after="targets")
        for name in gone:
            text = yamltext.drop_item(text, ("targets",), name)
            head = yamltext.find(text, ("only",))
            if head is not None and name in [each.value for each in head.value]:
                text = yamltext.drop_item(text, ("only",), name)
        head = yamltext.find(text, ("only",))
        if gone and head is not None and {each.value for each in head.value} in (set(), set(self.new_targets)):
            text = yamltext.drop(text, ("only",))  # it would say nothing, or allow nothing where all targets are others
        return text


def _selects(entry: ModelEntry, model: str) -> bool:
    return entry.name is not None and bool(matching(entry.name.value, [model]))


def _without_unused_groups(text: str, manifest: Manifest) -> str:
    """A group that the last of its models left would be a mistake."""
    models = yamltext.find(text, ("models",))
    entries: Iterable[int] = range(len(models.value)) if models is not None else ()
    used = {node.value for number in entries if (node := yamltext.find(text, ("models", number, "group"))) is not None}
    for name in manifest.groups:
        if name not in used:
            text = yamltext.drop(text, ("groups", name))
            left = yamltext.find(text, ("groups",))
            if left is None or not left.value:
                text = yamltext.drop(text, ("groups",))
    return text


def disable(text: str, manifest: Manifest, one: Planned, checks: Sequence[str], issue: str) -> str:
    """Switches checks of a model off, on the target of the case that speaks for it."""
    target, entry = one.case.target, one.chosen.entries[-1]
    if is_broad(entry):
        off = "".join(f"{name}: false, " for name in checks)
        lines = [f"name: {scalar(one.case.model)}", f"only: {flow([target])}"]
        lines.append(f"checks: {{{off}issue: {scalar(issue)}}}")
        return yamltext.add_entry(text, ("models",), lines, behind=entry.number)
    alone = scope(entry, manifest) == [target]
    path: list[str | int] = ["models", entry.number, *([] if alone else ["targets", target]), "checks"]
    for name in checks:
        text = yamltext.put(text, [*path, name], "false")
    return text if one.case.checks.issue else yamltext.put(text, [*path, "issue"], scalar(issue))
