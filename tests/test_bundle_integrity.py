"""What is not as it was is refused with the file's name; what was changed on purpose is judged."""

from __future__ import annotations

import pathlib
import shutil

import msgspec
import pytest

from runner.bundle.seal import write
from runner.store import sha256_of
from schemas.bundle import Bundle, BundleFile
from schemas.codec import decode
from schemas.words import Outcome
from tests.bundle_support.suite import SmallSuite, records

pytestmark = pytest.mark.slow
Made = tuple[SmallSuite, dict[str, pathlib.Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    suite = SmallSuite(tmp_path_factory.mktemp("made"))
    bundles = suite.keep(("good", "inexact"), "--keep", "all")
    return suite, suite.move_away(bundles, tmp_path_factory.mktemp("moved") / "bundles")


@pytest.fixture
def good(made: Made, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy that a test may damage."""
    return pathlib.Path(shutil.copytree(made[1]["good"], tmp_path / "good"))


def described(bundle: pathlib.Path) -> Bundle:
    return decode((bundle / "bundle.json").read_bytes(), Bundle)


def test_one_wrong_byte_anywhere_is_told(made: Made, good: pathlib.Path, tmp_path: pathlib.Path) -> None:
    files = sorted(path for path in good.rglob("*") if path.is_file())
    assert len(files) >= 8
    for path in files:
        data = path.read_bytes()
        if not data:
            continue
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        done = made[0].run(str(good), "--collect-only", cwd=tmp_path)
        path.write_bytes(data)
        assert done.returncode == 2, path
        assert str(path) in done.stderr
        assert "mend: copy the bundle again from where it was made" in done.stderr
    assert made[0].run(str(good), "--collect-only", cwd=tmp_path).returncode == 0


def test_a_missing_file_is_told(made: Made, good: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (good / "artefacts" / "golden_0.npy").unlink()
    done = made[0].run(str(good), cwd=tmp_path)
    assert done.returncode == 2
    assert f"{good / 'artefacts' / 'golden_0.npy'}: the bundle's file is missing" in done.stderr
    (good / "bundle.json").unlink()
    done = made[0].run(f"{good}/", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no bundle.json in it" in done.stderr


def test_another_compiled_module_is_not_believed(made: Made, good: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Its hash mended by hand, it is run, and fails where it differs."""
    module = good / "artefacts" / "module.vmfb"
    shutil.copyfile(made[1]["inexact"] / "artefacts" / "module.vmfb", module)
    assert made[0].run(str(good), cwd=tmp_path).returncode == 2
    bundle = described(good)
    others = tuple(each for each in bundle.files if each.path != "artefacts/module.vmfb")
    mended = BundleFile(path="artefacts/module.vmfb", size=module.stat().st_size, sha256=sha256_of(module))
    write(good, msgspec.structs.replace(bundle, files=(*others, mended)))
    done = made[0].run(str(good), "--from", "compiled_inference", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    record = records(tmp_path / "out" / "small" / "cpu" / "rerun")["good"]
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "compiled_inference")


def test_a_change_that_is_meant_is_accepted_and_judged(made: Made, good: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copyfile(made[1]["inexact"] / "artefacts" / "golden_0.npy", good / "artefacts" / "golden_0.npy")
    done = made[0].run(str(good), "--from", "comparison", cwd=tmp_path)
    assert done.returncode == 2
    assert "where the change is meant, add --accept-changes" in done.stderr
    done = made[0].run(str(good), "--from", "comparison", "--accept-changes", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    record = records(tmp_path / "out" / "small" / "cpu" / "rerun")["good"]
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "Numerics")
    assert made[0].run(str(good), "--collect-only", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "artefacts/../../outside", "./artefacts/a"])
def test_no_name_leads_out_of_a_bundle(made: Made, good: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    bundle = described(good)
    hostile = BundleFile(path=name, size=1, sha256="0" * 64)
    write(good, msgspec.structs.replace(bundle, files=(*bundle.files, hostile)))
    done = made[0].run(str(good), cwd=tmp_path)
    assert done.returncode == 2
    assert "leads out of the bundle" in done.stderr


def test_what_cannot_be_asked_of_a_bundle(made: Made, tmp_path: pathlib.Path) -> None:
    suite, bundles = made
    good, inexact = str(bundles["good"]), str(bundles["inexact"])
    copy = str(shutil.copytree(good, tmp_path / "copy"))
    for arguments, said in (
        ((good, "--target", "cpu"), "--target does not go with a bundle"),
        ((good, "onnx/node/test_abs"), "is a bundle, onnx/node/test_abs is none"),
        ((good, copy), "are both bundles of small/cpu/onnx/good@onnx"),
        (("--shard", "small/cpu", good), "exclude each other"),
        ((good, "--depth", "compile", "--from", "comparison"), "the depth compile does not reach it"),
        ((good, "--stages", "compilation,compiled_inference,comparison", "--from", "comparision"), "no stage"),
        ((good, "--stages", "import_model,compiled_inference"), "since what compilation reads is remade"),
        ((good, "--cleanup", "5"), "--cleanup 5: no such level"),
        ((good, "--keep", "all", "--cleanup", "artefacts"), "no bundle is left to keep"),
        (("onnx/good", "--target", "cpu", "--from", "setup"), "--from belongs to BUNDLE"),
        ((good, "--tests", "absent"), "matches no bundle's case"),
    ):
        done = suite.run(*arguments, cwd=tmp_path)
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
        assert said in done.stderr
    done = suite.run(good, inexact, "--tests", "inexact", "--collect-only", cwd=tmp_path)
    assert done.stdout.split() == ["small/cpu/onnx/inexact@onnx"]
