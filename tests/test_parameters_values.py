"""Random weights are the same everywhere, spread as they should be, and fill exactly the room of their type."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.parameters.elements import Parameter, element_type, parameter
from runner.parameters.normal import normal
from runner.parameters.values import random_blocks, splat_pattern

FLOATS: dict[str, Any] = {
    "f64": "<f8",
    "f32": "<f4",
    "f16": "<f2",
    "bf16": ml_dtypes.bfloat16,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "f8E5M2": ml_dtypes.float8_e5m2,
    "f8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "f8E4M3": ml_dtypes.float8_e4m3,
    "f8E3M4": ml_dtypes.float8_e3m4,
    "f8E4M3B11FNUZ": ml_dtypes.float8_e4m3b11fnuz,
}
OTHERS = ("i1", "i2", "i4", "i8", "i16", "i32", "i64", "si8", "ui16", "index", "f4E2M1FN", "f8E8M0FNU", "complex<f32>")
ALL = (*FLOATS, *OTHERS)


def made(element: str, shape: tuple[int, ...], seed: int = 0, scope: str = "model", key: str = "w") -> bytes:
    return b"".join(random_blocks(Parameter(scope, key, element, shape), seed))


@pytest.mark.parametrize("element", FLOATS)
def test_floats_are_normal(element: str) -> None:
    values = np.frombuffer(made(element, (400_000,)), FLOATS[element]).astype(np.float64)
    coarse = {"f8E3M4": 0.0015, "f8E4M3": 0.0002, "f8E4M3FN": 0.0002}.get(element, 0.00005)
    assert abs(values.mean()) < 1e-4
    assert values.std() == pytest.approx(0.01, abs=coarse)
    assert np.isfinite(values).all()
    if element in ("f64", "f32"):
        ordered = np.sort(values) / 0.01
        for share, quantile in ((0.5, 0), (0.8413447, 1), (0.9772499, 2), (0.9986501, 3)):
            assert ordered[int(share * ordered.size)] == pytest.approx(quantile, abs=0.05)
        assert np.unique(values).size > 390_000


def test_integers_have_their_whole_range() -> None:
    small = np.frombuffer(made("i8", (100_000,)), np.int8)
    assert (small.min(), small.max()) == (-128, 127)
    assert np.unique(small).size == 256
    large = np.frombuffer(made("i64", (100_000,)), "<i8")
    assert large.min() < -(2**62)
    assert large.max() > 2**62
    nibbles = np.frombuffer(made("i4", (10_000,)), np.uint8)
    assert np.unique(nibbles & 0xF).size == np.unique(nibbles >> 4).size == 16


def test_truth_values_are_both_and_nothing_else() -> None:
    values = np.frombuffer(made("i1", (10_000,)), np.uint8)
    assert set(values.tolist()) == {0, 1}
    assert 0.45 < values.mean() < 0.55


@given(st.sampled_from(ALL), st.lists(st.integers(0, 7), max_size=3), st.integers(0, 2**63))
def test_the_length_is_that_of_the_type(element: str, shape: list[int], seed: int) -> None:
    wanted = Parameter("s", "k", element, tuple(shape))
    data = made(element, tuple(shape), seed)
    assert len(data) == wanted.length == -(-wanted.count * element_type(element).bits // 8)
    assert data == made(element, tuple(shape), seed)


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.integers(0, 9))
def test_seed_scope_and_key_each_make_other_values(a: str, b: str, c: str, d: str, seed: int) -> None:
    same = made("i64", (4,), seed, a, b) == made("i64", (4,), seed, c, d)
    assert same is ((a, b) == (c, d) or f"{a}\0{b}" == f"{c}\0{d}")
    assert made("i64", (4,), seed, a, b) != made("i64", (4,), seed + 1, a, b)


def test_a_large_one_begins_like_a_small_one_and_comes_in_portions() -> None:
    """Where a portion ends must not show."""
    blocks = list(random_blocks(Parameter("s", "k", "f32", (600_000,)), 3))
    assert len(blocks) == 3
    assert max(map(len, blocks)) == 1 << 20
    assert b"".join(blocks)[:4000] == made("f32", (1000,), 3, "s", "k")


#: Made once; another value on any machine, or with another NumPy, is a broken promise.
KNOWN = {
    "f64": "37633cc367cf60a5",
    "f32": "6229f5b8a0553213",
    "f16": "97c62ec31ccace44",
    "bf16": "a360d0dacabe1b96",
    "f8E4M3FN": "b26074691045e904",
    "f8E4M3FNUZ": "ae3b442501745f43",
    "f8E5M2": "e9965c2771cf3b65",
    "f8E5M2FNUZ": "061f5111436db4a9",
    "f8E4M3": "b26074691045e904",
    "f8E3M4": "b4a2d9b5bac00039",
    "f8E4M3B11FNUZ": "f621f691fa8c00ed",
    "i1": "aabe2f144c4621fe",
    "i2": "add84ef954dba434",
    "i4": "1747f57cad1ba89b",
    "i8": "c58e7cacf77ca814",
    "i16": "e81bc45ee66146cb",
    "i32": "67c545a513dd5839",
    "i64": "29fb4ff429868289",
    "si8": "c58e7cacf77ca814",
    "ui16": "e81bc45ee66146cb",
    "index": "29fb4ff429868289",
    "f4E2M1FN": "1747f57cad1ba89b",
    "f8E8M0FNU": "e407100ffe4bc2e6",
    "complex<f32>": "a1ce5890d9789df6",
}


@pytest.mark.parametrize("element", ALL)
def test_the_bytes_are_those_of_every_other_machine(element: str) -> None:
    assert hashlib.sha256(made(element, (1000,), 42)).hexdigest()[:16] == KNOWN[element]


@pytest.mark.slow
def test_two_processes_make_the_same() -> None:
    code = """\
