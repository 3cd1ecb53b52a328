"""Each benchmark runs at a tiny size and prints its table, as Markdown and as JSON; no figure is judged here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from suites import catalog

ROOT = Path(__file__).parent.parent
SCRIPTS = {
    "generator_scale.py": ("--models", "20", "--targets", "2", "--repeat", "1"),
    "merge_scale.py": ("--records", "200"),
    "sharding.py": ("--trials", "2", "--scale", "0.05", "--shards", "4"),
    "warm_cases.py": ("--cases", "24", "--rounds", "1", "--few", "8"),
}


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, f"benchmarks/{script}", *SCRIPTS[script], *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: a bound is missed, which a loaded machine may do
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_prints_its_table_in_both_forms(script: str) -> None:
    made = json.loads(run(script, "--json"))
    assert made["command"].startswith(f"python benchmarks/{script}")
    assert all(len(row) == len(table["heads"]) for table in made["tables"] for row in table["rows"])
    assert made["tables"]
    assert made["verdicts"]
    text = run(script)
    assert text.count("\n|") >= 3
    assert ("met: " in text) or ("MISSED: " in text)


def test_what_a_further_case_costs_is_made_of_its_stages_and_of_what_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    warm = importlib.import_module("warm_cases")
    many, few = warm.Run(110, 2.0, 3.0, 0.4), warm.Run(10, 1.7, 2.5, 0.2)
    found = warm.further(many, few, 2)
    assert [found.wall, found.cpu, found.stages, found.ours] == pytest.approx([3.0, 5.0, 2.0, 2.0])


def test_the_public_suite_s_node_cases_are_all_in_the_catalogue_and_only_chance_is_skipped() -> None:
    lines = (ROOT / "benchmarks" / "onnx_ops.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    entries = catalog.by_name()
    assert len(set(names)) == len(names) == 1156
    skipped = [name for name in names if entries[f"{catalog.NODE_FOLDER}{name}"].skip]
    assert len(skipped) == 10
    assert all(name.startswith(("test_bernoulli", "test_training_dropout")) for name in skipped)
