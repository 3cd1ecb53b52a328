"""What the cases of a shard load is asked for once, in the environment of their target, and only where it is loaded."""

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runner.protocol import Prepared
from runner.supply import Sources, Supplier, prepare_sources
from schemas.case import Case, Source
from schemas.codec import decode, encode
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


def test_what_only_has_to_be_looked_up_needs_no_process(tmp_path: Path) -> None:
    """A file, a class, a folder and a case of the installed package; right or wrong, as the process would say it."""
    (tmp_path / "model.onnx").write_bytes(b"model")
    (tmp_path / "models.py").write_text("class Model: ...\n")
    sha256 = hashlib.sha256(b"model").hexdigest()
    looked_up = [
        Source(SourceKind.ONNX_FILE, "model.onnx"),
        Source(SourceKind.MLIR_FILE, "absent.mlir"),
        Source(SourceKind.PYTHON, "models.py:Model", hashlib.sha256(b"class Model: ...\n").hexdigest()),
        Source(SourceKind.PYTHON, "models.py:Model", "0" * 64),
        Source(SourceKind.IMPORTED, "."),
        Source(SourceKind.ONNX_DATA, "simple/test_single_relu_model"),
        Source(SourceKind.ONNX_DATA, "simple/absent"),
    ]
    read = [Source(SourceKind.ONNX_FILE, "model.onnx", sha256), Source(SourceKind.ONNX_FILE, "model.onnx", "0" * 64)]
    supplier = Supplier(tmp_path / "prepare.log", tmp_path, ())
    here = prepare_sources(looked_up, supplier, lambda: False)
    assert not supplier.log_file.exists(), "no process was begun"
    argv = [sys.executable, "-m", "runner.prepare", "--base", str(tmp_path)]
    said = subprocess.run(argv, input=encode([*looked_up, *read]), capture_output=True, check=True).stdout
    there = {each.source: each for each in (decode(line, Prepared) for line in said.splitlines())}
    assert here == {each: there[each] for each in looked_up}
    assert [bool(here[each].path) for each in looked_up] == [True, False, True, False, True, True, False]
    both = prepare_sources([*looked_up, *read], supplier, lambda: False)
    assert supplier.log_file.exists(), "a checksum may be of gigabytes, and the run be stopped meanwhile"
    assert both == there
    assert prepare_sources(looked_up, supplier, lambda: True) == {}
