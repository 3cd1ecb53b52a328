"""Where `get_file` looks, in which order, where it keeps what it fetches, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from runner import failures
from schemas.errors import InfraError
from schemas.words import StageStatus
from suites import get_file
from tests.files_support.web import Site, website

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()
VARIABLES = ("DOCKER_CACHE_ROOT", "DOCKER_CACHE_DIR", "LOCAL_LF_CACHE", "IRD_LF_CACHE", "CI", "E2ESHARD_OFFLINE")
REPOSITORY = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home of its own, and none of the variables set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(root: pathlib.Path, name: str, content: bytes) -> pathlib.Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files(root: pathlib.Path) -> list[str]:
    """The files of a store, without what is kept about them."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path.parts[0] != ".e2eshard")


def test_the_order_of_the_stores(tmp_path: pathlib.Path, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default, local = home / ".cache" / "lfcache", tmp_path / "local"
    in_default = put(default, "m/a.pt", b"default")
    assert get_file("m/a.pt") == in_default
    monkeypatch.setenv("LOCAL_LF_CACHE", str(local))
    assert get_file("m/a.pt") == in_default  # fetched there when LOCAL_LF_CACHE could not be written
    in_local = put(local, "m/a.pt", b"local")
    assert get_file("m/a.pt") == in_local
    monkeypatch.setenv("DOCKER_CACHE_DIR", str(tmp_path / "dir"))
    assert get_file("m/a.pt") == in_local
    in_dir = put(tmp_path / "dir", "m/a.pt", b"dir")
    assert get_file("m/a.pt") == in_dir
    in_root = put(tmp_path / "root", "m/a.pt", b"root")
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(tmp_path / "root"))
    assert get_file("m/a.pt") == in_root
    monkeypatch.setenv("DOCKER_CACHE_ROOT", "")
    assert get_file("m/a.pt") == in_dir


def test_a_folder_of_the_store_is_given_as_a_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "shared", "bert/config.json", b"{}")
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(tmp_path / "shared"))
    assert get_file("bert") == get_file("bert/") == tmp_path / "shared" / "bert"
    with pytest.raises(InfraError, match="is a folder, and has no SHA-256"):
        get_file("bert", sha256=DIGEST)
    with pytest.raises(InfraError, match=r"the store has no 'bert/config\.json'"):
        get_file("bert/config.json/")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../a", "a/../../b", "a/./b", "a//b", "", "/", "~/a", "a\\b", "a\0b", ".e2eshard/locks", ".."],
)
def test_no_way_out_of_the_store(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    monkeypatch.setenv("IRD_LF_CACHE", str(tmp_path))
    put(tmp_path, "a", BODY)
    with pytest.raises(InfraError, match="is no path inside the store"):
        get_file(path)
    assert not (tmp_path / "local").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://a/b", "knows no ftp:// addresses"),
        ("file:///etc/passwd", "knows no file:// addresses"),
        ("https://", "names no file"),
        ("s3://bucket", "names no file"),
        ("https://a/b#sha256=12", "ends in no SHA-256"),
        ("hf://bert", "names nothing of a hub"),
        ("hf://a/b/../c", "names nothing of a hub"),
    ],
)
def test_what_names_nothing_is_told(text: str, said: str) -> None:
    with pytest.raises(InfraError, match=said) as caught:
        get_file(text)
    assert caught.value.remedy
    with pytest.raises(InfraError, match="two hashes"):
        get_file(f"a/b#sha256={DIGEST}", sha256="0" * 64)


def test_a_miss_is_infra_and_names_the_remedy(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    with pytest.raises(InfraError, match=r"no 'm/a\.pt'") as caught:
        get_file("m/a.pt")
    assert str(tmp_path / "local" / "m" / "a.pt") in caught.value.message
    assert "IRD_LF_CACHE" in caught.value.remedy
    assert failures.classify(caught.value)[0] is StageStatus.INFRA


def test_on_ci_the_shared_store_is_all_there_is(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "upstream", "m/a.pt", BODY)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    with pytest.raises(InfraError) as caught:
        get_file("m/a.pt")
    assert "sync the store" in caught.value.remedy
    assert "IRD_LF_CACHE" in caught.value.remedy
    monkeypatch.setenv("IRD_LF_CACHE", str(tmp_path / "upstream"))
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(tmp_path / "shared"))
    with pytest.raises(InfraError, match="this is CI") as caught:
        get_file("m/a.pt")
    assert "sync the store of DOCKER_CACHE_ROOT" in caught.value.remedy
    assert "no such store" in caught.value.message
    assert not (tmp_path / "local").exists()
    monkeypatch.setenv("CI", "false")
    assert get_file("m/a.pt") == tmp_path / "local" / "m" / "a.pt"
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("DOCKER_CACHE_ROOT")
    put(tmp_path / "upstream", "m/b.pt", BODY)
    assert get_file("m/b.pt").read_bytes() == BODY


