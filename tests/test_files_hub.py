"""hf:// addresses through huggingface_hub, in processes of their own: it reads its variables when it is imported."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.files_support.hub import Hub, hub_server

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs the extra torch"),
    pytest.mark.slow,
]

REPOSITORY = pathlib.Path(__file__).parent.parent
OURS = "of-somebody-who-may"
WEIGHTS = bytes(range(256)) * 400
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "onnx/model.onnx": b"o"}
ASK = """\
import json, sys
from schemas.errors import InfraError
from suites import get_file
if "--without" in sys.argv: sys.modules["huggingface_hub"] = None
for each in sys.argv[1:]:
    if each.startswith("--"): continue
    try: print(json.dumps([str(get_file(each, force="--force" in sys.argv)), "", ""]))
    except InfraError as error: print(json.dumps(["", error.message, error.remedy]))
"""


class Machine:
    """Processes with a Hugging Face cache of their own."""

    def __init__(self, folder: pathlib.Path, endpoint: str) -> None:
        self.folder = folder
        self.endpoint = endpoint

    def ask(self, *asked: str, **more: str) -> list[tuple[str, str, str]]:
        """For each argument of `get_file`: path, error, remedy."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_", "E2ESHARD_", "CI"))}
        paths = {"HOME": str(self.folder), "HF_HOME": str(self.folder / "hf"), "HF_ENDPOINT": self.endpoint}
        argv = [sys.executable, "-c", ASK, *asked]
        environment = keep | paths | {"HF_HUB_DISABLE_TELEMETRY": "1"} | more
        done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_file_and_a_repository_come_once_and_stay(tmp_path: pathlib.Path) -> None:
    hub = Hub(dict(FILES))
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    with hub_server(hub) as url:
        machine = Machine(tmp_path, url)
        ((path, error, _),) = machine.ask(f"hf://owner/name/model.safetensors#sha256={digest}")
        assert pathlib.Path(path or error).read_bytes() == WEIGHTS
        assert pathlib.Path(path).is_relative_to(tmp_path / "hf")
        asked = len(hub.requests)
        again, wrong = machine.ask("hf://owner/name/model.safetensors", f"hf://owner/name/config.json#sha256={digest}")
        assert again[0] == path
        assert "was asked for" in wrong[1]
        assert f"GET /owner/name/resolve/{hub.commit}/model.safetensors" not in hub.requests[asked:]
        # One file of the repository is here: that is not the repository.
        ((folder, error, _),) = machine.ask("hf://owner/name")
        found = {p.relative_to(folder).as_posix() for p in pathlib.Path(folder or error).rglob("*") if p.is_file()}
        assert found == set(FILES)
        asked = len(hub.requests)
        assert machine.ask("hf://owner/name", f"hf://owner/name@{hub.commit}/onnx/model.onnx")[0][0] == folder
        assert len(hub.requests) == asked
        old = hub.commit
        hub.files["config.json"] = b'{"new": 1}'
        assert machine.ask("hf://owner/name/config.json")[0][0].startswith(folder)
        ((path, error, _),) = machine.ask("hf://owner/name/config.json", "--force")
        assert pathlib.Path(path or error).read_bytes() == b'{"new": 1}'
        assert machine.ask(f"hf://owner/name@{old}")[0][0] == folder


def test_offline_the_cache_is_all_there_is(tmp_path: pathlib.Path) -> None:
    hub = Hub(dict(FILES))
    with hub_server(hub) as url:
        machine = Machine(tmp_path, url)
        ((here, error, _),) = machine.ask("hf://owner/name/config.json")
        assert here, error
        asked = len(hub.requests)
        for name in ("E2ESHARD_OFFLINE", "HF_HUB_OFFLINE"):
            cached, missing, part = machine.ask(
                "hf://owner/name/config.json", "hf://owner/name/onnx/model.onnx", "hf://owner/name", **{name: "1"}
            )
            assert cached[0] == here
            for each in (missing, part):
                assert f"{name}=1 forbids downloads" in each[1]
                assert "HF_HOME" in each[2]
        assert len(hub.requests) == asked


def test_who_may_not_read_is_told_of_the_token(tmp_path: pathlib.Path) -> None:
    hub = Hub(dict(FILES), token=OURS, gated=True)
    with hub_server(hub) as url:
        machine = Machine(tmp_path, url)
        for asked in ("hf://owner/name", "hf://owner/name/config.json"):
            ((path, error, remedy),) = machine.ask(asked)
            assert not path
            assert "is gated" in error
            assert "HF_TOKEN" in remedy
        hub.gated = False
        for each in machine.ask("hf://owner/name", "hf://owner/name/config.json", HF_TOKEN=OURS + "x"):
            assert "no such repository" in each[1]
            assert "HF_TOKEN" in each[2]
        ((path, error, _),) = machine.ask("hf://owner/name/config.json", HF_TOKEN=OURS)
        assert pathlib.Path(path or error).read_bytes() == b"{}"


def test_what_is_not_there_is_told_at_once(tmp_path: pathlib.Path) -> None:
    hub = Hub(dict(FILES))
    with hub_server(hub) as url:
        absent, file, revision, folder = Machine(tmp_path, url).ask(
            "hf://owner/other", "hf://owner/name/nothing", "hf://owner/name@v9/config.json", "hf://owner/name@v9"
        )
    assert "no such repository" in absent[1]
    assert "Entry Not Found" in file[1]
    assert "mend the revision or the file's name" in file[2]
    for each in (revision, folder):
        assert "Revision Not Found" in each[1]
        assert each[2]
    assert len(hub.requests) < 12


def test_a_busy_hub_is_asked_again_and_a_dead_one_given_up(tmp_path: pathlib.Path) -> None:
    hub = Hub(dict(FILES), statuses=[503, 500])
    with hub_server(hub) as url:
        ((path, error, _),) = Machine(tmp_path, url).ask("hf://owner/name/config.json")
        assert pathlib.Path(path or error).read_bytes() == b"{}"
    ((path, error, remedy),) = Machine(tmp_path / "new", url).ask("hf://owner/name")
    assert not path
    assert "could not be downloaded in 5 attempts" in error
    assert "network" in remedy


def test_without_the_library_the_extra_is_named(tmp_path: pathlib.Path) -> None:
    ((_, error, remedy),) = Machine(tmp_path, "http://127.0.0.1:9").ask("hf://owner/name", "--without")
    assert "need huggingface_hub" in error
    assert "make install EXTRAS=torch" in remedy
