"""Turns a workspace into the plan of all generated files: a matrix and a workflow per suite, and one shard workflow."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from generator import extras, limits, matrix, render, timeouts
from generator.jobs import shard_jobs
from generator.select import MATRICES
from schemas import codec
from schemas.errors import Finding, ManifestError
from schemas.matrix import MATRIX_SCHEMA, Matrix, MatrixSource
from schemas.target import Target
from suites.targets import at_depth
from suites.timings import Timings
from suites.workspace import Suite, Workspace

SHARD_WORKFLOW = ".github/workflows/shard.yml"


def naming(root: Path, suites_dir: Path) -> render.Naming:
    """How generated files name their sources: from the repository's root, with forward slashes."""
    return render.Naming(suites_dir=Path(os.path.relpath(suites_dir.resolve(), root.resolve())).as_posix())


def plan(
    workspace: Workspace, timings: Timings, root: Path, naming: render.Naming, *, rebalance: bool = False
) -> dict[str, str]:
    """Path -> text of every generated file; raises ManifestError with every limit of GitHub's that would be passed."""
    targets = {target.name: target for target in workspace.targets}
    targets_file = f"{naming.suites_dir}/targets.yaml"
    findings: list[Finding] = []
    added = dict.fromkeys(targets, 0.0)  # by target: what extras add to a set-up
    files = {SHARD_WORKFLOW: render.shard_workflow(workspace.targets, naming)}
    findings += limits.check_workflow(SHARD_WORKFLOW, files[SHARD_WORKFLOW], ())
    for suite in (each for each in workspace.suites if each.cases):  # an empty list has nothing to run
        built = build_matrix(workspace, suite, timings, root, naming, rebalance=rebalance)
        findings += matrix.check(built, targets)
        files |= _files(suite, built, targets, naming, findings)
        for each in built.targets:
            added[each.target] = max(added[each.target], *(extras.seconds(shard.extras) for shard in each.shards))
    for target in workspace.targets:
        findings += timeouts.check(target, targets_file, added[target.name])
    if findings:
        raise ManifestError(tuple(findings))
    return files


def _files(
    suite: Suite, built: Matrix, targets: dict[str, Target], naming: render.Naming, findings: list[Finding]
) -> dict[str, str]:
    """A suite's two files; what GitHub would refuse of them is added to ``findings``."""
    matrix_file, matrix_text = render.matrix_file(suite.name), codec.encode_pretty(built).decode()
    findings += limits.check_matrix_file(matrix_file, len(matrix_text.encode()))
    used = {name: at_depth(target, suite.depth) for name, target in targets.items()}
    file, text = render.workflow_file(suite.name), render.suite_workflow(suite, built, used, naming)
    findings += limits.check_workflow(file, text, tuple(job.id for job in shard_jobs(built)))
    return {matrix_file: matrix_text, file: text}


def build_matrix(
    workspace: Workspace, suite: Suite, timings: Timings, root: Path, naming: render.Naming, *, rebalance: bool = False
) -> Matrix:
    """One suite's matrix, starting from the committed one, with its source named from the repository's root."""
    built = matrix.build(workspace, suite, timings, previous(root, suite.name), rebalance=rebalance)
    file = f"{naming.suites_dir}/{Path(suite.file).name}"
    return msgspec.structs.replace(
        built,
        generated=f"{naming.header(file)} {naming.remake}",
        source=MatrixSource(file=file, sha256=suite.sha256),
    )


def previous(root: Path, suite: str) -> Matrix | None:
    """The committed matrix, or None when there is none that can be read: then all shards are planned afresh."""
    try:
        matrix = codec.decode((root / MATRICES / f"{suite}.json").read_bytes(), Matrix)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return matrix if matrix.schema == MATRIX_SCHEMA else None
