"""A shard that is built on one machine and run on another gives the records of one that is run in one piece."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable

import pytest

from schemas.record import Record
from schemas.words import Outcome, Stage
from tests.buildon_support import SHARD, TwoMachines, runtime_only
from tests.bundle_support.suite import ALL, verdict

pytestmark = pytest.mark.slow
BUILT = (Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.COMPILATION, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TwoMachines:
    """Built, and not yet gone on with."""
    suite = TwoMachines(tmp_path_factory.mktemp("two"))
    done = suite.half("build", "hosted")
    assert done.returncode == 0, done.stdout + done.stderr  # whoever runs the rest says what failed
    assert "4 handed over" in done.stdout
    assert "1 ended here" in done.stdout
    return suite


@pytest.fixture
def suite(built: TwoMachines, tmp_path: pathlib.Path) -> TwoMachines:
    """A copy, so that a test may spoil it."""
    shutil.copytree(built.root, tmp_path / "two")
    copy = object.__new__(TwoMachines)
    copy.root, copy.store = tmp_path / "two", built.store
    return copy


def test_a_build_leaves_partial_records_and_no_record(built: TwoMachines) -> None:
    partials = built.partials("hosted")
    assert sorted(partials) == sorted(ALL)
    assert not list(built.root.joinpath("hosted").rglob("records.jsonl"))
    assert not list(built.root.joinpath("hosted").rglob("results.json"))
    for name, partial in partials.items():
        assert bool(partial.bundle) is (partial.final is None) is (name != "refused")
        assert partial.model is (name == "code")  # its class has code for the outputs
        assert all(each.built_on == "cpu" for each in partial.stages)
    final = partials["refused"].final
    assert final is not None
    assert (final.outcome, final.exit_status) == (Outcome.FAIL, "compilation")
    assert built.root.joinpath("hosted", *SHARD, final.bundle, "bundle.json").is_file()
    hidden = [path for path in (built.root / "handover").rglob("*") if path.name.startswith(".")]
    assert not hidden, "upload-artifact leaves those out"


def alike(record: Record) -> dict[str, object]:
    """What both ways of running must agree in; a second machine has times and notes of its own."""
    found = verdict(record)
    found["notes"] = [each for each in record.notes if not each.startswith("ended while it was built on cpu; ")]
    found["metrics"] = {k: v for k, v in found["metrics"].items() if k != "vmfb_bytes"}
    return found


def test_two_halves_give_the_records_of_the_whole(suite: TwoMachines) -> None:
    done = suite.half("device", "lab")
    assert done.returncode == 1, done.stdout + done.stderr
    halves = suite.results("lab")
    whole = suite.run("--shard", "/".join(SHARD), "--out", "whole")
    assert whole.returncode == 1, whole.stdout + whole.stderr
    assert {name: alike(record) for name, record in halves.items()} == {
        name: alike(record) for name, record in suite.results("whole").items()
    }
    for name, record in halves.items():
        ours = tuple(each.stage for each in record.stages if each.built_on == "cpu")
        if name == "refused":
            assert record.notes[-1].startswith("ended while it was built on cpu; ")
            assert ours == (Stage.SETUP, *BUILT[:3])
        else:  # a class's own code has to be loaded where its outputs are
            assert ours == (BUILT if name == "code" else (Stage.SETUP, *BUILT))
            assert not any(each.reused for each in record.stages)
    code, merged, problems = suite.merge("hosted", "lab")
    assert (code, problems) == (1, [])
    assert merged == halves | {name: merged[name] for name in halves}
    assert {name: alike(each) for name, each in merged.items()} == {name: alike(each) for name, each in halves.items()}


def test_the_device_needs_no_compiler(suite: TwoMachines) -> None:
    site = suite.root / "site"
    site.mkdir()
    done = suite.half("device", "lab", "--tests", "good|inexact|outside|refused", PYTHONPATH=runtime_only(site))
    assert done.returncode == 1, done.stdout + done.stderr
    ends = {name: record.outcome for name, record in suite.results("lab").items()}
    assert ends == {"good": "PASS", "outside": "PASS", "inexact": "FAIL", "refused": "FAIL"}


def _no_file(suite: TwoMachines) -> None:
    shutil.rmtree(suite.root / "hosted")


def _no_bundles(suite: TwoMachines) -> None:
    shutil.rmtree(suite.root / "handover")


def _one_byte(suite: TwoMachines) -> None:
    for path in (suite.root / "handover").rglob("*.vmfb"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def _cut_off(suite: TwoMachines) -> None:
    path = suite.root.joinpath("hosted", *SHARD, "build", "partial.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b'"kind":"partial"' not in line and b"footer" not in line))


def _named(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(
    ("spoil", "lost"), [(_no_file, 5), (_no_bundles, 4), (_one_byte, 4), (_cut_off, 5)], ids=_named
)
def test_a_lost_build_is_told_as_that(suite: TwoMachines, spoil: Callable[[TwoMachines], None], lost: int) -> None:
    spoil(suite)
    done = suite.half("device", "lab")
    assert done.returncode == 1, done.stdout + done.stderr
    records = suite.results("lab").values()
    found = [record for record in records if record.error and record.error.signature == "its build was lost"]
    assert len(found) == lost, [(record.case, record.outcome, record.error) for record in records]
    assert {record.outcome for record in found} == {Outcome.INFRA}
    assert not any("compiled_inference" in str(each.stage) for record in found for each in record.stages)


def test_a_lost_device_leaves_what_the_build_knew(suite: TwoMachines) -> None:
    code, records, problems = suite.merge("hosted")
    assert code == 1
    assert {name: record.outcome for name, record in records.items()} == {
        name: Outcome.FAIL if name == "refused" else Outcome.MISSING for name in ALL
    }
    good = records["good"]
    assert [each.stage for each in good.stages if each.built_on == "cpu"] == [Stage.SETUP, *BUILT]
    assert good.notes[0].endswith("its build on cpu is there")
    assert problems == []


def test_a_bundle_over_the_limit_stays_whole(tmp_path: pathlib.Path) -> None:
    suite = TwoMachines(tmp_path / "two", more="    handover-limit: 1KiB\n")
    done = suite.half("build", "out", "--tests", "good")
    assert done.returncode == 0, done.stdout + done.stderr
    partial = suite.partials("out")["good"]
    assert "is over the limit of 1KiB (handover-limit)" in partial.whole
    done = suite.half("device", "out", "--tests", "good")
    assert done.returncode == 0, done.stdout + done.stderr
    record = suite.results("out")["good"]
    assert record.outcome is Outcome.PASS
    assert not any(each.built_on for each in record.stages)
    assert record.notes[-1] == f"run whole, because {partial.whole}"


def test_a_target_in_one_piece_has_no_halves(built: TwoMachines) -> None:
    done = built.run("good", "--target", "lab", "--half", "build")
    assert done.returncode == 2
    assert "--half build belongs to --shard" in done.stderr
