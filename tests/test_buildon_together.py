"""On a device, cases go on from their bundles in one process; whatever goes wrong there, they are then run alone."""

from __future__ import annotations

import pathlib
import shutil
import sys

import pytest

from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from schemas.record import READS_BEHIND, Record
from schemas.words import Stage
from tests.buildon_support import TwoMachines
from tests.buildon_support.worker import FAULT
from tests.test_buildon_halves import alike

pytestmark = pytest.mark.slow
TESTS = ("--tests", "good|inexact|outside")
ENDS = {"good": "PASS", "outside": "PASS", "inexact": "FAIL"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TwoMachines:
    suite = TwoMachines(tmp_path_factory.mktemp("two"))
    assert suite.half("build", "hosted").returncode == 0
    return suite


def device(built: TwoMachines, *options: str, forget: bool = True, **extra: str) -> tuple[dict[str, Record], str]:
    """The records of the device's half, and what it says of its batches."""
    shutil.rmtree(built.root / "lab", ignore_errors=True)
    if forget:
        shutil.rmtree(built.store / "joined", ignore_errors=True)
    done = built.half("device", "lab", *TESTS, "--no-rerun", "--log-level", "info", *options, **extra)
    assert done.returncode == 1, done.stdout + done.stderr
    records = built.results("lab")
    assert {name: record.outcome for name, record in records.items()} == ENDS
    return records, done.stderr


def test_what_passes_in_one_process_has_the_record_that_it_has_alone(built: TwoMachines) -> None:
    alone, said = device(built, "--engine", "solo")
    assert "a batch of" not in said
    together, said = device(built)
    assert "a batch of 3: 1 ended as they should" in said, "one of them is drawn, and one fails"
    assert {name: alike(each) for name, each in together.items()} == {name: alike(each) for name, each in alone.items()}
    passed = [record.together for name, record in together.items() if ENDS[name] == "PASS"]
    assert sorted(each.again for each in passed if each) == ["", "agreed"]
    assert together["inexact"].together is None
    joined = next(each for each in together.values() if each.together and not each.together.again)
    own = [each for each in joined.stages if not each.built_on]
    assert [each.stage for each in own] == [Stage.COMPILED_INFERENCE, Stage.POSTPROCESSING, Stage.COMPARISON]
    assert all(each.seconds > 0 for each in own)
    assert not list(pathlib.Path(built.root, "lab").rglob("work/*")), "nothing is left of the batch"


def test_another_runtime_than_the_packages_own_runs_every_bundle(built: TwoMachines) -> None:
    tree = built.root / "tree"
    folders = {"iree/compiler/_mlir_libs": "tools", "iree/_runtime_libs": "tools"}
    for package, place in folders.items():
        found = next(pathlib.Path(path) for path in sys.path if (pathlib.Path(path) / package).is_dir()) / package
        (tree / place).mkdir(parents=True, exist_ok=True)
        for file in found.iterdir():
            if not (tree / place / file.name).exists():
                (tree / place / file.name).symlink_to(file)
    records, said = device(built, "--compiler", str(tree))
    assert "a batch of" not in said
    assert not any(each.together for each in records.values())


def test_what_went_wrong_together_goes_alone_in_the_next_run(built: TwoMachines) -> None:
    worker = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1"}
    device(built, **worker, **{FAULT: "spoil"})
    _, said = device(built, forget=False, **worker, **{FAULT: "none"})
    assert "a batch of" not in said, "although this machine has no compiler's cache"


@pytest.mark.parametrize(("fault", "noted"), [("spoil", False), ("behind", True)])
def test_outputs_that_depend_on_what_lies_behind_inputs_are_noted(built: TwoMachines, fault: str, noted: bool) -> None:
    worker = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1"}
    records, _ = device(built, **worker, **{FAULT: fault})
    assert {name: READS_BEHIND in each.notes for name, each in records.items()} == dict.fromkeys(ENDS, noted)


@pytest.mark.parametrize("fault", ["crash", "lose", "spoil"])
def test_a_fault_in_the_process_costs_its_cases_the_way_alone(built: TwoMachines, fault: str) -> None:
    worker = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1"}
    sound, _ = device(built, **worker, **{FAULT: "none"})
    faulty, said = device(built, **worker, **{FAULT: fault})
    assert "a batch of 3: 0 ended as they should" in said
    assert sorted(each.together.again for each in sound.values() if each.together) == ["", "agreed"]
    assert not any(each.together for each in faulty.values()), "where nothing passed together, nothing is drawn"
    assert {name: alike(each) for name, each in faulty.items()} == {name: alike(each) for name, each in sound.items()}
