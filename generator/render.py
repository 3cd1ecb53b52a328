"""Turns a suite and its matrix into the text of its workflow, and all targets into that of the shard workflow."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jinja2
import msgspec

from generator import timeouts
from generator.github import ACTIONS, HOSTED_LABEL
from generator.jobs import ShardJob, shard_jobs
from schemas.errors import UsageError
from schemas.matrix import Matrix
from schemas.target import Container, Target
from suites.keys import DEPTHS
from suites.workspace import Suite

#: How a generated file is known from a hand-written one.
MARK = "Generated from"

#: Where a shard keeps downloads and compiled modules; relative, so that it is the same inside and outside a container.
STORE = ".e2eshard-store"


#: Where the drivers of a shard's device keep what they compile; inside the store, which a device's half needs rarely.
DRIVERS = f"{STORE}/drivers"


def _joined(what: str, *parts: str) -> str:
    return "-".join((what, *(f"${{{{ {part} }}}}" for part in parts)))


#: What it is kept under between runs: the newest store of the same shard is the next best to one of the same contents,
#: then that of any shard of the target, since cases move between them.
_OF_TARGET = ("runner.arch", "inputs.suite", "inputs.target")
_OF_SHARD = (*_OF_TARGET, "inputs.shard", "inputs.compiler-version")
#: How long what one job hands to the next one is kept: as long as somebody may run the failed jobs again.
HANDOVER_DAYS = 5


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """How generated files speak of their sources: paths from the repository's root."""

    suites_dir: str = "suites"

    @property
    def command(self) -> str:
        """What remakes all generated files."""
        return "python -m generator" + ("" if self.suites_dir == "suites" else f" --suites {self.suites_dir}")

    def header(self, source: str) -> str:
        """First line of a generated file; generated files are known by its first words."""
        return f"{MARK} {source}; do not edit."

    @property
    def remake(self) -> str:
        """Second line of a generated file."""
        return f"To change it, edit its sources and run: {self.command}"


def suite_workflow(suite: Suite, matrix: Matrix, targets: dict[str, Target], naming: Naming) -> str:
    """``suite-<suite>.yml``; ``targets`` maps names to the targets of the suite."""
    builders = {plan.target: targets[plan.build.target] for plan in matrix.targets if plan.build is not None}
    jobs = [_job(job, targets[job.target], builders.get(job.target)) for job in shard_jobs(matrix)]
    return template("suite.yml.j2").render(
        header=naming.header(suite.file),
        remake=naming.remake,
        suite=suite,
        target_names=", ".join(plan.target for plan in matrix.targets),
        jobs=jobs,
        matrix_file=matrix_file(suite.name),
        depths=", ".join(DEPTHS),
        **_common(),
    )


def shard_workflow(targets: tuple[Target, ...], naming: Naming) -> str:
    """``shard.yml``, the same for every suite; it knows the names of all secrets that any target asks for."""
    return template("shard.yml.j2").render(
        header=naming.header(f"{naming.suites_dir}/targets.yaml"),
        remake=naming.remake,
        secrets=sorted({secret for target in targets for secret in target.secrets}),
        suites_dir=naming.suites_dir,
        store=STORE,
        store_key=_joined("store", *_OF_SHARD),
        store_of_target=_joined("store", *_OF_TARGET),
        drivers=DRIVERS,
        drivers_key=_joined("drivers", *_OF_SHARD),
        drivers_of_target=_joined("drivers", *_OF_TARGET),
        cache_minutes=timeouts.CACHE_MINUTES,
        upload_minutes=timeouts.UPLOAD_MINUTES,
        download_minutes=timeouts.DOWNLOAD_MINUTES,
        handover_days=HANDOVER_DAYS,
        **_common(),
    )


def matrix_file(suite: str) -> str:
    """Path of a suite's matrix from the repository's root."""
    return f".github/matrices/{suite}.json"


def workflow_file(suite: str) -> str:
    """Path of a suite's workflow from the repository's root."""
    return f".github/workflows/suite-{suite}.yml"


def _common() -> dict[str, Any]:
    return {
        "actions": ACTIONS,
        "hosted_label": HOSTED_LABEL,
        "setup_minutes": timeouts.SETUP_MINUTES,
        "select_minutes": timeouts.SELECT_MINUTES,
        "merge_minutes": timeouts.MERGE_MINUTES,
    }


def _job(job: ShardJob, target: Target, builder: Target | None) -> dict[str, Any]:
    minutes = timeouts.timeouts(target)
    return {
        "id": job.id,
        "target": target.name,
        # While one shard has the device, the next one is built.
        "at_once": job.at_once(target.capacity * (1 if builder is None else 2)),
        "build": None if builder is None else _build(builder),
        "runs_on": json.dumps(target.runs_on),
        "container": _container(target.container),
        "packages": " ".join(target.setup_packages),
        "environment": target.secrets_environment or "",
        "secrets": target.secrets,
        "job_minutes": minutes.job,
        "run_minutes": minutes.run,
    }


def _build(builder: Target) -> dict[str, Any]:
    minutes = timeouts.timeouts(builder)
    return {
        "runs_on": json.dumps(builder.runs_on),
        "container": _container(builder.container),
        "packages": " ".join(builder.setup_packages),
        "job_minutes": minutes.job,
        "run_minutes": minutes.run,
    }


def _container(container: Container | None) -> str:
    """The JSON that ``jobs.<id>.container`` is read from; empty without a container."""
    if container is None:
        return ""
    if "@sha256:" not in container.image:
        raise UsageError(
            f"container image {container.image!r} is not pinned: what a tag names can change between two runs",
            "write it with its digest, name@sha256:…, in targets.yaml",
        )
    fields = {"image": container.image, "options": container.options, "volumes": container.volumes}
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)


@cache
def template(name: str, folder: str = "templates") -> jinja2.Template:
    """A template of this room; values stand in ``[[ ]]``, which GitHub's ``${{ }}`` leaves alone."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("generator", folder),
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # YAML, not HTML; `quoted` is the escape
    )
    environment.filters["quoted"] = quoted
    return environment.get_template(name)


def quoted(value: str | list[str]) -> str:
    """A YAML scalar in single quotes, where nothing but a quote needs escaping; a list becomes a flow sequence.

    Raises UsageError for a value that GitHub would read as an expression, or that cannot stand on one line.
    """
    if not isinstance(value, str):
        return f"[{', '.join(quoted(each) for each in value)}]"
    if "${{" in value:
        raise UsageError(
            f"a value in a manifest or in targets.yaml holds an expression: {value}",
            "write plain values; name secrets under `secrets:` of the target",
        )
    if not value.isprintable():
        raise UsageError(f"a value for a workflow holds control characters: {value!r}", "write it on one line")
    return "'" + value.replace("'", "''") + "'"