def test_a_miss_is_fetched_from_a_web_server_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(tmp_path / "shared"))
    served = Site({"lf/m x/a#1.pt": BODY}, cuts=[200_000])
    with website(served) as url:
        monkeypatch.setenv("IRD_LF_CACHE", f"{url}/lf/?sig=1")
        assert get_file("m x/a#1.pt", sha256=DIGEST) == tmp_path / "local" / "m x" / "a#1.pt"
        assert get_file("m x/a#1.pt").read_bytes() == BODY
        assert len(served.requests) == 2
        with pytest.raises(InfraError, match=r"neither the store nor IRD_LF_CACHE has 'm x/b\.pt'"):
            get_file("m x/b.pt")
        with pytest.raises(InfraError, match="cannot be listed"):
            get_file("m x")  # of which one file is here: that is not the folder
    assert not (tmp_path / "shared").exists()
    assert files(tmp_path / "local") == ["m x/a#1.pt"]


def test_a_miss_is_fetched_from_a_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "up", "bert/a#1.bin", BODY)
    put(tmp_path / "up", "bert/more/b %20.bin", b"2")
    (tmp_path / "up" / "empty").mkdir()
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    monkeypatch.setenv("IRD_LF_CACHE", str(tmp_path / "up"))
    monkeypatch.setenv("E2ESHARD_OFFLINE", "1")  # forbids the network, not the disk
    local = tmp_path / "local" / "bert"
    assert get_file("bert/more/b %20.bin").read_bytes() == b"2"
    assert get_file("bert") == local
    assert files(local) == ["a#1.bin", "more/b %20.bin"]
    put(tmp_path / "up", "bert/c.bin", b"3")
    assert get_file("bert/more") == local / "more"
    assert get_file("bert") == local
    assert files(local) == ["a#1.bin", "more/b %20.bin"]
    assert get_file("bert", force=True) == local
    assert files(local) == ["a#1.bin", "c.bin", "more/b %20.bin"]
    with pytest.raises(InfraError, match="empty folder"):
        get_file("empty")
    with pytest.raises(InfraError, match="neither the store nor IRD_LF_CACHE has 'none'"):
        get_file("none")
    monkeypatch.setenv("IRD_LF_CACHE", "files.example")
    with pytest.raises(InfraError, match=r"IRD_LF_CACHE=files\.example is neither an address nor a folder"):
        get_file("none")


def test_a_folder_that_somebody_put_there_is_one(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "local", "bert/a.bin", BODY)
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    assert get_file("bert") == tmp_path / "local" / "bert"


def test_a_wrong_file_in_the_store_is_not_used(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "shared", "a.pt", b"stale")
    put(tmp_path / "up", "a.pt", BODY)
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(tmp_path / "shared"))
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    with pytest.raises(InfraError, match=f"no 'a.pt' with the SHA-256 {DIGEST}"):
        get_file(f"a.pt#sha256={DIGEST}")
    monkeypatch.setenv("IRD_LF_CACHE", str(tmp_path / "up"))
    assert get_file(f"a.pt#sha256={DIGEST}") == tmp_path / "local" / "a.pt"
    assert (tmp_path / "shared" / "a.pt").read_bytes() == b"stale"


