"""The configuration file of a folder of op tests turned into flags, and into what it says of each test."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.case import Expectation, Skip
from schemas.errors import Location
from schemas.words import Depth, SkipReason, Stage
from suites.fields import Entry, Keys, Table
from suites.imported.jsonfile import JsonFile
from suites.imported.model import Request, values

#: What their tool calls a run that failed: `iree-run-module` said no, for whatever reason.
RUNS: tuple[Stage, ...] = (Stage.CONSTRUCT_INPUTS, Stage.COMPILED_INFERENCE, Stage.COMPARISON)


class OpsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration file. The lists are by test."""

    shown: str
    name: str
    compile_flags: tuple[str, ...]
    run_flags: tuple[str, ...]
    skipped: Mapping[str, Location]
    not_run: Mapping[str, Location]
    compile_failures: Mapping[str, Location]
    run_failures: Mapping[str, Location]
    table: Table

    def skip(self, test: str) -> Skip | None:
        """Why the test is left out."""
        at = self.skipped.get(test)
        return None if at is None else Skip(SkipReason.MANIFEST, f"skip_compile_tests of {self.name} has it")

    def depth(self, test: str) -> Depth | None:
        """How far the test goes at most."""
        return Depth.COMPILE if test in self.not_run else None

    def expectation(self, test: str, runs: tuple[Stage, ...] = RUNS) -> Expectation | None:
        """What the lists say; a test in both may fail either way."""
        compiles, running = self.compile_failures.get(test), self.run_failures.get(test)
        return failing(compiles, running, runs)


def failing(compiles: Location | None, running: Location | None, runs: tuple[Stage, ...]) -> Expectation | None:
    """An expectation without a signature, from the places that demand it."""
    stages = (*((Stage.COMPILATION,) if compiles else ()), *(runs if running else ()))
    at = compiles or running
    if at is None or not stages:
        return None
    first = Stage.COMPILATION if compiles else Stage.COMPILED_INFERENCE
    return Expectation(stage=first, signature="", where=f"{at.file}:{at.line}", anyhow=stages)


def read_config(request: Request, keys: Keys) -> OpsConfig | None:
    """The file that the entry's `config:` names; None with findings."""
    if request.config is None:
        message = f"directory: the format {request.format} has its flags in a configuration file, and none is named"
        request.findings.add(request.directory_at, message, "add `config:` with its path")
        return None
    file = JsonFile(request.real(request.config), request.findings)
    table = file.table(keys, "configuration")
    if table is None:
        return None
    return OpsConfig(
        shown=file.shown,
        name=str(table["config_name"].value),
        compile_flags=values(table["iree_compile_flags"].value),
        run_flags=values(table["iree_run_module_flags"].value),
        skipped=_places(table.get("skip_compile_tests")),
        not_run=_places(table.get("skip_run_tests")),
        compile_failures=_places(table.get("expected_compile_failures")),
        run_failures=_places(table.get("expected_run_failures")),
        table=table,
    )


def _places(entry: Entry | None) -> dict[str, Location]:
    return {str(each.value): each.at for each in entry.value} if entry is not None else {}
