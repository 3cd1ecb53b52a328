"""The workflow linters find each of these mistakes at its place, and pass what is right."""

import subprocess
from pathlib import Path

import pytest

from tests.workflow_support.node import ACTIONS, node

pytestmark = pytest.mark.slow

PLAIN = """\
on: push
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - run: make
"""
CALLED = """\
on:
  workflow_call:
    inputs:
      shard: {type: number, required: true}
    secrets:
      TOKEN: {required: false}
jobs:
  run:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "$N"
        env: {N: "${{ inputs.shard }}"}
"""
SETUP = """\
name: Setup
description: Prepares the machine
inputs:
  target: {description: what for, required: true}
runs:
  using: composite
  steps:
    - run: echo "$TARGET"
      shell: bash
      env: {TARGET: "${{ inputs.target }}"}
"""


def call(arguments: str) -> str:
    """A workflow whose only job calls `called.yml`."""
    return f"on: push\npermissions: {{}}\njobs:\n  a:\n    uses: ./.github/workflows/called.yml\n{arguments}"


def steps(text: str) -> str:
    """A workflow with one job that has these steps."""
    return f"on: push\npermissions: {{}}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n{text}"


# A mistake: the workflow that makes it, the place, a part of what is said there.
BROKEN = {
    "an unknown key": (
        PLAIN.replace("runs-on", "runs-in"),
        "5:5",
        "Unexpected value 'runs-in' [github]",
    ),
    "a duplicate key": (
        PLAIN + "    runs-on: ubuntu-24.04\n",
        "8:5",
        "'runs-on' is already defined [github]",
    ),
    "no YAML": (
        PLAIN + "  : - [",
        "8:",
        "[github]",
    ),
    "an unknown context": (
        steps("      - run: echo ${{ input.x }}\n"),
        "7:23",
        'undefined variable "input"',
    ),
    "a context that is not there yet": (
        PLAIN.replace("    steps:", "    if: matrix.x == 1\n    steps:"),
        "6:9",
        "Unrecognized named-value: 'matrix' [github]",
    ),
    "an unknown need": (
        PLAIN + "  b: {needs: absent, runs-on: ubuntu-24.04, steps: [{run: make}]}\n",
        "8:14",
        "Job 'b' depends on unknown job 'absent'. [github]",
    ),
    "a cycle of needs": (
        PLAIN + "  b: {needs: b, runs-on: ubuntu-24.04, steps: [{run: make}]}\n",
        "8:14",
        "Job 'b' depends on job 'b' which creates a cycle in the dependency graph. [github]",
    ),
    "an output of a step that has none of that name": (
        steps("      - {id: a, run: 'true'}\n      - run: echo ${{ steps.b.outputs.x }}\n"),
        "8:23",
        'property "b" is not defined',
    ),
    "an event's text in a script": (
        steps("      - run: echo ${{ github.event.issue.title }}\n"),
        "7:23",
        '"github.event.issue.title" is potentially untrusted',
    ),
    "a bad cron line": (
        PLAIN.replace("on: push", 'on: {schedule: [{cron: "61 * * * *"}]}'),
        "1:",
        "cron",
    ),
    "an input that the called workflow lacks": (
        call("    with: {shard: 1, shards: 2}\n"),
        "6:30",
        "Invalid input, shards is not defined in the referenced workflow. [github]",
    ),
    "a required input left out": (
        call(""),
        "5:11",
        "Input shard is required, but not provided while calling. [github]",
    ),
    "a secret that the called workflow lacks": (
        call("    with: {shard: 1}\n    secrets: {KEY: x}\n"),
        "7:20",
        "Invalid secret, KEY is not defined in the referenced workflow. [github]",
    ),
    "an input of the wrong type": (
        call('    with: {shard: "1"}\n'),
        "6:19",
        'the input "shard" of .github/workflows/called.yml is a number, not "1" [local]',
    ),
    "a called workflow that is not there": (
        call("    with: {shard: 1}\n").replace("called.yml", "absent.yml"),
        "5:11",
        "Unable to find reusable workflow [github]",
    ),
    "a local action that is not there": (
        steps("      - uses: ./.github/actions/absent\n"),
        "7:15",
        "no action.yml in .github/actions/absent [local]",
    ),
    "an input that the local action lacks": (
        steps("      - uses: ./.github/actions/setup\n        with: {target: cpu, python: x}\n"),
        "8:29",
        'the action .github/actions/setup has no input "python"; it has: target [local]',
    ),
    "a local action's required input left out": (
        steps("      - uses: ./.github/actions/setup\n"),
        "7:15",
        'the action .github/actions/setup requires the input "target" [local]',
    ),
    "an unknown runner label": (
        PLAIN.replace("ubuntu-24.04", "ubuntu-24-04"),
        "5:14",
        'label "ubuntu-24-04" is unknown',
    ),
}


