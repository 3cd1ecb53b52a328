"""s3:// addresses, through s3fs against a server of our own that fails as told and checks signatures.

A server of our own rather than moto's: that one brings some thirty packages, checks no signatures unless it is taught
whole policies, and cannot cut a connection.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pathlib
import subprocess
import sys

import pytest

from schemas.errors import InfraError
from suites import get_file
from suites.files import patience, s3
from suites.files.transport import NotThereError
from tests.files_support.bucket import Bucket, bucket_server

pytestmark = pytest.mark.skipif(importlib.util.find_spec("s3fs") is None, reason="needs the extra s3 (s3fs)")

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()
KEYS = ("AKIDEXAMPLE", "secret/key")
REPOSITORY = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def local(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A store of its own, no credentials, pieces so small that a file has several, and no long pauses."""
    for name in ("DOCKER_CACHE_ROOT", "DOCKER_CACHE_DIR", "IRD_LF_CACHE", "CI", "E2ESHARD_OFFLINE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    monkeypatch.setattr(s3, "_PIECE", 300_000)
    monkeypatch.setattr(patience.time, "sleep", lambda _: None)
    return tmp_path / "local"


def test_an_object_everybody_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"a b/m#1.pt": BODY, "empty": b""})
    with bucket_server(bucket) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        path = get_file("s3://models/a b/m#1.pt", sha256=DIGEST)
        assert path.read_bytes() == BODY
        assert path.name == "m#1.pt"
        asked = len(bucket.requests)
        assert get_file("s3://models/a b/m#1.pt") == path
        assert len(bucket.requests) == asked
        assert get_file("s3://models/empty").read_bytes() == b""
        with pytest.raises(NotThereError, match="no such object"):
            get_file("s3://models/b.pt")
        with pytest.raises(NotThereError, match="is a folder, not an object"):
            get_file("s3://models/a b")


def test_keys_are_used_and_the_lack_of_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_server(Bucket({"a b/m.pt": BODY}, keys=KEYS)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(InfraError, match="access denied") as caught:
            get_file("s3://models/a b/m.pt")
        assert "AWS_ACCESS_KEY_ID" in caught.value.remedy
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(InfraError, match="access denied"):
            get_file("s3://models/a b/m.pt")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
        assert get_file("s3://models/a b/m.pt").read_bytes() == BODY


def test_cut_and_busy_servers_are_asked_again_for_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"m.pt": BODY}, cuts=[300_000, 1000], statuses=[500, 503])
    with bucket_server(bucket) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert get_file("s3://models/m.pt").read_bytes() == BODY
    starts = [int(wanted.removeprefix("bytes=").partition("-")[0]) for method, wanted in bucket.requests if wanted]
    assert starts == sorted(starts)
    assert starts.count(0) < 5


def test_a_download_that_was_given_up_is_continued(local: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"m.pt": BODY}, cuts=[300_000, *[10] * 99])
    with bucket_server(bucket) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(InfraError, match=r"s3://models/m\.pt could not be downloaded in 5 attempts"):
            get_file("s3://models/m.pt")
        (part,) = local.rglob("*.part")
        assert part.stat().st_size == 300_000
        bucket.cuts, bucket.requests = [], []
        assert get_file("s3://models/m.pt").read_bytes() == BODY
    assert bucket.requests[1] == ("GET", "bytes=300000-599999")


def test_an_object_replaced_meanwhile_is_not_glued_together(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bytes(reversed(BODY))
    with bucket_server(Bucket({"m.pt": BODY}, swap={"m.pt": other})) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert get_file("s3://models/m.pt").read_bytes() == other


def test_a_bucket_feeds_the_store(local: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket({"lf/bert/a.bin": BODY, "lf/bert/more/b 1.bin": b"2", "lf/bertha": b"3"}, keys=KEYS)
    with bucket_server(bucket) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
        monkeypatch.setenv("IRD_LF_CACHE", "s3://models/lf")
        assert get_file("bert/more/b 1.bin") == local / "bert" / "more" / "b 1.bin"
        assert get_file("bert") == local / "bert"  # one file of it was here already: the rest is fetched
        assert sorted(path.name for path in (local / "bert").rglob("*") if path.is_file()) == ["a.bin", "b 1.bin"]
        asked = len(bucket.requests)
        assert get_file("bert") == local / "bert"
        assert len(bucket.requests) == asked
        with pytest.raises(InfraError, match="neither the store nor IRD_LF_CACHE has 'none'"):
            get_file("none")


def test_without_s3fs_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from schemas.errors import InfraError\nfrom suites import get_file\n"
        "try: get_file('s3://models/m.pt')\nexcept InfraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "make install EXTRAS=s3" in done.stdout
