"""What the cases of a shard load is asked for once, in the environment of their target, and only where it is loaded."""

from pathlib import Path

import msgspec
import pytest

from runner.supply import Sources, Supplier
from schemas.case import Case, Source
from schemas.target import EnvVar
from schemas.words import SourceKind
from tests.runner_support import build


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path / "store"))
    for name in ("DOCKER_CACHE_ROOT", "DOCKER_CACHE_DIR", "LOCAL_LF_CACHE", "IRD_LF_CACHE"):
        monkeypatch.delenv(name, raising=False)


def wants(model: Path, *files: str) -> Case:
    model.write_bytes(b"")
    return msgspec.structs.replace(build.case(model.stem), source=Source(SourceKind.ONNX_FILE, str(model)), files=files)


def sources(tmp_path: Path, *cases: Case, bundled: dict[str, str] | None = None) -> Sources:
    environment = (EnvVar("DOCKER_CACHE_ROOT", str(tmp_path / "shared")),)
    supplier = Supplier(tmp_path / "prepare.log", tmp_path, environment)
    return Sources(bundled or {}, frozenset(case.id for case in cases), supplier)


def test_the_target_says_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.bin").write_text("there")
    good, bad = wants(tmp_path / "good.onnx", "a.bin"), wants(tmp_path / "bad.onnx", "a.bin", "b.bin")
    asked = sources(tmp_path, good, bad)
    assert not asked.are_there(good)
    asked.find([good, bad], lambda: False)
    assert asked.are_there(good)
    assert asked.errors(good) == ()
    assert not asked.are_there(bad)
    (error,) = asked.errors(bad)
    assert "b.bin" in error


def test_files_of_a_model_that_is_not_loaded_are_not_fetched(tmp_path: Path) -> None:
    case = wants(tmp_path / "net.onnx", "no/such.bin")
    asked = sources(tmp_path, bundled={case.id: "/somewhere/model.onnx"})
    asked.find([case], lambda: False)
    assert asked.are_there(case)
    assert asked.of(case).path == "/somewhere/model.onnx"
    assert not (tmp_path / "prepare.log").exists(), "nothing was to be asked for"
