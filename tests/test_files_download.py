"""Downloads over a network as it is: cut, busy, slow, wrong, and continued only where that is safe."""

from __future__ import annotations

import email.utils
import hashlib
import pathlib
import socket
import time

import pytest

from schemas.errors import InfraError
from suites.files import http
from suites.files.download import Wanted, download
from suites.files.transport import NotThereError
from tests.files_support.web import Site, website

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = bytes(reversed(BODY))


def fetch(
    url: str, folder: pathlib.Path, *, sha256: str | None = None, force: bool = False, attempts: int = 4
) -> bytes:
    path = folder / "m.pt"
    download(Wanted(url=f"{url}/m.pt", path=path, sha256=sha256), force=force, attempts=attempts, pause=0.01)
    assert not list(folder.glob("*.part*"))
    return path.read_bytes()


def site(**faults: object) -> Site:
    return Site({"m.pt": BODY}, **faults)  # type: ignore[arg-type]


def test_a_download_is_kept_and_not_repeated(tmp_path: pathlib.Path) -> None:
    served = site(md5=True)
    with website(served) as url:
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY
        assert len(served.requests) == 1
        assert fetch(url, tmp_path, force=True) == BODY
        assert len(served.requests) == 2


def test_a_cut_connection_is_continued_where_it_was_cut(tmp_path: pathlib.Path) -> None:
    served = site(cuts=[300_000, 200_000])
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
    starts = [int(each.removeprefix("bytes=").rstrip("-") or 0) for each in served.ranges_asked]
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] < starts[2]
    assert [condition for _, _, condition in served.requests] == ["", *[f'"{DIGEST[:16]}"'] * 2]


def test_a_file_that_changed_between_two_attempts_is_not_glued_together(tmp_path: pathlib.Path) -> None:
    served = site(cuts=[300_000])
    with website(served) as url:
        with pytest.raises(InfraError, match="in 1 attempts"):
            fetch(url, tmp_path, attempts=1)
        assert (tmp_path / "m.pt.part").stat().st_size > 0
        served.files["m.pt"] = OTHER
        assert fetch(url, tmp_path) == OTHER
    assert served.ranges_asked[1].startswith("bytes=")


@pytest.mark.parametrize("weak", [False, True])
def test_without_a_strong_validator_or_a_hash_it_starts_again(tmp_path: pathlib.Path, weak: bool) -> None:
    served = site(cuts=[300_000], etag=weak, weak=weak)
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
        assert served.ranges_asked == ["", ""]
        served.cuts = [300_000]
        assert fetch(url, tmp_path, sha256=DIGEST, force=True) == BODY
    assert served.ranges_asked[3].startswith("bytes=")


