"""Archives of weights: read by IREE's own tools, used by real modules, made once, in little memory."""

from __future__ import annotations

import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cache.room import Room
from runner.failures import StageFailure
from runner.parameters import Filling, Kind, archives_for, parameter_flags, readable, wanted_by
from runner.parameters.archive import Data, Splat, write_archive
from runner.parameters.elements import Parameter
from runner.parameters.values import random_blocks
from runner.parameters.wanted import parameters_in
from runner.store import Store
from schemas.errors import InfraError, Location, ManifestError, UsageError
from tests.accidents_support.build import small_disk
from tests.cache_support.build import FLAGS, tools

MODULE = """\
module @m {
  util.global private @w = #flow.parameter.named<"model"::"w"> : tensor<4xf32>
  util.global private @b = #flow.parameter.named<"bias.x"::"layer.0/b"> : tensor<4xbf16>
  util.global private @c = #flow.parameter.named<"c"> : tensor<4xi32>
  func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
    %w = util.global.load @w : tensor<4xf32>
    %b = util.global.load @b : tensor<4xbf16>
    %c = util.global.load @c : tensor<4xi32>
    %d = arith.sitofp %c : tensor<4xi32> to tensor<4xf32>
    %e = arith.extf %b : tensor<4xbf16> to tensor<4xf32>
    %0 = arith.addf %w, %e : tensor<4xf32>
    %1 = arith.mulf %0, %d : tensor<4xf32>
    %2 = arith.addf %a, %1 : tensor<4xf32>
    return %2 : tensor<4xf32>
  }
}
"""
HERE = Location("suite.yaml", 3, 5)


def a_store(root: pathlib.Path) -> tuple[Store, Room]:
    store = Store(root / "store")
    return store, Room(store, 1 << 40)


def native(name: str, *arguments: str) -> str:
    program = pathlib.Path(tools().iree_run_module).parent / name
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dumped(path: pathlib.Path) -> dict[str, tuple[str, int]]:
    """Start and length of each parameter as iree-dump-parameters tells them."""
    rows = [line.split("|") for line in native("iree-dump-parameters", f"--parameters={path}").splitlines()]
    return {row[3].strip()[1:-1]: (row[0].strip(), int(row[2])) for row in rows if len(row) == 4 and "`" in row[3]}


@pytest.mark.slow
def test_a_real_module_runs_with_random_and_with_splat_weights(tmp_path: pathlib.Path) -> None:
    module, bytecode, compiled = (tmp_path / name for name in ("m.mlir", "m.mlirbc", "m.vmfb"))
    module.write_text(MODULE)
    used = tools()
    subprocess.run([used.iree_opt, module, "--emit-bytecode", "-o", bytecode], check=True)
    wanted = wanted_by(module, used.iree_opt)
    assert wanted == wanted_by(bytecode, used.iree_opt)
    assert [(each.scope, each.key, each.element, each.shape) for each in wanted] == [
        ("", "c", "i32", (4,)),
        ("bias.x", "layer.0/b", "bf16", (4,)),
        ("model", "w", "f32", (4,)),
    ]
    subprocess.run([used.iree_compile, bytecode, "-o", compiled, *FLAGS], check=True)
    store, room = a_store(tmp_path)

    def run(filling: Filling) -> list[float]:
        flags = parameter_flags(archives_for(wanted, store, room, filling))
        assert [flag.rpartition("=")[0] for flag in flags] == [
            "--parameters",
            "--parameters=bias.x",
            "--parameters=model",
        ]
        said = native(
            "iree-run-module", f"--module={compiled}", "--function=f", "--device=local-sync", "--input=4xf32=1", *flags
        )
        return [float(each) for each in said.splitlines()[-1].partition("=")[2].split()]

    assert run(Filling(kind=Kind.SPLAT, value=2)) == [9, 9, 9, 9]
    c, b, w = (b"".join(random_blocks(each, 5)) for each in wanted)
    bias = (np.frombuffer(b, "<u2").astype("<u4") << 16).view("<f4")
    expected = 1 + (np.frombuffer(w, "<f4") + bias) * np.frombuffer(c, "<i4").astype("<f4")
    np.testing.assert_allclose(run(Filling(seed=5)), expected, rtol=1e-4)
    assert run(Filling(seed=6)) != run(Filling(seed=5))


