"""`timings/<target>.json` turned into expected seconds of every case, known or not.

A case without a record of its own is expected to take what those most like it take on that target (`estimate`), else
what it takes on other targets, else a fixed guess by kind of source. Cases that go op by op have keys of their own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from schemas.case import Case
from schemas.codec import decode
from schemas.errors import Location, ManifestError
from schemas.imported import Format
from schemas.words import Depth, SourceKind
from suites import catalog
from suites.buildon import whole_because
from suites.estimate import OPS, Estimate, Groups, TagsOf, p75
from suites.findings import Findings
from suites.nodes import shown

TIMINGS_SCHEMA = "e2eshard.timings/1"
FOLDER = "timings"
SKIPPED_SECONDS = 0.01  # a skipped case is only written down
_CATALOG_GUESS = 1.0
_FILE_GUESS = 30.0
_GUESS: Mapping[SourceKind, float] = {
    SourceKind.ONNX_NODE: _CATALOG_GUESS,
    SourceKind.ONNX_DATA: _CATALOG_GUESS,
    SourceKind.ONNX_FILE: _FILE_GUESS,
    SourceKind.ONNX_URL: _FILE_GUESS,
    SourceKind.MLIR_FILE: _FILE_GUESS,
    SourceKind.MLIR_URL: _FILE_GUESS,
    SourceKind.PYTHON: _FILE_GUESS,
    SourceKind.IMPORTED: _FILE_GUESS,
}
_OF_OPS = (Format.ONNX_OPS, Format.TORCH_OPS)  # one operator a test
_OPS_GUESS = 60.0
#: Of a case's seconds, what the device is needed for where nothing is recorded: to run it and to compare.
_SMALL_SHARE = 0.1
_LARGE_SHARE = 1 / 3
_DIGITS = 2


class TimingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The p75 of successful runs in seconds, by case key (`model@path`), on one target."""

    schema: str = TIMINGS_SCHEMA
    target: str
    seconds: dict[str, float]
    #: What of it the device was needed for, where the rest was built elsewhere; absent where nothing was.
    device_seconds: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


def catalog_tags(model: str) -> tuple[str, ...]:
    """The tags of a model of the catalogue; none of any other."""
    entry = catalog.by_name().get(model)
    return entry.tags if entry else ()


class Timings:
    """Expected seconds per case and target. ``tags_of`` gives a model's tags, which say what it is like."""

    def __init__(self, files: Mapping[str, TimingsFile], tags_of: TagsOf = catalog_tags) -> None:
        self._recorded = {target: file.seconds for target, file in files.items()}
        self._groups = {target: Groups(target, seconds, tags_of) for target, seconds in self._recorded.items()}
        self._on_device = {target: file.device_seconds or {} for target, file in files.items()}
        self._device_groups = {target: Groups(target, known, tags_of) for target, known in self._on_device.items()}

    def seconds(self, target: str, case: Case) -> float:
        """Seconds this case is expected to take on a target, set-up of the job not included."""
        if case.skip is not None:
            return SKIPPED_SECONDS
        known = self._recorded.get(target, {}).get(key_of(case.key, case.depth))
        return known if known is not None else self.explained(target, case).seconds

    def explained(self, target: str, case: Case) -> Estimate:
        """The same with its reason."""
        if case.skip is not None:
            return Estimate(SKIPPED_SECONDS, "skipped")
        key = key_of(case.key, case.depth)
        known = self._recorded.get(target, {}).get(key)
        if known is not None:
            return Estimate(known, "recorded", target)
        found = self._groups[target].estimate(key) if target in self._groups else None
        return found or self._elsewhere(key) or _guess(case, key)

    def _elsewhere(self, key: str) -> Estimate | None:
        found = sorted((seconds[key], target) for target, seconds in self._recorded.items() if key in seconds)
        if not found:
            return None
        counted = p75([seconds for seconds, _ in found])
        of = next(target for seconds, target in found if seconds == counted)
        return Estimate(counted, f"p75 of {len(found)}: the same case on other targets", of)

    def device_seconds(self, target: str, case: Case) -> float:
        """Seconds for which a case needs the target's own machine, where the rest of it is built elsewhere."""
        if case.skip is not None or whole_because(case):
            return self.seconds(target, case)
        known = self._on_device.get(target, {}).get(case.key)
        if known is not None:
            return known
        like = self._device_groups[target].estimate(case.key) if target in self._device_groups else None
        share = _SMALL_SHARE if case.source.kind is SourceKind.ONNX_NODE else _LARGE_SHARE
        return self.seconds(target, case) * share if like is None else like.seconds

    def build_seconds(self, target: str, case: Case) -> float:
        """The rest of them: nothing for a case that the device runs as a whole."""
        if case.skip is not None or whole_because(case):
            return 0.0
        return max(0.0, self.seconds(target, case) - self.device_seconds(target, case))

    def recorded_on_device(self, target: str) -> Mapping[str, float]:
        """What was recorded of a target's own machines, by case key."""
        return self._on_device.get(target, {})

    def recorded(self, target: str) -> Mapping[str, float]:
        """What was recorded on a target, by case key."""
        return self._recorded.get(target, {})