import sys, hashlib
from runner.parameters.elements import Parameter
from runner.parameters.values import random_blocks
names = sys.argv[1].split()
for name in names:
    print(name, hashlib.sha256(b"".join(random_blocks(Parameter("model", "w", name, (1000,)), 42))).hexdigest()[:16])
"""
    for names in (ALL, ALL[::-1]):
        done = subprocess.run([sys.executable, "-c", code, " ".join(names)], capture_output=True, text=True, check=True)
        assert dict(line.split() for line in done.stdout.splitlines()) == KNOWN


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
@settings(max_examples=50)
def test_more_bits_never_make_a_smaller_number(bits: list[int]) -> None:
    values = normal(np.array(sorted(bits), dtype=np.uint32))
    assert all(a <= b for a, b in itertools.pairwise(values))
    assert abs(values).max() < 0.042


@pytest.mark.parametrize(
    ("element", "value", "pattern"),
    [
        ("f32", 1, "0000803f"),
        ("f64", -2.5, "00000000000004c0"),
        ("bf16", 1, "803f"),
        ("f16", 0, "0000"),
        ("f8E4M3FN", 1, "38"),
        ("f4E2M1FN", 1, "22"),
        ("i4", 1, "11"),
        ("i2", 1, "55"),
        ("i1", 1, "01"),
        ("i32", 7, "07000000"),
        ("complex<f32>", 1, "0000803f00000000"),
    ],
)
def test_splats(element: str, value: float, pattern: str) -> None:
    assert splat_pattern(Parameter("", "k", element, (2,)), value).hex() == pattern


@pytest.mark.parametrize(("element", "value"), [("f8E8M0FNU", 0), ("i8", 0.5), ("i4", 16), ("f16", 0.1), ("i8", -1)])
def test_a_splat_that_the_type_does_not_have_is_refused(element: str, value: float) -> None:
    with pytest.raises(ValueError, match="has no"):
        splat_pattern(Parameter("", "k", element, (2,)), value)


def test_types_are_read() -> None:
    assert parameter("s", "k", "tensor<2x3xf8E4M3FN>") == Parameter("s", "k", "f8E4M3FN", (2, 3))
    assert parameter("", "k", "tensor<bf16>").shape == ()
    assert parameter("", "k", "vector<16xi8>").shape == (16,)
    assert parameter("", "k", "tensor<4xcomplex<f32>>").length == 32
    assert parameter("", "k", "tensor<0x4xf32>").length == 0
    for wrong in ("tensor<?xf32>", "tensor<4x!torch.int>", "tensor<3xi3>", "f32", "tensor<4xf6E2M3FN>"):
        with pytest.raises(ValueError, match=r"parameter"):
            parameter("", "k", wrong)
