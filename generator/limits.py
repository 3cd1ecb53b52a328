"""GitHub's limits: turns a workflow or a matrix that GitHub would refuse into findings, before anything is written.

Sources: "Actions limits" and "Workflow syntax" in GitHub's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.errors import Finding, Location

MATRIX_JOBS = 256
WORKFLOW_BYTES = 500_000
EXPRESSION_CHARS = 21_000
OUTPUT_BYTES = 1_000_000  # all outputs of one job together, counted in UTF-16
DISPATCH_INPUTS = 25
NAME_CHARS = 100  # of a job id
FILE_BYTES = 50_000_000  # git hosting warns about larger files

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_JOB_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def check_workflow(file: str, text: str, job_ids: tuple[str, ...]) -> Iterator[Finding]:
    """Findings about one workflow file: its size, the length of its expressions, the names of its jobs."""
    place = Location(file)
    size = len(text.encode())
    if size > WORKFLOW_BYTES:
        yield Finding(
            place,
            f"the workflow would have {size:,} bytes; GitHub refuses more than {WORKFLOW_BYTES:,}",
            "split the suite: fewer targets per manifest",
        )
    for match in _EXPRESSION.finditer(text):
        if len(match[0]) > EXPRESSION_CHARS:
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(
                Location(file, line, 1),
                f"an expression has {len(match[0]):,} characters; GitHub refuses more than {EXPRESSION_CHARS:,}",
                "shorten the value in targets.yaml that it contains",
            )
    for job in job_ids:
        if len(job) > NAME_CHARS or not _JOB_ID.fullmatch(job):
            yield Finding(
                place,
                f"{job[:NAME_CHARS]!r} cannot name a job: letters, digits, - and _, at most {NAME_CHARS}",
                "rename the target in targets.yaml",
            )


def check_matrix_file(file: str, size: int) -> Iterator[Finding]:
    """A finding when a matrix file is larger than a git host likes."""
    if size > FILE_BYTES:
        yield Finding(
            Location(file),
            f"the matrix would have {size:,} bytes; files over {FILE_BYTES:,} are a burden on every clone",
            "split the suite into several manifests",
        )


def check_outputs(file: str, outputs: dict[str, str]) -> Iterator[Finding]:
    """A finding when a job's outputs (name -> value) exceed what GitHub passes on; anything beyond is dropped."""
    size = sum(len(f"{name}={value}\n".encode("utf-16-le")) for name, value in outputs.items())
    if size > OUTPUT_BYTES:
        yield Finding(
            Location(file),
            f"the selected matrices have {size:,} bytes; GitHub passes on {OUTPUT_BYTES:,} between jobs",
            "raise the targets' job-minutes budgets so that there are fewer shards, or split the suite",
        )
