"""An installed e2eshard becomes the suites, the setup action and the generated workflows of another repository."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from e2eshard.commands import shadowed
from e2eshard.start import PROGRAMS
from generator import pins, plan, render, write
from generator.github import ACTIONS
from schemas.errors import UsageError
from suites import workspace

_ACTION = ".github/actions/setup-e2eshard"
_TORCH = re.compile(r"torch *[=~<>!]")


def init(root: Path, suites: Path, requirement: str | None, *, force: bool) -> tuple[str, ...]:
    """Writes everything; the paths that were written, from ``root``.

    Raises UsageError, before anything is written, when a file is in the way (unless ``force``), or when ``suites`` does
    not lie in ``root``; ManifestError when the folder has manifests of other make.
    """
    inside = _inside(root, suites)
    files = scaffold(inside, requirement or pins.own_requirement())
    everything = files | _generated(files, inside)
    if not force:
        _require_free(root, inside, everything)
    write.apply(root, tuple(write.Change(path, None, text) for path, text in everything.items()))
    # Once more, with what the repository has besides: with --force there may be other manifests.
    changes = write.compare(root, _plan(root, suites))
    write.apply(root, changes)
    return tuple(sorted(everything.keys() | {change.path for change in changes}))


def scaffold(suites: str, requirement: str) -> dict[str, str]:
    """Path -> text of the files that are the repository's own from then on; ``suites`` is the folder from its root."""
    return {
        f"{_ACTION}/action.yml": _render("action.yml.j2", python=ACTIONS["python"]),
        f"{_ACTION}/install.py": _render("install.py"),
        f"{_ACTION}/requirements.txt": _render("requirements.txt.j2", requirement=requirement, pins=pins.installed()),
        **_extras(),
        f"{suites}/smoke.yaml": _render("smoke.yaml"),
        f"{suites}/targets.yaml": _render("targets.yaml"),
    }


def _extras() -> dict[str, str]:
    """What only some shards install, a file each; torch apart, since it may come from another index than the rest."""
    brought = pins.of_extras()
    torch = sorted({pin for each in brought.values() for pin in each if _TORCH.match(pin)})
    files = {
        extra: _render("extra.txt.j2", extra=extra, pins=[pin for pin in each if not _TORCH.match(pin)])
        for extra, each in brought.items()
    }
    files["torch-version"] = _render("torch-version.txt.j2", pins=torch)
    return {f"{_ACTION}/{name}.txt": text for name, text in files.items()}


def next_steps(root: Path, suites: Path, requirement: str | None) -> Iterator[str]:
    """What to do now, and what is unusual about this repository or this installation."""
    generator = "python -m e2eshard generator"
    runner = "python -m e2eshard runner --shard smoke/cpu"
    if _inside(root, suites) != "suites":
        generator, runner = (f"{command} --suites {_inside(root, suites)}" for command in (generator, runner))
    yield f"next, in {root.resolve()}:"
    yield f"  {runner}"
    yield "  python -m e2eshard results merge out/smoke --matrix .github/matrices/smoke.json --out out/report"
    yield f"After each change of {_inside(root, suites)}/: {generator}"
    yield "Have git ignore out/, commit the rest, push: `smoke` runs for pull requests, and by hand."
    if requirement is None and pins.is_local():
        yield (
            "note: this e2eshard was installed from a folder or file of this machine; when no index that CI can reach\n"
            f"  has its version, name a commit or a wheel in {_ACTION}/requirements.txt."
        )
    if not (root / ".git").exists():
        yield f"note: {root} is not the top of a git repository; GitHub reads .github only there."
    for program, instead in shadowed(root):
        if program in PROGRAMS:
            yield f"note: `python -m {program}` finds {instead} here; write `python -m e2eshard {program}`."


def _inside(root: Path, suites: Path) -> str:
    path = Path(os.path.relpath(suites.resolve(), root.resolve()))
    if path.parts[:1] in ((), ("..",)):
        raise UsageError(
            f"--suites {suites} is no folder in {root}", "name a folder below it: CI has nothing but the repository"
        )
    return path.as_posix()


def _plan(root: Path, suites: Path) -> dict[str, str]:
    naming = plan.naming(root, suites)
    loaded = workspace.load(suites)
    return plan.plan(loaded, loaded.timings, root, naming)


def _generated(files: dict[str, str], suites: str) -> dict[str, str]:
    """What these suites become, made elsewhere: a file in the way must be found before anything is written."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write.apply(root, tuple(write.Change(path, None, text) for path, text in files.items()))
        return _plan(root, root / suites)


def _require_free(root: Path, suites: str, planned: dict[str, str]) -> None:
    taken = {path for path in planned if (root / path).exists()}
    # Whatever YAML lies in the folder of suites would be read as a manifest.
    taken |= {path.relative_to(root).as_posix() for path in (root / suites).glob("*.y*ml")}
    if taken:
        said = [f"{len(taken)} files are in the way; nothing was written:", *(f"  {path}" for path in sorted(taken))]
        raise UsageError(
            "\n".join(said),
            "rename them; or take another folder with --suites; or have those that `init` writes replaced with --force",
        )


def _render(name: str, **values: object) -> str:
    return render.template(name, "scaffold").render(values)
