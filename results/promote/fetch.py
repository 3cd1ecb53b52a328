"""The last runs of suites on GitHub become folders with their merged reports, whose names sort oldest first."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from results.patch import NAME
from schemas.errors import CannotStartError, InfraError, UsageError

_LIMIT = 100
_SECONDS = 600


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """The folders that were written, oldest first, and the runs without a report."""

    folders: tuple[Path, ...]
    without: tuple[str, ...]


class _Run(msgspec.Struct, frozen=True):
    databaseId: int  # noqa: N815  (as gh spells it)
    createdAt: str  # noqa: N815  (likewise)


def fetch(suites: Sequence[str], out: Path, *, runs: int, branch: str, event: str) -> Fetched:
    """``runs`` is how many runs of each suite. An ``event`` that is empty is any.

    Raises ``UsageError``, ``CannotStartError`` without gh, and ``InfraError`` where GitHub does not answer.
    """
    for suite in suites:
        if not NAME.fullmatch(suite):
            raise UsageError(f"{suite!r} is no name of a suite", "name suites as their manifests do")
    if runs > _LIMIT:
        raise UsageError(f"--runs {runs} is more than GitHub keeps at hand", f"ask for {_LIMIT} at most")
    gh = shutil.which("gh")
    if gh is None:
        raise CannotStartError("gh, GitHub's command line, is not installed", "install it, or run this in a workflow")
    folders: list[Path] = []
    without: list[str] = []
    for suite in suites:
        for run in _listed(gh, suite, runs, branch, event):
            stamp = run.createdAt.replace(":", "").replace("-", "")
            folder = out / f"{stamp}.{suite}.{run.databaseId}"
            if folder.is_dir() or _download(gh, run.databaseId, suite, folder):
                folders.append(folder)
            else:
                without.append(f"{suite} {run.databaseId}")
    if not folders:
        told = f"no report of {', '.join(suites)} can be fetched from {branch}"
        raise UsageError(told, "wait until they have run, or name another --branch or --event")
    return Fetched(folders=tuple(sorted(folders)), without=tuple(without))


def _listed(gh: str, suite: str, runs: int, branch: str, event: str) -> list[_Run]:
    asked = [gh, "run", "list", f"--workflow=suite-{suite}.yml", f"--branch={branch}", "--status=completed"]
    asked += [f"--limit={runs}", "--json=databaseId,createdAt", *([f"--event={event}"] if event else [])]
    done = _call(asked)
    if done.returncode and any(each in done.stderr for each in ("could not find any workflows", "HTTP 404")):
        return []  # a list without a model has no workflow
    if done.returncode:
        raise InfraError(f"gh cannot list the runs of {suite}: {done.stderr.strip()}", "check GH_TOKEN and the suite")
    try:
        return msgspec.json.decode(done.stdout, type=list[_Run])
    except msgspec.MsgspecError as error:
        raise InfraError(f"gh's list of runs of {suite} cannot be read: {error}", "use a current gh") from None


def _download(gh: str, run: int, suite: str, folder: Path) -> bool:
    """The report of the run's last attempt; False where there is none, or it has expired."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as name:
        done = _call([gh, "run", "download", str(run), f"--pattern=report.{suite}.*", f"--dir={name}"])
        attempts = {int(each.suffix[1:]): each for each in Path(name).iterdir() if each.suffix[1:].isdecimal()}
        if not attempts:
            if done.returncode and "no valid artifacts" not in done.stderr and "no artifact matches" not in done.stderr:
                raise InfraError(f"gh cannot download run {run}: {done.stderr.strip()}", "try again")
            return False
        attempts[max(attempts)].rename(folder)
        return True


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InfraError(f"{' '.join(command[:3])} did not end within {_SECONDS} seconds", "try again") from None