@pytest.mark.slow
def test_the_sizes_are_those_of_the_compiler(tmp_path: pathlib.Path) -> None:
    """Its own splat archive of the same module tells what it expects."""
    names = ("f32", "f16", "bf16", "f8E4M3FN", "f8E5M2", "i1", "i4", "i8", "i16", "i32", "i64")
    lines = ["module @m {"]
    for name in names:
        result, op = ("f32", "arith.extf") if name[0] in "fb" else ("i32", "arith.extui")
        op = {"f32": "", "i32": "", "i64": "arith.trunci"}.get(name, op)
        step = f"%1 = {op} %0 : tensor<2x5x{name}> to tensor<2x5x{result}>"
        if not op:
            step = f"%1 = arith.{'addf' if name == 'f32' else 'addi'} %0, %0 : tensor<2x5x{name}>"
        lines += [
            f'util.global private @{name} = #flow.parameter.named<"s"::"{name}"> : tensor<2x5x{name}>',
            f"func.func @f_{name}() -> tensor<2x5x{result}> {{",
            f"%0 = util.global.load @{name} : tensor<2x5x{name}>",
            step,
            f"return %1 : tensor<2x5x{result}>",
            "}",
        ]
    module = tmp_path / "m.mlir"
    module.write_text("\n".join([*lines, "}"]))
    theirs = tmp_path / "theirs.irpa"
    used = tools()
    to_stream = ("--compile-to=stream", "-o", str(tmp_path / "out"), f"--iree-parameter-splat={theirs}")
    subprocess.run([used.iree_compile, str(module), *FLAGS, *to_stream], check=True)
    wanted = wanted_by(module, used.iree_opt)
    assert {each.key: each.length for each in wanted} == {key: length for key, (_, length) in dumped(theirs).items()}


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="`|"), min_size=1, max_size=12)


@pytest.mark.slow
@given(st.dictionaries(KEYS, st.binary(max_size=200) | st.sampled_from([b"ab", b"abcd", b"12345678"]), max_size=6))
@settings(max_examples=40)
def test_irees_own_reader_finds_every_byte(contents: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, "a.irpa")
        write_archive(path, [Data(key, len(data), [data[:7], data[7:]]) for key, data in contents.items()])
        raw = path.read_bytes()
        assert len(raw) % 4096 == 0
        found = dumped(path)
        assert {key: length for key, (_, length) in found.items()} == {k: len(v) for k, v in contents.items()}
        for key, (start, length) in found.items():
            assert int(start) % 64 == 0
            assert raw[int(start) : int(start) + length] == contents[key]


def test_a_splat_takes_no_room_and_a_wrong_stream_is_noticed(tmp_path: pathlib.Path) -> None:
    write_archive(tmp_path / "s.irpa", [Splat("big", 1 << 40, b"\0\0\x80\x3f")])
    assert (tmp_path / "s.irpa").stat().st_size == 4096
    assert dumped(tmp_path / "s.irpa") == {"big": ("-", 1 << 40)}
    with pytest.raises(ValueError, match="3 bytes came, 4 were told"):
        write_archive(tmp_path / "d.irpa", [Data("k", 4, [b"abc"])])


