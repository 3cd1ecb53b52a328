"""A lost device costs the cases that need it their run, not their verdict; one that still answers is not condemned."""

from __future__ import annotations

import itertools
import pathlib
import stat

import msgspec
import pytest

from runner import toolchain
from runner.devices import Hindrance
from runner.quarantine import LOST, Quarantine
from schemas.record import Record
from schemas.words import Outcome, Stage, StageStatus
from tests.accidents_support.build import accident_suite, run
from tests.results_support.build import record
from tests.runner_support.build import TARGET

GONE = Hindrance(
    stage=Stage.COMPILED_INFERENCE, signature="no driver vulkan", why="no driver vulkan\n    mend: restart"
)
RUNS = (Stage.COMPILATION, Stage.COMPILED_INFERENCE)
ONLY_COMPILES = (Stage.SETUP, Stage.IMPORT_MODEL, Stage.COMPILATION)
SAID = {
    "vulkan": "INTERNAL; VK_ERROR_DEVICE_LOST",
    "hip": "INTERNAL; HIP driver error 'hipErrorNoDevice' (100): no ROCm-capable device is detected",
    "cuda": "INTERNAL; CUDA driver error 'CUDA_ERROR_NO_DEVICE' (100): no CUDA-capable device is detected",
    "metal": "INTERNAL; kIOGPUCommandBufferCallbackErrorDeviceRemoved",
    "amdgpu": "INTERNAL; HSA_STATUS_ERROR_FATAL",
    "xrt": "UNAVAILABLE; the device does not answer",
    "xrt-lite": "UNAVAILABLE; the device does not answer",
}


def failing(signature: str, outcome: Outcome = Outcome.FAIL, number: int = 0) -> Record:
    return record(f"{number}@onnx", outcome, stage=Stage.COMPILED_INFERENCE, signature=signature)


def test_every_driver_with_a_device_has_its_words() -> None:
    assert set(SAID) == set(LOST)


@pytest.mark.parametrize("driver", SAID)
def test_a_lost_device_is_infra_and_the_next_cases_are_told(driver: str) -> None:
    quarantine = Quarantine(f"{driver}://0", lambda: GONE)
    assert quarantine.hinders(RUNS) is None
    found = quarantine.read(failing(SAID[driver]))
    assert (found.outcome, found.exit_status) == (Outcome.INFRA, "compiled_inference")
    assert [each.status for each in found.stages] == [StageStatus.PASS, StageStatus.INFRA]
    assert found.error is not None
    assert found.error.signature == f"device {driver}://0 was lost"
    assert SAID[driver] in found.error.excerpt
    assert "mend: restart" in found.error.excerpt
    told = quarantine.hinders(RUNS)
    assert told is not None
    assert told[0] == f"device {driver}://0 was lost"
    assert f"was lost in case {found.case}: " in told[1]
    assert quarantine.hinders(ONLY_COMPILES) is None, "what needs no device goes on"


def test_a_case_that_ran_beside_it_is_no_failure_of_its_own() -> None:
    quarantine = Quarantine("vulkan", lambda: GONE)
    quarantine.read(failing(SAID["vulkan"]))
    beside = quarantine.read(failing("INTERNAL; something else", number=1))
    assert beside.outcome is Outcome.INFRA
    at_home = record("2@onnx", Outcome.FAIL, stage=Stage.COMPILATION)
    assert quarantine.read(at_home) is at_home
    numerics = record("3@onnx", Outcome.FAIL, stage=Stage.COMPARISON)
    assert quarantine.read(numerics) is numerics


def test_a_device_that_answers_is_not_condemned_until_several_cases_in_a_row_lose_it() -> None:
    quarantine = Quarantine("vulkan", lambda: None)
    first = quarantine.read(failing(SAID["vulkan"]))
    assert first.outcome is Outcome.FAIL
    assert first.notes == ("said VK_ERROR_DEVICE_LOST, but vulkan answered afterwards",)
    assert quarantine.read(failing(SAID["vulkan"], number=1)).outcome is Outcome.FAIL
    good = record("2@onnx")
    good = msgspec.structs.replace(
        good, stages=tuple(msgspec.structs.replace(each, stage=Stage.COMPILED_INFERENCE) for each in good.stages)
    )
    assert quarantine.read(good) is good
    ends = [quarantine.read(failing(SAID["vulkan"], number=n)).outcome for n in (3, 4, 5)]
    assert ends == [Outcome.FAIL, Outcome.FAIL, Outcome.INFRA]
    told = quarantine.hinders(RUNS)
    assert told is not None
    assert "in 3 cases one after the other, though it still answers" in told[1]


