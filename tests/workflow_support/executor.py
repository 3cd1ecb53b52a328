"""Turns a workflow file and an event into a run on this machine, with typed results."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.workflow_support.node import ACTIONS, node

SUCCESS, FAILURE, IMPOSSIBLE = 0, 1, 2


class ImpossibleError(Exception):
    """The executor cannot imitate what the workflow or the caller asks for."""


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One step as it ended; `steps` are those of a composite action."""

    name: str
    outcome: str
    conclusion: str
    seconds: float
    outputs: dict[str, str]
    id: str | None = None
    steps: list["StepRun"] = []
    replaced: str | None = None
    log_path: Path | None = msgspec.field(default=None, name="log")

    @property
    def log(self) -> str:
        """All that the step printed."""
        return self.log_path.read_text() if self.log_path else ""


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a step said with ::error, ::warning or ::notice."""

    level: str
    message: str
    title: str | None = None
    file: str | None = None
    line: int | None = None


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One job, or one configuration of its matrix; a job that calls a workflow has no steps of its own."""

    id: str
    path: str
    name: str
    matrix: dict[str, Any] | None
    inputs: dict[str, Any]
    permissions: dict[str, str] | str | None
    result: str
    outputs: dict[str, str]
    steps: list[StepRun]
    summary: str
    annotations: list[Annotation]
    notes: list[str]
    runs_on: list[str] = []
    container: Any = None
    environment: Any = None
    error: str | None = None
    workspace: Path | None = None

    def step(self, name: str) -> StepRun:
        """The step with this id or name."""
        return next(step for step in self.steps if name in {step.id, step.name})


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One uploaded artifact: its files lie under `path`."""

    name: str
    job: str
    attempt: int
    files: list[str]
    path: Path


class WorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    conclusion: str
    jobs: list[JobRun]
    artifacts: list[Artifact]
    error: str | None = None

    def job(self, job_id: str) -> JobRun:
        """The job with this id, for example `cpu (0)/shard`."""
        found = [job for job in self.jobs if job.id == job_id]
        assert found, f"no job {job_id!r}; there are: {list(self.results)}"
        return found[0]

    def artifact(self, name: str) -> Artifact:
        """The artifact of this name."""
        found = [artifact for artifact in self.artifacts if artifact.name == name]
        assert found, f"no artifact {name!r}; there are: {[artifact.name for artifact in self.artifacts]}"
        return found[0]

    @property
    def results(self) -> dict[str, str]:
        """The result of each job by its id, in the order in which they came up."""
        return {job.id: job.result for job in self.jobs}

    def explain(self) -> str:
        """For an assertion's message: what failed, with the ends of the logs."""
        lines = [f"run: {self.conclusion} {self.error or ''}"]
        for job in self.jobs:
            lines.append(f"{job.result}: {job.id} {job.error or ''}")
            failed = (step for step in job.steps if step.outcome == "failure")
            lines += (f"  {step.name}\n{step.log[-3000:]}" for step in failed)
        return "\n".join(lines)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What else a run may be given; the defaults suit most tests."""

    secrets: dict[str, str] = {}
    variables: dict[str, str] = {}
    environment: dict[str, str] = {}
    payload: dict[str, Any] = {}
    repository: str = "owner/name"
    ref: str = "refs/heads/main"
    python: str = sys.executable
    cache: Path | None = None
    rerun_failed: bool = False
    minute_ms: int = 60_000
    timeout: float = 600


def run_workflow(
    root: Path,
    workflow: str,
    *,
    out: Path,
    event: str = "workflow_dispatch",
    inputs: Mapping[str, str] | None = None,
    substitutions: Mapping[str, str] | None = None,
    sabotage: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> WorkflowRun:
    """Runs `workflow` (a path in `root`); `substitutions` and `sabotage` map step selectors to commands.

    Raises:
        ImpossibleError: The executor cannot imitate something, or a selector matched no step.
    """
    options = options or Options()
    out.mkdir(parents=True, exist_ok=True)
    command = [
        *(node(), str(ACTIONS / "run_workflow.mjs"), "--root", str(root), "--workflow", workflow),
        *("--out", str(out), "--event", event, "--substitute", json.dumps(dict(substitutions or {}))),
        *_repeated("input", inputs),
        *_repeated("sabotage", sabotage),
        *_flags(options, out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=options.timeout)
    if done.returncode == IMPOSSIBLE:
        raise ImpossibleError(done.stderr.strip())
    if done.returncode not in {SUCCESS, FAILURE}:
        raise RuntimeError(done.stderr)
    result = (out / "result.json").read_bytes()
    run = msgspec.json.decode(result, type=WorkflowRun, dec_hook=lambda kind, value: kind(value))
    assert (run.conclusion == "success") == (done.returncode == SUCCESS)
    return run


def _flags(options: Options, out: Path) -> list[str]:
    payload = out / "payload.json"
    payload.write_text(json.dumps(options.payload))
    return [
        *_repeated("secret", options.secrets),
        *_repeated("var", options.variables),
        *_repeated("environment", options.environment),
        *("--payload", str(payload), "--repository", options.repository, "--ref", options.ref),
        *("--python", options.python, "--minute-ms", str(options.minute_ms)),
        *(["--rerun-failed"] if options.rerun_failed else []),
        *(["--cache", str(options.cache)] if options.cache else []),
    ]


def _repeated(name: str, values: Mapping[str, str] | None) -> list[str]:
    return [word for key, value in (values or {}).items() for word in (f"--{name}", f"{key}={value}")]
