from __future__ import annotations

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from runner.protocol import Prepared
from runner.store import Store
from schemas.case import Source
from schemas.codec import decode, encode
from schemas.words import SourceKind
from tests.files_support.web import Site, website

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()


def prepare(sources: list[Source], store: pathlib.Path, *flags: str, base: str = ".") -> dict[Source, Prepared]:
    done = subprocess.run(
        [sys.executable, "-m", "runner.prepare", "--base", base, *flags],
        input=encode(sources),
        capture_output=True,
        check=True,
        env={**os.environ, "E2ESHARD_STORE": str(store)},
    )
    answers = [decode(line, Prepared) for line in done.stdout.splitlines()]
    assert len(answers) == len(sources)
    return {answer.source: answer for answer in answers}


def test_every_kind_of_source_is_answered(tmp_path: pathlib.Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.onnx").write_bytes(BODY)
    good = Source(SourceKind.ONNX_FILE, "models/mine.onnx", DIGEST)
    wrong = Source(SourceKind.ONNX_FILE, "models/mine.onnx", "0" * 64)
    absent = Source(SourceKind.ONNX_FILE, "models/yours.onnx")
    data = Source(SourceKind.ONNX_DATA, "simple/test_expand_shape_model1")
    no_data = Source(SourceKind.ONNX_DATA, "simple/test_nothing")
    escape = Source(SourceKind.ONNX_DATA, "simple/../../../../..")
    with website(Site({"m.onnx": BODY})) as url:
        remote = Source(SourceKind.ONNX_URL, f"{url}/m.onnx", DIGEST)
        found = prepare([good, wrong, absent, data, no_data, escape, remote], tmp_path / "store", base=str(tmp_path))
    assert pathlib.Path(found[good].path) == tmp_path / "models" / "mine.onnx"
    assert "the manifest says" in found[wrong].error
    assert "there is no file" in found[absent].error
    assert "no case" in found[escape].error
    assert (pathlib.Path(found[data].path) / "model.onnx").is_file()
    assert "no case 'simple/test_nothing'" in found[no_data].error
    assert found[remote].path.startswith(str(tmp_path / "store" / "downloads"))
    assert pathlib.Path(found[remote].path).read_bytes() == BODY


def test_stdin_that_is_no_array_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "runner.prepare"], input=b"{}", capture_output=True, check=False)
    assert done.returncode == 2
    assert b"no JSON array" in done.stderr


@pytest.mark.slow
def test_node_cases_are_made_once_in_onnx_own_layout_and_the_same_every_time(tmp_path: pathlib.Path) -> None:
    abs_, absent = Source(SourceKind.ONNX_NODE, "test_abs"), Source(SourceKind.ONNX_NODE, "test_nothing")
    found = prepare([abs_, absent], tmp_path / "a")
    folder = pathlib.Path(found[abs_].path)
    assert "has no node case 'test_nothing'" in found[absent].error
    assert sorted(path.name for path in folder.rglob("*")) == [
        "input_0.pb",
        "model.onnx",
        "output_0.pb",
        "test_data_set_0",
    ]
    tensor = onnx.TensorProto()
    values = []
    for name in ("input_0.pb", "output_0.pb"):
        tensor.ParseFromString((folder / "test_data_set_0" / name).read_bytes())
        values.append(numpy_helper.to_array(tensor))
    assert np.array_equal(np.abs(values[0]), values[1])
    assert len(list(folder.parent.iterdir())) > 1800
    made = folder.stat().st_mtime_ns
    prepare([abs_], tmp_path / "a")
    assert folder.stat().st_mtime_ns == made
    again = pathlib.Path(prepare([abs_], tmp_path / "b")[abs_].path)
    assert digests(again.parent) == digests(folder.parent)
    prepare([abs_], tmp_path / "a", "--force")
    assert folder.stat().st_mtime_ns != made
    assert [path.name for path in (tmp_path / "a").iterdir() if path.name.startswith(".")] == []


def digests(folder: pathlib.Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return json.dumps(
        [[str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    )


@pytest.mark.slow
def test_several_runners_share_one_store(tmp_path: pathlib.Path) -> None:
    source = Source(SourceKind.ONNX_NODE, "test_abs")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "runner.prepare"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "E2ESHARD_STORE": str(tmp_path)},
        )
        for _ in range(3)
    ]
    answers = [process.communicate(encode([source]))[0] for process in processes]
    assert len(set(answers)) == 1
    assert not decode(answers[0], Prepared).error


def test_locks_of_a_store_exclude_each_other(tmp_path: pathlib.Path) -> None:
    store = Store(tmp_path)
    with store.lock("a"), store.lock("b"):
        assert (tmp_path / "locks").is_dir()