def lint(root: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        path = root / ".github" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [node(), str(ACTIONS / "lint.mjs"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def file_name(mistake: str) -> str:
    return mistake.replace(" ", "-").replace("'", "") + ".yml"


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What one run says about all broken workflows side by side: no mistake may hide another file's."""
    files = {f"workflows/{file_name(mistake)}": text for mistake, (text, _, _) in BROKEN.items()}
    files |= {"workflows/called.yml": CALLED, "actions/setup/action.yml": SETUP}
    done = lint(tmp_path_factory.mktemp("broken"), files)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{len(files) - 1} workflow files, 1 action, {len(lines) - 1} findings"
    return lines


@pytest.mark.parametrize("mistake", BROKEN)
def test_each_mistake_is_found_at_its_place(findings: list[str], mistake: str) -> None:
    prefix = f".github/workflows/{file_name(mistake)}:"
    own = [line.removeprefix(prefix) for line in findings if line.startswith(prefix)]
    _, place, message = BROKEN[mistake]
    assert any(line.startswith(place) and message in line for line in own), own


def test_right_workflows_pass(tmp_path: Path) -> None:
    files = {
        "workflows/w.yml": PLAIN,
        "workflows/called.yml": CALLED,
        "workflows/calls.yml": call("    with: {shard: 1}\n"),
        "workflows/setup.yml": steps("      - uses: ./.github/actions/setup\n        with: {target: cpu}\n"),
        "actions/setup/action.yml": SETUP,
    }
    done = lint(tmp_path, files)
    assert (done.returncode, done.stdout) == (0, "4 workflow files, 1 action, 0 findings\n"), done.stderr


def test_a_broken_action_is_found(tmp_path: Path) -> None:
    broken = SETUP.replace("      shell: bash\n", "").replace("inputs.target", "secrets.TOKEN")
    done = lint(tmp_path, {"workflows/w.yml": PLAIN, "actions/setup/action.yml": broken})
    assert done.returncode == 1
    assert ".github/actions/setup/action.yml:8:7: Required property is missing: shell [github]" in done.stdout
    assert "Unrecognized named-value: 'secrets'" in done.stdout


def test_labels_of_our_own_machines_are_known_once_configured(tmp_path: Path) -> None:
    workflow = PLAIN.replace("ubuntu-24.04", "[self-hosted, linux, mi300]")
    assert lint(tmp_path, {"workflows/w.yml": workflow}).returncode == 1
    configured = {"workflows/w.yml": workflow, "actionlint.yaml": "self-hosted-runner: {labels: [mi*]}\n"}
    assert lint(tmp_path, configured).returncode == 0


def test_the_committed_workflows_have_no_finding() -> None:
    done = lint(Path(__file__).parent.parent, {})
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_to_lint_does_not_read_as_clean(tmp_path: Path) -> None:
    done = lint(tmp_path, {})
    assert done.returncode == 2
    assert "nothing was linted" in done.stderr
