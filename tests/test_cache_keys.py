"""A compilation's key changes with everything that it depends on, and with nothing else."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cache import keys
from runner.cache.hashes import TooManyFilesError

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="=,;:@/."), min_size=1, max_size=8)
FLAGS = st.lists(st.tuples(TEXT, TEXT).map(lambda pair: f"--z-{pair[0]}={pair[1]}"), max_size=4)


@dataclass(frozen=True)
class Asked:
    flags: tuple[str, ...] = ("--z-a=1", "--iree-llvmcpu-target-cpu=host")
    module: bytes = b"module {}"
    build: str = "b1"
    host: str = "h1"
    library: bytes = b"transform library"
    environment: dict[str, str] = field(default_factory=dict)
    keeps: str = ""


def key(asked: Asked, where: str = "a", name: str = "module.mlir") -> str:
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch, where)
        root.mkdir()
        (root / name).write_bytes(asked.module)
        (root / "library.mlir").write_bytes(asked.library)
        return keys.key_of(
            keys.ingredients(
                (*asked.flags, f"--iree-codegen-transform-dialect-library={root}/library.mlir@main"),
                root / name,
                build=asked.build,
                host=asked.host,
                environment=asked.environment,
                store=root / "store",
                keeps=asked.keeps,
            )
        )


@given(FLAGS, st.binary(max_size=64))
def test_equal_compilations_have_equal_keys_wherever_they_lie(flags: list[str], module: bytes) -> None:
    asked = Asked(flags=tuple(flags), module=module)
    assert key(asked, "here") == key(asked, "there")
    assert len(key(asked)) == 64


@given(FLAGS, FLAGS)
def test_keys_differ_where_flags_or_their_order_do(one: list[str], other: list[str]) -> None:
    same = key(Asked(flags=tuple(one))) == key(Asked(flags=tuple(other)))
    assert same is (one == other)


@given(
    st.lists(st.sampled_from(["module", "build", "host", "library", "environment", "keeps"]), min_size=1, unique=True)
)
def test_every_ingredient_counts(changed: list[str]) -> None:
    others: dict[str, object] = {
        "module": b"module { }",
        "build": "b2",
        "host": "h2",
        "library": b"another library",
        "environment": {"IREE_LLVM_EMBEDDED_LINKER_PATH": "/opt/lld"},
        "keeps": "ir",
    }
    asked = Asked()
    assert key(dataclasses.replace(asked, **{name: others[name] for name in changed})) != key(asked)


def test_the_modules_name_counts_and_the_format() -> None:
    assert key(Asked(), name="a.mlir") != key(Asked(), name="b.mlir")
    found = keys.Ingredients(
        build="b", flags=(), files=(), module="m", name="n", host="", environment=(), format=keys.FORMAT + 1
    )
    assert keys.key_of(found) != keys.key_of(
        keys.Ingredients(build="b", flags=(), files=(), module="m", name="n", host="", environment=())
    )


@given(
    st.lists(
        st.sampled_from(
            [
                ("-o", "/x/y.vmfb"),
                ("-o=/z",),
                ("--iree-scheduling-dump-statistics-file=/q",),
                ("--iree-scheduling-dump-statistics-format=json",),
                ("--dump-compilation-phases-to=/ir",),
            ]
        ),
        max_size=4,
    ),
    st.integers(0, 2),
)
def test_where_to_write_does_not_count(given_flags: list[tuple[str, ...]], place: int) -> None:
    flags = ["--z-a=1", "--z-b=2"]
    flags[place:place] = [flag for group in given_flags for flag in group]
    assert key(Asked(flags=tuple(flags))) == key(Asked(flags=("--z-a=1", "--z-b=2")))


def test_a_folder_that_cannot_be_an_input_is_not_read() -> None:
    with pytest.raises((TooManyFilesError, OSError)):
        key(Asked(flags=("--z-prefix=/",)))


@pytest.mark.parametrize("name", ["HOME", "TMPDIR", "PATH", "E2ESHARD_STORE", "HIP_VISIBLE_DEVICES", "CUDA_CACHE_PATH"])
def test_other_variables_do_not_count(name: str) -> None:
    assert key(Asked(environment={name: "x"})) == key(Asked())


def test_the_host_counts_only_where_it_is_compiled_for() -> None:
    plain = Asked(flags=("--iree-llvmcpu-target-cpu=znver4",))
    assert key(dataclasses.replace(plain, host="h2")) == key(plain)
    features = Asked(flags=("--iree-llvmcpu-target-cpu-features=host",))
    assert key(dataclasses.replace(features, host="h2")) != key(features)


def test_path_counts_for_a_linker_that_is_looked_for() -> None:
    flags = ("--iree-llvmcpu-link-embedded=false",)
    assert key(Asked(flags=flags, environment={"PATH": "/a"})) != key(Asked(flags=flags, environment={"PATH": "/b"}))


def test_files_behind_scopes_and_in_lists_and_folders_count(tmp_path: pathlib.Path) -> None:
    module = tmp_path / "m.mlir"
    module.write_text("module {}")
    inner = tmp_path / "bitcode" / "deep"
    inner.mkdir(parents=True)
    files = [tmp_path / "w.irpa", tmp_path / "b.irpa", inner / "ockl.bc"]
    for each in files:
        each.write_bytes(b"1")
    flags = (
        f"--iree-parameter-import=model={files[0]}",
        f"--z-list={tmp_path}/none,{files[1]}",
        f"--iree-rocm-bc-dir={tmp_path}/bitcode",
    )

    def now() -> str:
        about = keys.ingredients(flags, module, build="b", host="", environment={}, store=tmp_path / "store")
        return keys.key_of(about)

    seen = {now()}
    for number, each in enumerate(files):
        each.write_bytes(b"2")
        seen.add(now())
        assert len(seen) == number + 2, each
    (inner / "ockl.bc").rename(inner / "ocml.bc")
    assert now() not in seen


def test_two_relative_values_that_are_files_of_the_same_content_stay_two(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("vmvx", "llvm-cpu", "m.mlir"):
        (tmp_path / name).write_text("")
    first, second = (
        keys.ingredients(
            [f"--backends={each}"], tmp_path / "m.mlir", build="", host="", environment={}, store=tmp_path / "s"
        )
        for each in ("vmvx", "llvm-cpu")
    )
    assert keys.key_of(first) != keys.key_of(second)


@pytest.mark.parametrize(
    ("flag", "writes"),
    [
        ("--iree-hal-dump-executable-files-to=/x", True),
        ("--iree-scheduling-dump-statistics-file=/x", True),
        ("--iree-parameter-splat=/x.irpa", True),
        ("--iree-parameter-export=/x.irpa", True),
        ("--iree-flow-dump-dispatch-graph", True),
        ("--mlir-pass-pipeline-crash-reproducer=/x", True),
        ("--dump-compilation-phases-to=/x", True),
        ("--iree-parameter-import=/x.irpa", False),
        ("--iree-flow-export-benchmark-funcs", False),
        ("--iree-hal-target-device=local", False),
        ("--iree-vm-c-module-output-format=code", False),
    ],
)
def test_flags_that_make_the_compiler_write_files_are_known(flag: str, *, writes: bool) -> None:
    assert keys.writes_files([flag]) is writes
