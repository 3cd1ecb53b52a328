"""The wish for one half of a shard becomes its run: its outcomes, and for the build what the device's job must load."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from runner import closing, toolchain
from runner.halves.build import BuildRun, building, told
from runner.halves.device import DeviceRun, device_batch
from runner.halves.drivercode import take_over
from runner.halves.precompile import precompile
from runner.options import Options
from runner.outcome import Outcome
from runner.schedule import Stop
from runner.select import Batch
from runner.store import default_store
from schemas.case import Case
from schemas.errors import UsageError
from schemas.partial import Half
from schemas.target import Target
from schemas.words import Extra
from suites import timings
from suites.workspace import Workspace


def run_half(
    workspace: Workspace, batches: Sequence[Batch], options: Options, stopped: Callable[[], bool]
) -> list[Outcome]:
    """Run one half of each shard; UsageError where a target builds on no other one.

    The outcomes of a build have no records: a case that failed in it is told, and counted, by the device's half.
    """
    on_ci = os.environ.get("GITHUB_ACTIONS") == "true" or bool(os.environ.get("CI"))
    half = _build if options.half is Half.BUILD else _device
    outcomes: list[Outcome] = []
    for batch in batches:
        outcomes.append(half(workspace, batch, options, stopped, on_ci=on_ci))
        if outcomes[-1].stop is Stop.INTERRUPTED:
            break
    return outcomes


def _machine(workspace: Workspace, batch: Batch) -> Target:
    name = workspace.target(batch.target.name).build_on
    if name is None:
        raise UsageError(
            f"--half: the target {batch.target.name} has no build-on, so that its shards are in one piece",
            "leave --half out, or give the target `build-on: TARGET` in targets.yaml",
        )
    return workspace.target(name)


def _build(
    workspace: Workspace, batch: Batch, options: Options, stopped: Callable[[], bool], *, on_ci: bool
) -> Outcome:
    machine = _machine(workspace, batch)
    tools = toolchain.find(options.compiler, building(batch.target, machine))
    run = BuildRun(batch, options, tools, on_ci, machine)
    recorded = timings.load(options.suites)
    begun = time.monotonic()
    outcome = run.run(lambda case: recorded.build_seconds(case.target, case), stopped)
    print(told(run, outcome), flush=True)
    suite = workspace.suite(batch.suite)
    loading = [case for case in batch.cases if run.loads(case.id)]
    extras = {extra for case in loading for extra in suite.extras_of(case)}
    _hand_on(os.environ, extras, loading)
    if batch.target.precompile_driver is not None and outcome.stop is Stop.DONE:
        print("\n".join(precompile(batch, machine, options, begun, stopped)), flush=True)
        outcome = msgspec.structs.replace(outcome, stop=Stop.INTERRUPTED if stopped() else Stop.DONE)
    return msgspec.structs.replace(outcome, records=())


def _hand_on(environment: Mapping[str, str], extras: set[Extra], loading: Sequence[Case]) -> None:
    """Tell the workflow what the device's job has to install, and whether it loads models at all."""
    output = environment.get("GITHUB_OUTPUT")
    if output:
        with pathlib.Path(output).open("a", encoding="utf-8") as file:
            file.write(f"extras={' '.join(sorted(extras))}\nloads={str(bool(loading)).lower()}\n")


def _device(
    workspace: Workspace, batch: Batch, options: Options, stopped: Callable[[], bool], *, on_ci: bool
) -> Outcome:
    _machine(workspace, batch)
    batch, handed = device_batch(batch, options)
    if batch.target.precompile_driver is not None and not options.force_recompile:
        print("".join(f"{line}\n" for line in take_over(default_store(), batch, options.handover)), end="", flush=True)
    tools = toolchain.find(options.compiler, batch.target, compiler=batch.needs_compiler)
    run = DeviceRun(batch, options, tools, on_ci, handed)
    recorded = timings.load(options.suites)
    outcome = run.run(lambda case: recorded.device_seconds(case.target, case), stopped)
    closing.show(outcome, options, os.environ)
    return outcome