def test_two_halves_of_different_files_are_noticed_by_the_hash(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.pt.part").write_bytes(OTHER[:500_000])
    served = site(etag=False)
    with website(served) as url:
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY
    assert served.ranges_asked == ["bytes=500000-", ""]


def test_a_server_that_cannot_continue_sends_all_again(tmp_path: pathlib.Path) -> None:
    with website(site(cuts=[300_000], ranges=False)) as url:
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY


def test_a_server_that_continues_at_another_place_is_not_believed(tmp_path: pathlib.Path) -> None:
    served = site(cuts=[300_000], shift=7)
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
    assert [bool(each) for each in served.ranges_asked] == [False, True, False]


def test_a_server_that_gives_less_than_it_was_asked_for_is_asked_for_the_rest(tmp_path: pathlib.Path) -> None:
    served = site(cuts=[300_000], most=400_000)
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
    assert len(served.requests) == 3


def test_leftovers_longer_than_the_file_are_thrown_away(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.pt.part").write_bytes(BODY + b"x")
    with website(site()) as url:
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY


def test_fewer_bytes_than_promised_are_no_file(tmp_path: pathlib.Path) -> None:
    with website(site(missing=3, ranges=False)) as url, pytest.raises(InfraError, match="in 4 attempts"):
        fetch(url, tmp_path)
    assert not (tmp_path / "m.pt").exists()


def test_chunks_have_an_end_and_a_cut_one_is_noticed(tmp_path: pathlib.Path) -> None:
    served = site(framing="chunked", cuts=[300_000], etag=False)
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
    assert len(served.requests) == 2


def test_an_answer_whose_end_cannot_be_told_needs_a_hash(tmp_path: pathlib.Path) -> None:
    with website(site(framing="close")) as url:
        with pytest.raises(InfraError, match="neither length nor checksum") as caught:
            fetch(url, tmp_path)
        assert "#sha256=" in caught.value.remedy
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY


def test_content_that_is_compressed_all_the_same_is_unpacked(tmp_path: pathlib.Path) -> None:
    with website(site(gzipped=True, cuts=[2_000])) as url:
        assert fetch(url, tmp_path) == BODY


def test_busy_servers_are_asked_again_and_wrong_checksums_not_accepted(tmp_path: pathlib.Path) -> None:
    with website(site(statuses=[(500, {}), (503, {})], md5=True, wrong_md5=1)) as url:
        assert fetch(url, tmp_path) == BODY
    with website(site(md5=True, wrong_md5=9)) as url, pytest.raises(InfraError, match="Content-MD5"):
        fetch(url, tmp_path, force=True)
    assert (tmp_path / "m.pt").read_bytes() == BODY


def test_the_checksum_of_the_whole_is_compared_after_a_cut_too(tmp_path: pathlib.Path) -> None:
    served = site(md5=True, wrong_md5=1, cuts=[300_000])
    with website(served) as url:
        assert fetch(url, tmp_path) == BODY
    assert [bool(each) for each in served.ranges_asked] == [False, True, False]


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed(tmp_path: pathlib.Path, as_date: bool) -> None:
    after = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    with website(site(statuses=[(429, {"Retry_After": after})])) as url:
        begun = time.monotonic()
        assert fetch(url, tmp_path) == BODY
    assert time.monotonic() - begun > 0.9


def test_a_server_that_wants_an_hour_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    served = site(statuses=[(503, {"Retry_After": "3600"})])
    with website(served) as url, pytest.raises(InfraError, match="left alone for 3600 s"):
        fetch(url, tmp_path)
    assert len(served.requests) == 1


def test_patience_ends(tmp_path: pathlib.Path) -> None:
    served = site(statuses=[(503, {})] * 9)
    with website(served) as url, pytest.raises(InfraError, match=r"in 4 attempts.*HTTP 503"):
        fetch(url, tmp_path)
    assert len(served.requests) == 4


def test_a_large_file_is_not_given_up_while_it_grows(tmp_path: pathlib.Path) -> None:
    served = Site({"m.pt": BODY * 8}, cuts=[1_200_000] * 6)
    with website(served) as url:
        assert fetch(url, tmp_path, attempts=2) == BODY * 8
    assert len(served.requests) == 7


def test_a_slow_server_is_waited_for_and_one_that_stopped_is_asked_again(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", (1, 0.3))
    with website(site(pause=0.05, piece=100_000)) as url:  # longer than the timeout altogether
        assert fetch(url, tmp_path) == BODY
    served = site(stalls=1)
    with website(served) as url:
        assert fetch(url, tmp_path, force=True) == BODY
    assert len(served.requests) == 2


def test_nobody_there(tmp_path: pathlib.Path) -> None:
    with website(site()) as url:
        pass
    with pytest.raises(InfraError, match=r"in 2 attempts.*[Cc]onnection") as caught:
        fetch(url, tmp_path, attempts=2)
    assert "network" in caught.value.remedy


def test_an_address_that_is_wrong_is_told_at_once(tmp_path: pathlib.Path) -> None:
    served = site()
    with website(served) as url, pytest.raises(NotThereError, match="HTTP 404") as caught:
        fetch(url + "/n", tmp_path)
    assert len(served.requests) == 1
    assert "n/m.pt" in str(caught.value)
    with website(site(statuses=[(403, {})])) as url, pytest.raises(InfraError, match="HTTP 403") as caught:
        fetch(url, tmp_path)
    assert "access" in caught.value.remedy
    with pytest.raises(InfraError, match="cannot download from 'ftp'"):
        fetch("ftp://127.0.0.1", tmp_path)


def test_another_file_than_is_meant_is_refused(tmp_path: pathlib.Path) -> None:
    with website(site()) as url:
        with pytest.raises(InfraError, match="was asked for"):
            fetch(url, tmp_path, sha256="0" * 64)
        assert list(tmp_path.iterdir()) == []
        assert fetch(url, tmp_path) == BODY
        with pytest.raises(InfraError, match="was asked for"):
            fetch(url, tmp_path, sha256="0" * 64)


def test_what_arrived_whole_is_not_asked_for_again(tmp_path: pathlib.Path) -> None:
    """Ended between the last byte and the renaming."""
    served = site(cuts=[300_000])
    with website(served) as url:
        with pytest.raises(InfraError):
            fetch(url, tmp_path, attempts=1)
        (tmp_path / "m.pt.part").write_bytes(BODY)
        assert fetch(url, tmp_path) == BODY
    assert len(served.requests) == 1


def test_passwords_and_signatures_are_not_shown(tmp_path: pathlib.Path) -> None:
    with website(site()) as url:
        secret = url.replace("http://", "http://me:hunter2@")
        for path in ("n.pt?X-Sig=hunter2&b=hunter2", "m.pt?X-Sig=hunter2"):
            wanted = Wanted(url=f"{secret}/{path}", path=tmp_path / "m.pt", sha256="1" * 64)
            with pytest.raises(InfraError) as caught:
                download(wanted, attempts=1)
            assert "hunter2" not in str(caught.value)
        download(Wanted(url=f"{secret}/m.pt?X-Sig=hunter2", path=tmp_path / "m.pt"))
    with pytest.raises(InfraError) as caught:
        download(Wanted(url=f"{secret}/m.pt?X-Sig=hunter2", path=tmp_path / "n.pt"), attempts=1)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in "".join(path.read_text("latin-1") for path in tmp_path.iterdir())


def test_offline_uses_the_store_only(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = site()
    with website(served) as url:
        monkeypatch.setenv("E2ESHARD_OFFLINE", "1")
        with pytest.raises(InfraError, match="E2ESHARD_OFFLINE=1 forbids") as caught:
            fetch(url, tmp_path)
        assert str(tmp_path / "m.pt") in caught.value.remedy
        (tmp_path / "m.pt").write_bytes(BODY)
        assert fetch(url, tmp_path, sha256=DIGEST) == BODY
    assert served.requests == []


def test_a_file_url_is_copied(tmp_path: pathlib.Path) -> None:
    (tmp_path / "here is").mkdir()
    (tmp_path / "here is" / "m.pt").write_bytes(BODY)
    url = (tmp_path / "here is").as_uri()
    (tmp_path / "store").mkdir()
    assert fetch(url, tmp_path / "store", sha256=DIGEST) == BODY
    with pytest.raises(InfraError, match="no such file"):
        fetch(url + "x", tmp_path / "store", force=True)


def test_an_empty_file_is_a_file(tmp_path: pathlib.Path) -> None:
    with website(Site({"m.pt": b""}, md5=True)) as url:
        assert fetch(url, tmp_path) == b""


def test_a_server_that_never_answers_is_asked_once_for_each_further_file(tmp_path: pathlib.Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(InfraError, match="in 3 attempts"):
            download(Wanted(url=f"{address}/a", path=tmp_path / "a"), attempts=3, pause=0.001)
        with pytest.raises(InfraError, match="in 1 attempts"):
            download(Wanted(url=f"{address}/b", path=tmp_path / "b"), attempts=1000, pause=60)
