"""Turns a workflow that a test writes down into a repository and a run of it."""

from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.workflow_support.executor import WorkflowRun, run_workflow

WORKFLOW = ".github/workflows/w.yml"
DISPATCH = "on: workflow_dispatch\n"


def execute(tmp_path: Path, workflow: str, files: dict[str, str] | None = None, **arguments: Any) -> WorkflowRun:
    """Runs `workflow` in a repository that has these further files."""
    root = tmp_path / "repository"
    for name, text in {WORKFLOW: workflow, **(files or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return run_workflow(root, WORKFLOW, out=tmp_path / "out", **arguments)


def job(body: str, *, head: str = DISPATCH) -> str:
    """A workflow with the one job `a` whose steps are `body`."""
    steps = "\n".join(f"      {line}" for line in dedent(body).strip().splitlines())
    return f"{head}jobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n{steps}\n"
