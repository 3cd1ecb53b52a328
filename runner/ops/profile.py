"""A compiled operation becomes the time of one call, by the runtime's own benchmark; all of a model's become shares."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Sequence

from runner.backends.values import write_input
from runner.tensors import Array
from runner.tools import invoke
from runner.work import Work, present
from schemas.errors import InfraError
from schemas.ops import OpProfile

_TOOL = "iree-benchmark-module"
_REPETITIONS = 5
_MIN_TIME = "0.02s"
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_SHOWN = 5


def measure(work: Work, operands: Sequence[Array]) -> OpProfile:
    """The median over a few repetitions of one call on these operands; InfraError where the tool is not there."""
    imported, compiled = present(work.imported, "module"), present(work.compiled, "compiled module")
    tool = pathlib.Path(work.job.toolchain.iree_run_module).with_name(_TOOL)
    if not tool.is_file():
        raise InfraError(f"--profile-ops needs {_TOOL} beside iree-run-module: {tool}", "build that target too")
    said = work.folder / "benchmark.json"
    invoke(
        work,
        [
            str(tool),
            f"--module={compiled}",
            f"--function={imported.entry.name}",
            *work.runtime_flags,
            *(f"--input={write_input(each, work.folder / f'input_{n}')}" for n, each in enumerate(operands)),
            "--benchmark_format=json",
            f"--benchmark_repetitions={_REPETITIONS}",
            f"--benchmark_min_time={_MIN_TIME}",
        ],
        stdout=said,
    )
    text = said.read_text()
    rows = json.loads(text[text.index("{") :])["benchmarks"]
    (median,) = [row for row in rows if row.get("aggregate_name") == "median"]
    calls = sum(int(row["iterations"]) for row in rows if row.get("run_type") == "iteration")
    return OpProfile(float(median["real_time"]) * _UNITS[median["time_unit"]], calls)


def shares(profiled: Iterable[tuple[str, int, OpProfile]]) -> tuple[float, str]:
    """Seconds of all uses together, and the names with the largest shares; of name, uses and profile of each."""
    seconds: dict[str, float] = {}
    for name, uses, found in profiled:
        seconds[name] = seconds.get(name, 0.0) + uses * found.seconds
    total = sum(seconds.values())
    if not total:
        return 0.0, ""
    largest = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    return total, ", ".join(f"{name} {100 * part / total:.0f} %" for name, part in largest)