def test_a_hang_on_the_device_makes_us_ask_for_it() -> None:
    hung = failing("timed out in compiled_inference", Outcome.TIMEOUT)
    assert Quarantine("hip", lambda: None).read(hung) is hung
    assert Quarantine("hip", lambda: GONE).read(hung).outcome is Outcome.INFRA


def test_the_processor_is_never_lost() -> None:
    def never() -> Hindrance:
        raise AssertionError

    one = failing(SAID["vulkan"])
    assert Quarantine(TARGET.device, never).read(one) is one


def test_an_ordinary_failure_asks_nobody() -> None:
    def never() -> Hindrance:
        raise AssertionError

    for one in (failing("INVALID_ARGUMENT; shape"), record("1@onnx"), failing("x", Outcome.XFAIL)):
        assert Quarantine("vulkan", never).read(one) is one


_RUN_MODULE = """\
#!/bin/sh
case "$*" in
  *--dump_devices*)
    if [ -e "$E2ESHARD_TEST_STATE/lost" ]; then echo "vulkan.c:1: UNAVAILABLE; no driver" >&2; exit 1; fi
    printf '# --device=vulkan://one\\n# A device of this test\\n' ;;
  *) exec {real} "$@" ;;
esac
"""


@pytest.fixture(name="tools")
def _tools(tmp_path: pathlib.Path) -> pathlib.Path:
    """The installed tools, but for one that says which devices there are."""
    found = toolchain.find(None, TARGET)
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in (found.iree_compile, found.iree_opt, found.library):
        (folder / pathlib.Path(tool).name).symlink_to(tool)
    script = folder / "iree-run-module"
    script.write_text(_RUN_MODULE.format(real=found.iree_run_module))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.mark.slow
def test_a_shard_whose_device_is_lost_ends_quickly_and_says_where(tmp_path: pathlib.Path, tools: pathlib.Path) -> None:
    before, after = [f"naps-setup-{n}" for n in range(6)], [f"passes-setup-{n}" for n in range(30)]
    names = ["fails-compilation", *before, "offline-compiled_inference", *after]  # begun in this order: by name
    suite = accident_suite(tmp_path, names, device=("vulkan-spirv", "vulkan"), exclusive=True)
    done = run(suite, "--compiler", str(tools), "--jobs", "4")
    assert done.returncode == 1, done.stdout + done.stderr
    records = suite.records()
    assert {records[name].outcome for name in before} == {Outcome.PASS}
    lost = records["offline-compiled_inference"]
    assert (lost.outcome, lost.exit_status) == (Outcome.INFRA, Stage.COMPILED_INFERENCE)
    for each in (records[name] for name in after):
        assert each.outcome is Outcome.INFRA
        assert each.error is not None
        assert each.error.signature == "device vulkan was lost"
        assert f"was lost in case {lost.case}" in each.error.excerpt
        assert each.seconds == 0, "no process was started for it"
    assert (records["fails-compilation"].outcome, records["fails-compilation"].rerun) == (Outcome.FAIL, None)
    assert "1 of them could not be run a second time" in done.stdout
    summary = (suite.folder() / "summary.md").read_text()
    assert "Infrastructure (31): the machine failed, not the model" in summary
    times = [path.read_text().split() for path in (tmp_path / "state").glob("*naps*")]
    spans = sorted((float(begun), float(ended)) for begun, ended in times)
    assert len(spans) == len(before)
    for (_, ended), (begun, _) in itertools.pairwise(spans):
        assert ended <= begun, "an exclusive device has one case at a time, whatever --jobs says"


@pytest.mark.slow
def test_a_case_that_only_claims_so_stays_a_failure(tmp_path: pathlib.Path, tools: pathlib.Path) -> None:
    suite = accident_suite(
        tmp_path, ["claims-compiled_inference", "naps-setup"], device=("vulkan-spirv", "vulkan"), exclusive=True
    )
    done = run(suite, "--compiler", str(tools))
    assert done.returncode == 1, done.stdout + done.stderr
    records = suite.records()
    assert records["naps-setup"].outcome is Outcome.PASS
    assert records["claims-compiled_inference"].outcome is Outcome.FAIL
    assert records["claims-compiled_inference"].notes[-1] == "same again when run alone"
