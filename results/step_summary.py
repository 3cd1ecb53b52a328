"""A report's summary.md becomes the summary of the GitHub step that wrote it."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Mapping

#: A step's summary above 1 MiB is dropped as a whole.
_SUMMARY_LIMIT = 1024 * 1024

log = logging.getLogger("results.step_summary")


def append_summary(environment: Mapping[str, str], summary: pathlib.Path) -> None:
    """Append ``summary.md`` to the step's summary, where GitHub offers one and it still fits."""
    target = environment.get("GITHUB_STEP_SUMMARY")
    if not target or not summary.is_file():
        return
    path = pathlib.Path(target)
    text = summary.read_bytes()
    have = path.stat().st_size if path.exists() else 0
    if have + len(text) > _SUMMARY_LIMIT:
        log.warning("%s does not fit into the step's summary any more; it is in the artifact", summary)
        return
    with path.open("ab") as file:
        file.write(text)
