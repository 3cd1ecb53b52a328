"""Declared files come before a case's clock starts, once for all cases; without one its cases are INFRA."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import pytest

from runner.protocol import Prepared
from schemas.case import Source
from schemas.codec import decode, encode
from schemas.words import Outcome, SourceKind, StageStatus
from tests.files_support.web import Site, website
from tests.models_support import GOOD, HEAD, put
from tests.suites_support import folder, manifest
from tests.test_models_run import run

BODY = bytes(range(256)) * 400


def prepare(sources: list[Source], home: pathlib.Path, *flags: str, **more: str) -> dict[Source, Prepared]:
    keep = {name: value for name, value in os.environ.items() if name not in ("CI", "DOCKER_CACHE_ROOT")}
    done = subprocess.run(
        [sys.executable, "-m", "runner.prepare", *flags],
        input=encode(sources),
        capture_output=True,
        check=True,
        env={**keep, "HOME": str(home), "LOCAL_LF_CACHE": str(home / "local"), **more},
    )
    return {answer.source: answer for answer in (decode(line, Prepared) for line in done.stdout.splitlines())}


def declared(locator: str) -> Source:
    return Source(SourceKind.FILE, locator)


def test_files_are_answered_like_models(tmp_path: pathlib.Path) -> None:
    served = Site({f"{n}.pt": BODY for n in range(8)}, pause=0.5)
    put(tmp_path / "up", "here.txt", "x")
    with website(served) as url:
        good = [declared(f"{url}/{n}.pt") for n in range(8)]
        wrong, absent = declared(f"{url}/0.pt#sha256={'0' * 64}"), declared(f"{url}/none.pt")
        stored, escape = declared("here.txt"), declared("../here.txt")
        begun = time.monotonic()
        found = prepare([*good, wrong, absent, stored, escape], tmp_path, IRD_LF_CACHE=str(tmp_path / "up"))
        seconds = time.monotonic() - begun
    assert all(pathlib.Path(found[each].path).read_bytes() == BODY for each in good)
    assert len({found[each].path for each in good}) == 8
    assert "was asked for" in found[wrong].error
    assert "HTTP 404" in found[absent].error
    assert found[stored].path == str(tmp_path / "local" / "here.txt")
    assert "no path inside the store" in found[escape].error
    # Half a second each and one thing after the other would be more than 4 s; all at once less than 1 s.
    assert 1 < seconds < 4


def test_force_fetches_again(tmp_path: pathlib.Path) -> None:
    served = Site({"a.pt": BODY})
    with website(served) as url:
        for flags in ((), (), ("--force",)):
            prepare([declared(f"{url}/a.pt")], tmp_path, *flags)
    assert len(served.requests) == 2


@pytest.mark.slow
def test_cases_share_their_files_and_a_missing_one_is_infra(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCAL_LF_CACHE", str(tmp_path / "local"))
    for name in ("CI", "DOCKER_CACHE_ROOT", "DOCKER_CACHE_DIR", "IRD_LF_CACHE"):
        monkeypatch.delenv(name, raising=False)
    served = Site({"a.pt": BODY})
    with website(served) as url:
        model = "class Good(OnnxModelTester):\n" + GOOD.partition("Good(OnnxModelTester):\n")[2]
        reads = f"        assert len(get_file('{url}/a.pt').read_bytes()) == {len(BODY)}\n"
        model = model.replace("        graph = Graph", f"{reads}        graph = Graph")
        head = HEAD + "from suites import get_file\n\n\n"
        uses = model.replace("    def load_model", f"    files = ('{url}/a.pt',)\n\n    def load_model")
        root = folder(tmp_path / "suites", mine=manifest("models: [{name: onnx/mine/*}]\n"))
        put(root, "models/onnx/mine/one.py", head + uses)
        put(root, "models/onnx/mine/two.py", head + uses)
        put(root, "models/onnx/mine/lost.py", head + uses.replace("a.pt',)", "lost.pt', 'no/such.pt')"))
        put(root, "models/onnx/mine/undeclared.py", head + model.replace("a.pt", "gone.pt"))
        code, records = run(root, tmp_path / "out", "onnx/mine/*")
        asked = [path for path, *_ in served.requests]
    assert code == 1
    assert asked.count("a.pt") == 1
    assert {name: str(record.outcome) for name, record in records.items()} == {
        "onnx/mine/one": "PASS",
        "onnx/mine/two": "PASS",
        "onnx/mine/lost": "INFRA",
        "onnx/mine/undeclared": "INFRA",
    }
    lost, undeclared = records["onnx/mine/lost"], records["onnx/mine/undeclared"]
    assert lost.error is not None
    assert lost.error.signature == "source not available"
    assert "lost.pt" in lost.error.excerpt
    assert "no/such.pt" in lost.error.excerpt
    assert "IRD_LF_CACHE" in lost.error.excerpt
    assert not list((tmp_path / "out").rglob("onnx/mine/lost@onnx/*.log"))
    assert undeclared.outcome is Outcome.INFRA
    assert [(stage.stage, stage.status) for stage in undeclared.stages] == [("setup", StageStatus.INFRA)]
    assert undeclared.error is not None
    assert "gone.pt" in undeclared.error.excerpt
