"""What drivers have compiled is packed, handed over and unpacked; whatever is wrong with it costs time only."""

from __future__ import annotations

import errno
import pathlib
import shutil
import zipfile
from collections.abc import Callable

import msgspec
import pytest

from runner.backends.drivers import keep_code
from runner.halves.drivercode import CODE_FILE, pack, take_over
from runner.halves.place import handover_folder
from runner.protocol import Job, Toolchain, Trial
from runner.select import Batch
from runner.store import STORE_VARIABLE, Store
from schemas.target import EnvVar, Target
from schemas.words import Stage
from tests.stages_support.cases import a_case
from tests.targets_support import VULKAN

WIDE = msgspec.structs.replace(VULKAN, environment=(EnvVar("WIDTH", "256"),), precompile_driver=())
CASE = a_case()
DEVICE = "vulkan: llvmpipe on 2 processors"
FILES = {"mesa/aa/0123": b"a kernel", "mesa/index": bytes(100_000)}


def kept(store: pathlib.Path) -> dict[str, bytes]:
    """What lies in the store's folder of drivers."""
    root = store / "drivers"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def code(tmp_path: pathlib.Path) -> pathlib.Path:
    """What Mesa has kept, and what it was writing when it was killed."""
    for name, data in (FILES | {"mesa/aa/4567.tmp": b"half a ker"}).items():
        path = tmp_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "code"


def batch(root: pathlib.Path) -> Batch:
    return Batch(suite="s", target=WIDE, shard=1, digest="", cases=(CASE,), matrix=None, folder=root / "out")


def handed(root: pathlib.Path, artifact: str = "") -> pathlib.Path:
    """Where the archive of the batch lies in the handover; in a folder of an artifact's name, as it is fetched."""
    file = handover_folder(root / "handover" / artifact, "s", WIDE.name, 1) / CODE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@pytest.mark.parametrize("artifact", ["", "handover.s-vulkan-1-2"])
def test_the_other_machine_finds_what_the_driver_kept(
    tmp_path: pathlib.Path, code: pathlib.Path, artifact: str
) -> None:
    file = handed(tmp_path, artifact)
    size = pack(code, file, DEVICE)
    assert size == file.stat().st_size < 10_000
    device = Store(tmp_path / "device")
    (said,) = take_over(device, batch(tmp_path), tmp_path / "handover")
    assert said == f"driver: 0.1 MiB of code were new here, compiled by {DEVICE}"
    assert kept(device.root) == FILES
    modes = {path.stat().st_mode & 0o777 for path in (device.root / "drivers").rglob("*") if path.is_file()}
    assert modes == {(code / "mesa" / "index").stat().st_mode & 0o777}, "others read the store too"
    used = (device.root / "usage.json").read_text()
    take_over(device, batch(tmp_path), tmp_path / "handover")
    assert (device.root / "usage.json").read_text() == used, "nothing was new"


def test_what_the_device_has_kept_stays(tmp_path: pathlib.Path, code: pathlib.Path) -> None:
    pack(code, handed(tmp_path), DEVICE)
    own = tmp_path / "device" / "drivers" / "mesa" / "index"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"its own")
    take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover")
    assert kept(tmp_path / "device") == FILES | {"mesa/index": b"its own"}


def test_where_nothing_is_kept_nothing_is_handed_over(tmp_path: pathlib.Path) -> None:
    assert pack(tmp_path / "empty", handed(tmp_path), DEVICE) == 0
    assert not handed(tmp_path).exists()
    take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover")
    assert not (tmp_path / "device").exists()