def test_a_url_keeps_its_name_and_has_a_place_of_its_own(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    served = Site({"one/m 1.pt": BODY, "two/m 1.pt": BODY[:10], "": b"home"})
    with website(served) as url:
        one = get_file(f"{url}/one/m%201.pt#sha256={DIGEST}")
        assert one.read_bytes() == BODY
        assert one.name == "m 1.pt"
        assert one.parent.parent == tmp_path / "local" / "url"
        assert get_file(f"{url}/one/m%201.pt") == one
        assert len(served.requests) == 1
        assert get_file(f"{url}/two/m%201.pt").read_bytes() == BODY[:10]
        assert get_file(f"{url}/one/m%201.pt?v=2") != one
        assert get_file(url).name == "file"
        assert len(served.requests) == 4
        with pytest.raises(InfraError, match=f"and {'0' * 64} was asked for"):
            get_file(f"{url}/one/m%201.pt", sha256="0" * 64)
        assert one.read_bytes() == BODY
        assert get_file(f"{url}/one/m%201.pt", force=True) == one
        assert len(served.requests) == 6
    shared = tmp_path / "shared"
    one.parent.parent.parent.rename(shared)
    monkeypatch.setenv("DOCKER_CACHE_ROOT", str(shared))
    assert get_file(f"{url}/one/m%201.pt") == shared / one.relative_to(tmp_path / "local")


def test_offline_uses_what_is_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    served = Site({"a.pt": BODY, "b.pt": BODY})
    with website(served) as url:
        here = get_file(f"{url}/a.pt")
        monkeypatch.setenv("E2ESHARD_OFFLINE", "1")
        monkeypatch.setenv("IRD_LF_CACHE", url)
        assert get_file(f"{url}/a.pt") == here
        for each in (f"{url}/b.pt", "b.pt"):
            with pytest.raises(InfraError, match="E2ESHARD_OFFLINE=1 forbids") as caught:
                get_file(each)
            assert "run once without E2ESHARD_OFFLINE" in caught.value.remedy
    assert len(served.requests) == 1


GET = "import sys; from suites import get_file; print(get_file(sys.argv[1]))"
#: Starts Python without the capabilities by which root passes over the modes of files.
PLAIN = """\
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            sys.exit(77)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""


def start(*argv: str, code: str = GET) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *argv], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def read_only(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "read-only"
    put(folder, "a.pt", BODY)
    folder.chmod(0o555)
    yield folder  # type: ignore[misc]
    folder.chmod(0o755)


@pytest.mark.parametrize("variable", ["LOCAL_LF_CACHE", "DOCKER_CACHE_ROOT"])
def test_a_read_only_store_is_used_and_misses_go_to_the_users_own(
    read_only: pathlib.Path, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(read_only))
    probe = start(f"open({str(read_only / 'b')!r}, 'w')", code=PLAIN)
    said = probe.communicate()[1]
    if probe.returncode == 77:
        pytest.skip("root of this machine cannot give up its right to write everywhere")
    assert "PermissionError" in said
    with website(Site({"b.pt": BODY})) as url:
        monkeypatch.setenv("IRD_LF_CACHE", url)
        for asked, place in (("a.pt", read_only), ("b.pt", home / ".cache" / "lfcache"), (f"{url}/b.pt", None)):
            done = start(GET, asked, code=PLAIN)
            out, errors = done.communicate()
            assert done.returncode == 0, errors
            path = pathlib.Path(out.strip())
            assert path.read_bytes() == BODY
            assert place is None or path == place / asked
            assert path.is_relative_to(place or home)
    assert [path.name for path in read_only.iterdir()] == ["a.pt"]


def test_no_folder_that_can_be_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "file", b"")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))  # below a file nobody can make a folder, not even root
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "file" / "local"))
    with website(Site({"a.pt": BODY})) as url, pytest.raises(InfraError, match="no folder for downloads") as caught:
        get_file(f"{url}/a.pt")
    assert "LOCAL_LF_CACHE" in caught.value.remedy


def test_two_processes_at_once_download_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    served = Site({"a.pt": BODY}, pause=0.06)  # one second altogether
    with website(served) as url:
        both = [start(f"{url}/a.pt") for _ in range(2)]
        answers = [each.communicate() for each in both]
        assert [each.returncode for each in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert pathlib.Path(answers[0][0].strip()).read_bytes() == BODY
    assert len(served.requests) == 1


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = tmp_path / "local"
    monkeypatch.setenv("LOCAL_LF_CACHE", str(local))
    served = Site({"a.pt": BODY}, pause=0.1)
    with website(served) as url:
        victim = start(f"{url}/a.pt")
        patience = time.monotonic() + 30
        while not any(part.stat().st_size > 200_000 for part in local.rglob("*.part")):
            assert time.monotonic() < patience
            time.sleep(0.02)
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate()
        assert victim.returncode == -signal.SIGKILL
        assert files(local) == []
        served.pause = 0
        assert get_file(f"{url}/a.pt").read_bytes() == BODY
    assert len(served.requests) == 2
    assert int(served.ranges_asked[1].removeprefix("bytes=").rstrip("-")) > 200_000
    assert list(local.rglob("*.part*")) == []


def test_a_full_or_broken_disk_is_infra(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    with website(Site({"a.pt": BODY})) as url:
        put(tmp_path / "local", "url", b"a file where a folder is needed")
        with pytest.raises(InfraError, match="url") as caught:
            get_file(f"{url}/a.pt")
    assert "LOCAL_LF_CACHE" in caught.value.remedy