def key_of(key: str, depth: Depth) -> str:
    """The key under which a case's duration stands."""
    return f"{key}{OPS}" if depth in (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP) else key


def _guess(case: Case, key: str) -> Estimate:
    """Where nothing at all was recorded."""
    seconds = _OPS_GUESS if key != case.key else _GUESS.get(case.source.kind, _FILE_GUESS)
    if case.definition is not None and case.definition.format in _OF_OPS:
        seconds = _CATALOG_GUESS
    return Estimate(seconds, "a guess")


def file_of(folder: Path, target: str) -> Path:
    """Where the durations of a target stand."""
    return folder / FOLDER / f"{target}.json"


def load(suites_dir: Path) -> Timings:
    """All recorded durations, with tags of the catalogue alone; raises `ManifestError` with every unreadable file."""
    findings = Findings()
    timings = read_timings(suites_dir, None, findings)
    if findings:
        raise ManifestError(findings.all())
    return timings


def read_timings(
    suites_dir: Path, targets: tuple[str, ...] | None, findings: Findings, tags_of: TagsOf = catalog_tags
) -> Timings:
    """All recorded durations; with `targets`, files of other targets are findings."""
    files: dict[str, TimingsFile] = {}
    for path in sorted((suites_dir / FOLDER).glob("*.json")):
        where = Location(shown(path))
        remedy = "delete it and run `results timings DIR --write`"
        if targets is not None and path.stem not in targets:
            findings.add(where, f"durations of an unknown target {path.stem!r}", "rename or delete the file")
            continue
        try:
            file = decode(path.read_bytes(), TimingsFile)
        except (OSError, msgspec.DecodeError) as error:
            findings.add(where, f"is no file of durations: {error}", remedy)
            continue
        every = (*file.seconds.items(), *(file.device_seconds or {}).items())
        bad = [key for key, value in every if not (math.isfinite(value) and value >= 0)]
        if file.schema != TIMINGS_SCHEMA or file.target != path.stem or bad:
            wrong = f"schema {file.schema}, target {file.target}" + (
                f", impossible durations of {bad[:3]}" if bad else ""
            )
            findings.add(where, f"is no file of durations of {path.stem}: {wrong}", remedy)
            continue
        files[path.stem] = file
    return Timings(files, tags_of)


def dump(target: str, seconds: Mapping[str, float], on_device: Mapping[str, float] = MappingProxyType({})) -> bytes:
    """The file's bytes: sorted by key, one line a case, two significant digits so that small changes leave it alone."""
    rounded = TimingsFile(
        target=target,
        seconds={key: _rounded(seconds[key]) for key in sorted(seconds)},
        device_seconds={key: _rounded(on_device[key]) for key in sorted(on_device)} if on_device else msgspec.UNSET,
    )
    return msgspec.json.format(msgspec.json.encode(rounded), indent=1) + b"\n"


@functools.lru_cache(maxsize=4096)
def _rounded(value: float) -> float:
    if value <= 0:
        return 0.0
    return round(value, _DIGITS - 1 - math.floor(math.log10(value)))
