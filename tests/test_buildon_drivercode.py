"""What drivers have compiled is packed, handed over and unpacked; whatever is wrong with it costs time only."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Callable

import msgspec
import pytest

from runner.backends.drivers import folders_of, keep_code
from runner.halves.drivercode import CODE_FILE, pack, take_over
from runner.halves.place import handover_folder
from runner.protocol import Job, Toolchain
from runner.select import Batch
from runner.store import STORE_VARIABLE, Store
from schemas.target import EnvVar, Target
from schemas.words import Stage
from tests.stages_support.cases import a_case
from tests.targets_support import VULKAN

WIDE = msgspec.structs.replace(VULKAN, environment=(EnvVar("WIDTH", "256"),), build_driver=())
CASE = a_case()
FILES = {"aa/0123": b"a kernel", "index": bytes(100_000)}


def kept(store: pathlib.Path) -> dict[str, bytes]:
    """What lies in the store's folder of drivers."""
    root = store / "drivers"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def built(tmp_path: pathlib.Path) -> pathlib.Path:
    """A store in which Mesa has kept code of CASE on WIDE, and of another target's."""
    mesa, _ = folders_of(WIDE, CASE)
    for folder in (mesa, "mesa-of-others"):
        for name, data in FILES.items():
            path = tmp_path / "built" / "drivers" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return tmp_path / "built"


def batch(root: pathlib.Path) -> Batch:
    return Batch(suite="s", target=WIDE, shard=1, digest="", cases=(CASE,), matrix=None, folder=root / "out")


def handed(root: pathlib.Path, artifact: str = "") -> pathlib.Path:
    """Where the archive of the batch lies in the handover; in a folder of an artifact's name, as it is fetched."""
    file = handover_folder(root / "handover" / artifact, "s", WIDE.name, 1) / CODE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@pytest.mark.parametrize("artifact", ["", "handover.s-vulkan-1-2"])
def test_the_other_machine_finds_what_the_driver_kept_for_these_cases(
    tmp_path: pathlib.Path, built: pathlib.Path, artifact: str
) -> None:
    file = handed(tmp_path, artifact)
    size = pack(Store(built), WIDE, [CASE], file)
    assert size == file.stat().st_size < 10_000
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == len(FILES)
    mesa, _ = folders_of(WIDE, CASE)
    assert kept(tmp_path / "device") == {f"{mesa}/{name}": data for name, data in FILES.items()}


def test_what_the_device_has_kept_stays(tmp_path: pathlib.Path, built: pathlib.Path) -> None:
    pack(Store(built), WIDE, [CASE], handed(tmp_path))
    mesa, _ = folders_of(WIDE, CASE)
    own = tmp_path / "device" / "drivers" / mesa / "index"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"its own")
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == 1
    assert kept(tmp_path / "device") == {f"{mesa}/index": b"its own", f"{mesa}/aa/0123": b"a kernel"}


def test_where_nothing_is_kept_nothing_is_handed_over(tmp_path: pathlib.Path) -> None:
    assert pack(Store(tmp_path / "empty"), WIDE, [CASE], handed(tmp_path)) == 0
    assert not handed(tmp_path).exists()
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == 0
    assert not (tmp_path / "device").exists()


def test_a_store_without_room_takes_nothing(
    tmp_path: pathlib.Path, built: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(Store(built), WIDE, [CASE], handed(tmp_path))
    monkeypatch.setenv("E2ESHARD_STORE_LIMIT", "0")
    assert take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover") == 0
    assert not (tmp_path / "device").exists()


def _cut(file: pathlib.Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def _one_byte(file: pathlib.Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"a kernel", b"a kernul"))


def _stored(name: str) -> Callable[[pathlib.Path], None]:
    def made(file: pathlib.Path) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "x")

    return made


def _no_archive(file: pathlib.Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "not a zip file"),
        (_one_byte, "Bad CRC-32"),
        (_no_archive, "not a zip file"),
        (_stored("../../evil"), "a name that no driver gives: '../../evil'"),
        (_stored("/evil"), "a name that no driver gives: '/evil'"),
        (_stored("mesa/"), "a name that no driver gives"),
    ],
    ids=["cut", "one byte", "empty", "above", "absolute", "a folder"],
)
def test_a_spoilt_archive_is_told_and_not_used(
    tmp_path: pathlib.Path,
    built: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[pathlib.Path], None],
    said: str,
) -> None:
    mesa, _ = folders_of(WIDE, CASE)
    with zipfile.ZipFile(handed(tmp_path), "w") as archive:  # not compressed, so that a byte of it can be changed
        archive.write(built / "drivers" / mesa / "aa" / "0123", f"{mesa}/aa/0123")
    spoil(handed(tmp_path))
    take_over(Store(tmp_path / "device"), batch(tmp_path), tmp_path / "handover")
    assert said in caplog.text
    assert CODE_FILE in caplog.text
    assert kept(tmp_path / "device") == {}
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_cannot_be_written_leaves_no_half(tmp_path: pathlib.Path, built: pathlib.Path) -> None:
    file = handed(tmp_path)
    file.parent.rmdir()
    file.parent.write_bytes(b"no folder")
    with pytest.raises(OSError, match="Not a directory"):
        pack(Store(built), WIDE, [CASE], file)


@pytest.mark.parametrize("driver", [(), (EnvVar("VK_DRIVER_FILES", "/x.json"), EnvVar("FAMILY", "A"))])
def test_the_driver_keeps_it_in_the_same_folder_on_both_machines(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, driver: tuple[EnvVar, ...]
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))

    def folder(target: Target) -> str:
        found: dict[str, str] = {}
        tools = Toolchain(iree_compile="", iree_opt="", iree_run_module="", library="", origin="package")
        stages = (Stage.COMPILED_INFERENCE,)
        keep_code(Job(case=CASE, target=target, toolchain=tools, source="", folder="", logs="", stages=stages), found)
        return pathlib.Path(found["MESA_SHADER_CACHE_DIR"]).name

    there = msgspec.structs.replace(WIDE, build_driver=driver)
    here = msgspec.structs.replace(there, environment=(*there.environment, *driver))
    assert folder(here) == folder(there) == folder(WIDE) == folders_of(here, CASE)[0]
    assert folder(msgspec.structs.replace(there, environment=())) != folder(there)
