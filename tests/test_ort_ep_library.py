"""What the path ort-ep makes of libraries: none, missing, corrupt, strange, without devices, and such as crash."""

from __future__ import annotations

import pathlib
import signal

import msgspec
import pytest

from runner import devices, toolchain
from runner.ortep.library import VARIABLE, absence, library
from runner.protocol import StageEnded
from schemas.record import ErrorInfo
from schemas.words import Depth, Path, Stage, StageStatus
from tests.ort_ep_support import GOOD, NEEDS_COMPILER, build, chain, provider
from tests.stages_support.cases import CPU, VMVX, a_case, a_job, run

pytestmark = pytest.mark.usefixtures("_no_library_of_this_machine")
COMPILE = (Stage.SETUP, Stage.IMPORT_MODEL, Stage.COMPILATION)


@pytest.fixture
def _no_library_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def compiled(folder: pathlib.Path, named: pathlib.Path, **target: str) -> tuple[StageStatus, ErrorInfo | None]:
    """How `compilation` of a model that is one Abs ends with a library."""
    model = chain(folder / "abs.onnx", "Abs")
    ours = msgspec.structs.replace(CPU, ort_ep_library=str(named), **target)
    case = a_case(path=Path.ORT_EP, depth=Depth.COMPILE)
    events, stages, _ = run(a_job(folder, model, case, target=ours))
    error = next((each.error for each in events if isinstance(each, StageEnded) and each.error), None)
    return stages[Stage.COMPILATION].status, error


def told(error: ErrorInfo | None) -> str:
    assert error is not None
    return f"{error.signature}\n{error.excerpt}"


def test_the_environment_is_stronger_than_the_target(tmp_path: pathlib.Path) -> None:
    target = msgspec.structs.replace(CPU, ort_ep_library="~/of-target.so")
    assert library(target, {}) == pathlib.Path("~/of-target.so").expanduser()
    assert library(target, {VARIABLE: str(tmp_path / "mine.so")}) == tmp_path / "mine.so"
    assert library(CPU, {}) is None


def test_without_a_library_the_machine_is_hindered_on_this_path_only() -> None:
    tools = toolchain.find(None, CPU)
    found = devices.probe(tools, CPU, COMPILE, (Path.ONNX, Path.ORT_EP))
    assert found.hinders(COMPILE, Path.ONNX) is None
    hindrance = found.hinders(COMPILE, Path.ORT_EP)
    assert hindrance is not None
    assert hindrance.skip
    assert "onnxruntime-ep-iree" in hindrance.signature, "the record says what to build"
    assert VARIABLE in hindrance.signature
    assert found.hinders((Stage.SETUP, Stage.IMPORT_MODEL), Path.ORT_EP) is None, "importing needs no library"


def test_a_library_that_is_named_and_not_there(tmp_path: pathlib.Path) -> None:
    target = msgspec.structs.replace(CPU, ort_ep_library=str(tmp_path / "gone.so"))
    assert absence(target, {}).startswith(f"ort-ep-library names {tmp_path / 'gone.so'}, where no file is")
    assert absence(CPU, {VARIABLE: "/no/such.so"}).startswith(f"{VARIABLE} names /no/such.so, where no file is")


def test_a_backend_that_the_provider_does_not_have(tmp_path: pathlib.Path) -> None:
    (tmp_path / "any.so").write_bytes(b"")
    target = msgspec.structs.replace(VMVX, ort_ep_library=str(tmp_path / "any.so"))
    assert "no backend vmvx" in absence(target, {}), "it would compile for another backend, and say nothing"


def test_a_file_that_is_no_library(tmp_path: pathlib.Path) -> None:
    (tmp_path / "libtext.so").write_text("not a library\n")
    status, error = compiled(tmp_path, tmp_path / "libtext.so")
    assert status is StageStatus.INFRA
    assert "libtext.so is no execution provider that can be loaded" in told(error)
    assert "docs/ort-ep.md" in told(error)


@NEEDS_COMPILER
def test_a_library_without_the_entry_points(tmp_path: pathlib.Path) -> None:
    (tmp_path / "other.c").write_text("int other(void) { return 1; }\n")
    status, error = compiled(tmp_path, build(tmp_path / "other.c", tmp_path / "libother.so"))
    assert status is StageStatus.INFRA
    assert "undefined symbol: CreateEpFactories" in told(error)


@NEEDS_COMPILER
def test_a_library_that_refuses_to_be_registered(tmp_path: pathlib.Path) -> None:
    status, error = compiled(tmp_path, provider('-DREFUSE="built for another ONNX Runtime"'))
    assert status is StageStatus.INFRA
    assert "built for another ONNX Runtime" in told(error)


@NEEDS_COMPILER
def test_a_library_that_offers_no_device(tmp_path: pathlib.Path) -> None:
    status, error = compiled(tmp_path, provider())
    assert status is StageStatus.INFRA
    assert "offers no device local-task: it offers none" in told(error)


@NEEDS_COMPILER
def test_a_library_that_offers_devices_of_another_driver(tmp_path: pathlib.Path) -> None:
    status, error = compiled(tmp_path, provider(*GOOD), device="local-sync")
    assert status is StageStatus.INFRA
    assert "offers no device local-sync: it offers local-task://" in told(error)


@NEEDS_COMPILER
def test_a_library_that_crashes_while_it_is_loaded(tmp_path: pathlib.Path) -> None:
    status, error = compiled(tmp_path, provider("-DCRASH_AT_LOAD"))
    assert status is StageStatus.CRASH
    assert error is not None
    assert error.signature == f"{signal.SIGSEGV.name} in ONNX Runtime while loading libprovider.so"