def test_a_store_without_room_takes_nothing(
    tmp_path: pathlib.Path, code: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(code, handed(tmp_path), DEVICE)
    monkeypatch.setenv("E2ESHARD_STORE_LIMIT", "0")
    take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover")
    assert not (tmp_path / "device").exists()


def test_what_does_not_fit_the_disk_leaves_no_half(
    tmp_path: pathlib.Path, code: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: zipfile.ZipFile, name: pathlib.Path, *_: object) -> None:
        self.writestr(str(name), "half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        pack(code, handed(tmp_path), DEVICE)
    assert not handed(tmp_path).exists()


def _nothing(file: pathlib.Path) -> None:
    file.write_bytes(b"")


def _named(name: str) -> Callable[[pathlib.Path], None]:
    def made(file: pathlib.Path) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "x")

    return made


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_nothing, "not a zip file"),
        (_named("../../evil"), "a name that no driver gives: '../../evil'"),
        (_named("/evil"), "a name that no driver gives: '/evil'"),
        (_named("mesa/"), "a name that no driver gives"),
    ],
    ids=["empty", "above", "absolute", "a folder"],
)
def test_a_spoilt_archive_is_told_and_not_used(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[pathlib.Path], None], said: str
) -> None:
    spoil(handed(tmp_path))
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == []
    assert said in caplog.text
    assert CODE_FILE in caplog.text
    assert kept(tmp_path / "device") == {}
    assert not list(tmp_path.rglob("*evil*"))


def test_no_damage_to_an_archive_ends_the_shard_or_makes_another_kernel(
    tmp_path: pathlib.Path, code: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    (code / "mesa" / "index").write_bytes(b"index")
    file = handed(tmp_path)
    pack(code, file, DEVICE)
    sound = file.read_bytes()
    told = 0
    for spoilt in (
        *(sound[:cut] for cut in range(0, len(sound), 7)),
        *(sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :] for at in range(len(sound))),
    ):
        file.write_bytes(spoilt)
        caplog.clear()
        take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover")
        told += bool(caplog.records)
        found = kept(tmp_path / "device")
        assert set(found.values()) <= {b"a kernel", b"index"}, "whatever a name came to be"
        assert not [each for each in found if each.endswith(".tmp")]
        assert not found or not caplog.records, "all of it or nothing"
        shutil.rmtree(tmp_path / "device", ignore_errors=True)
    assert told > len(sound) // 4


def test_a_disk_that_is_full_leaves_no_part(
    tmp_path: pathlib.Path, code: pathlib.Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(code, handed(tmp_path), DEVICE)
    plain = pathlib.Path.write_bytes

    def full(self: pathlib.Path, data: bytes) -> int:
        if "index" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(self, data)

    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == []
    assert "No space left on device" in caplog.text
    assert kept(tmp_path / "device") == {}


@pytest.mark.parametrize("driver", [(), (EnvVar("VK_DRIVER_FILES", "/x.json"), EnvVar("WIDTH", "512"))])
def test_the_driver_keeps_it_under_the_same_name_on_both_machines(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, driver: tuple[EnvVar, ...]
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    case = msgspec.structs.replace(CASE, environment=WIDE.environment)
    trial = Trial(driver, str(tmp_path / "trial"))

    def folder(target: Target, trial: Trial | None = None, **before: str) -> pathlib.Path:
        tools = Toolchain(iree_compile="", iree_opt="", iree_run_module="", library="", origin="package")
        stages = (Stage.COMPILED_INFERENCE,)
        common = {"source": "", "folder": "", "logs": ""}
        keep_code(Job(case=case, target=target, toolchain=tools, stages=stages, trial=trial, **common), before)
        assert before["MESA_DISK_CACHE_MULTI_FILE"] == "true", "else all of it is one file"
        return pathlib.Path(before["MESA_SHADER_CACHE_DIR"])

    machine = (EnvVar("LD_LIBRARY_PATH", "/opt/lib"),)
    builder = msgspec.structs.replace(WIDE, environment=(*machine, *WIDE.environment, *driver))
    own = folder(WIDE)
    assert own.parent == tmp_path / "store" / "drivers"
    assert folder(builder, trial) == tmp_path / "trial" / own.name
    assert folder(builder, trial, MESA_SHADER_CACHE_DIR="/elsewhere") == tmp_path / "trial" / own.name