def test_what_is_wrong_with_a_module_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.mlir").write_text("func.func @f( {")
    with pytest.raises(StageFailure, match="expected"):
        wanted_by(tmp_path / "m.mlir", tools().iree_opt)
    same = '#flow.parameter.named<"s"::"w"> : tensor<{}xf32>'
    with pytest.raises(StageFailure, match="16 and with 20 bytes"):
        parameters_in([same.format(4), same.format(5)])
    with pytest.raises(StageFailure, match="static shape"):
        parameters_in([same.format("?")])
    others = '#stream.parameter.named<"s"::"v", {a = 1 : i64}> : vector<4xi8>}> : () -> ()'
    assert parameters_in([others, others]) == (Parameter("s", "v", "i8", (4,)),)


WANTED = (Parameter("model", "w", "f32", (1000, 50)), Parameter("model", "b", "i8", (3,)))


def test_an_archive_is_made_once_and_again_where_it_is_not_whole(tmp_path: pathlib.Path) -> None:
    store, room = a_store(tmp_path)
    path = archives_for(WANTED, store, room, Filling())["model"]
    first = path.stat().st_ino, path.read_bytes()
    assert archives_for(WANTED[::-1], store, room, Filling()) == {"model": path}
    assert path.stat().st_ino == first[0]
    path.chmod(0o644)
    path.write_bytes(first[1][:5000])
    assert archives_for(WANTED, store, room, Filling()) == {"model": path}
    assert path.read_bytes() == first[1]
    path.with_suffix(".json").unlink()
    archives_for(WANTED, store, room, Filling())
    assert path.with_suffix(".json").exists()
    known = path.stat().st_ino
    archives_for(WANTED, store, room, Filling(), force=True)
    assert path.stat().st_ino != known
    assert archives_for(WANTED, store, room, Filling(seed=1))["model"] != path
    assert archives_for(WANTED[:1], store, room, Filling())["model"] != path
    with pytest.raises(UsageError, match=r"model::b cannot be 0\.5"):
        archives_for(WANTED, store, room, Filling(kind=Kind.SPLAT, value=0.5))


def test_archives_count_for_the_limit(tmp_path: pathlib.Path) -> None:
    store = Store(tmp_path)
    room = Room(store, 500_000)
    paths = [archives_for(WANTED, store, room, Filling(seed=seed))["model"] for seed in range(6)]
    assert [path.exists() for path in paths] == [False] * 4 + [True] * 2
    assert [path.with_suffix(".json").exists() for path in paths] == [False] * 4 + [True] * 2


@pytest.mark.slow
def test_a_full_disk_is_the_machines_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    with small_disk(tmp_path / "small", "1m"):
        store = Store(tmp_path / "small")
        large = (Parameter("model", "w", "f32", (1 << 20,)),)
        with pytest.raises(InfraError, match="No space left") as caught:
            archives_for(large, store, Room(store, 1 << 40), Filling())
        assert "E2ESHARD_STORE" in caught.value.remedy
        assert not [each for each in (tmp_path / "small" / "parameters").rglob("*") if each.is_file()]


MEMORY = """\
import pathlib, sys
from runner.cache.room import Room
from runner.parameters import Filling, archives_for
from runner.parameters.elements import Parameter
from runner.store import Store
store = Store(pathlib.Path(sys.argv[1]))
wanted = [Parameter("model", f"w{n}", "f32", (int(sys.argv[2]) // 4 // 4,)) for n in range(4)]
path = archives_for(wanted, store, Room(store, 1 << 40), Filling())["model"]
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], path.stat().st_size)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive(tmp_path: pathlib.Path) -> None:
    """What is left of a larger one is what Python and NumPy need anyhow."""
    peaks = []
    for size in (1 << 20, 256 << 20):
        argv = [sys.executable, "-c", MEMORY, str(tmp_path / str(size)), str(size)]
        peak, written = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
        assert int(written) >= size
        peaks.append(int(peak) >> 10)
    assert peaks[1] < 150
    assert peaks[1] - peaks[0] < 50


def test_files_that_the_runtime_reads_stay_what_they_are(tmp_path: pathlib.Path) -> None:
    store, room = a_store(tmp_path)
    for name in ("a.irpa", "b.safetensors", "c.GGUF"):
        assert readable(tmp_path / name, HERE, store, room) == tmp_path / name


@pytest.mark.slow
def test_safetensors_and_gguf_are_read_by_the_runtime(tmp_path: pathlib.Path) -> None:
    values = np.arange(4, dtype="<f4").tobytes()
    header = b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + values)
    # gguf 3: magic, version, one tensor, no values; name, one dimension of 4, type F32, offset 0; padded to 32
    body = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 4, 0, 0)
    (tmp_path / "b.gguf").write_bytes(body + bytes(-len(body) % 32) + values)
    for name in ("a.safetensors", "b.gguf"):
        assert {key: length for key, (_, length) in dumped(tmp_path / name).items()} == {"w": 16}


def contents(path: pathlib.Path) -> dict[str, bytes]:
    raw = path.read_bytes()
    return {key: raw[int(start) : int(start) + length] for key, (start, length) in dumped(path).items()}


def test_numpys_files_are_converted_once(tmp_path: pathlib.Path) -> None:
    store, room = a_store(tmp_path)
    w, b = np.arange(6, dtype=">f4").reshape(2, 3), np.array(7, dtype=np.int64)
    np.savez(tmp_path / "w.npz", w=w, b=b)
    made = readable(tmp_path / "w.npz", HERE, store, room)
    assert contents(made) == {"w": w.astype("<f4").tobytes(), "b": b.tobytes()}
    known = made.stat().st_ino
    assert readable(tmp_path / "w.npz", HERE, store, room).stat().st_ino == known
    np.save(tmp_path / "k.npy", np.asfortranarray(w))
    assert contents(readable(tmp_path / "k.npy", HERE, store, room)) == {"k": w.astype("<f4").tobytes()}


def test_what_cannot_be_read_is_told_where_it_was_named(tmp_path: pathlib.Path) -> None:
    store, room = a_store(tmp_path)
    (tmp_path / "w.onnx").write_bytes(b"?")
    (tmp_path / "w.npz").write_bytes(b"?")
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    for name, said in (
        ("w.onnx", "with the ending '.onnx'"),
        ("w.npz", "w.npz cannot be read"),
        ("o.npy", "cannot be read"),
    ):
        with pytest.raises(ManifestError, match=said) as caught:
            readable(tmp_path / name, HERE, store, room)
        assert str(caught.value).startswith("suite.yaml:3:5: ")
    assert not list((tmp_path / "store" / "parameters").rglob("*.irpa"))


@pytest.mark.slow
def test_pytorchs_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    store, room = a_store(tmp_path)
    state = {"w": torch.arange(4.0).to(torch.bfloat16), "b.0": torch.arange(6).reshape(2, 3).t(), "s": torch.tensor(2)}
    expected = {
        "w": state["w"].view(torch.uint8).numpy().tobytes(),
        "b.0": state["b.0"].contiguous().numpy().tobytes(),
        "s": state["s"].numpy().tobytes(),
    }
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pth")
    torch.save(state, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    for name in ("a.pt", "b.pth", "c.pt"):
        assert contents(readable(tmp_path / name, HERE, store, room)) == expected
    torch.save({"w": 3}, tmp_path / "d.pt")
    torch.save(pathlib.PurePosixPath, tmp_path / "e.pt")  # code: nothing in a file of weights is run
    for name in ("d.pt", "e.pt"):
        with pytest.raises(ManifestError, match="cannot be read"):
            readable(tmp_path / name, HERE, store, room)
    monkeypatch.setitem(sys.modules, "torch", None)
    torch_free = tmp_path / "f.pt"
    torch_free.write_bytes((tmp_path / "d.pt").read_bytes() + b"\0")
    with pytest.raises(ManifestError, match="EXTRAS=torch"):
        readable(torch_free, HERE, store, room)
