"""A module from the cache, or a failure from it, makes the same record as the compiler does."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import signal

import msgspec
import pytest

from runner.cache import use
from runner.failures import StageFailure, classify
from runner.process import ToolResult
from runner.protocol import Caching, Toolchain
from runner.tools import Attempt
from runner.work import Work
from schemas.words import StageStatus
from tests.accidents_support.build import small_disk
from tests.cache_support.build import FLAGS, REFUSED, attempt, caching, make_work, module_text, order, result_of, tools


@pytest.fixture(scope="module")
def used() -> Toolchain:
    return tools()


@pytest.mark.slow
def test_a_hit_is_the_compilers_own_module(tmp_path: pathlib.Path, used: Toolchain) -> None:
    settings = caching(tmp_path / "store", used)
    works = [make_work(tmp_path / name, used, settings) for name in ("one", "two")]
    modules = [attempt(work, module_text(3))[0] for work in works]
    assert modules[0] is not None
    assert modules[1] is not None
    assert modules[0].read_bytes() == modules[1].read_bytes()
    assert not modules[0].samefile(modules[1])
    assert result_of(used, modules[1]) == "0 4xf32=3 3 3 3"
    first, second = (work.metrics for work in works)
    assert (first.pop("modules_compiled"), first.pop("modules_from_cache")) == (1, 0)
    assert (second.pop("modules_compiled"), second.pop("modules_from_cache")) == (0, 1)
    assert first == second, "seconds and memory of the compilation, as it was"
    assert works[0].notes == works[1].notes == ()
    assert "not run: from the cache" in works[1].log.read_text()


@pytest.mark.slow
def test_a_failure_comes_back_word_for_word(tmp_path: pathlib.Path, used: Toolchain) -> None:
    settings = caching(tmp_path / "store", used)
    works = [make_work(tmp_path / name, used, each) for name, each in (("a", None), ("b", settings), ("c", settings))]
    plain, fresh, cached = [attempt(work, REFUSED)[1] for work in works]
    assert plain is not None
    assert "module.mlir:2:10: error: use of undeclared SSA value name" in plain.excerpt
    assert plain == fresh == cached
    assert works[2].metrics["modules_from_cache"] == 1
    said = [work.log.read_text().partition("\n")[2].replace(str(work.folder), "") for work in works]
    assert said[0] == said[1] == said[2].partition("\n")[2]


@pytest.mark.slow
def test_a_refusal_is_that_of_every_module_which_is_equal_but_for_the_name(
    tmp_path: pathlib.Path, used: Toolchain
) -> None:
    settings = caching(tmp_path / "store", used)
    errors = []
    for name in ("first", "another"):
        work = make_work(tmp_path / name, used, settings)
        wanted = order(work, REFUSED.replace("@f(", f"@{name}("))
        with pytest.raises(StageFailure) as ended:
            use.compile_once(work, dataclasses.replace(wanted, entry=name))
        errors.append(ended.value.error)
    assert errors[0] == errors[1]
    assert work.metrics["modules_from_cache"] == 1
    for name in ("first", "another"):  # what compiles has the name in it
        work = make_work(tmp_path / "compiled" / name, used, settings)
        wanted = order(work, module_text(3).replace("@f(", f"@{name}("))
        use.compile_once(work, dataclasses.replace(wanted, entry=name))
        assert work.metrics["modules_compiled"] == 1


@pytest.mark.slow
def test_a_linker_that_is_killed_is_a_crash_and_never_kept(tmp_path: pathlib.Path, used: Toolchain) -> None:
    linker = tmp_path / "linker"
    linker.write_text("#!/bin/sh\nkill -KILL $$\n")
    linker.chmod(0o755)
    native = (FLAGS[0], f"{FLAGS[1].partition('=')[0]}=llvm-cpu", "--iree-llvmcpu-target-cpu=generic")
    flags = (*native, f"--iree-llvmcpu-embedded-linker-path={linker}")
    settings = caching(tmp_path / "store", used)
    for name in ("one", "two"):
        work = make_work(tmp_path / name, used, settings)
        with pytest.raises(StageFailure, match="SIGKILL in the linker of iree-compile") as ended:
            use.compile_once(work, order(work, module_text(3), flags))
        assert ended.value.status is StageStatus.CRASH
        assert work.metrics["modules_compiled"] == 1


@pytest.mark.slow
def test_force_compiles_again_and_mends_what_was_kept(tmp_path: pathlib.Path, used: Toolchain) -> None:
    settings = caching(tmp_path / "store", used)
    attempt(make_work(tmp_path / "one", used, settings), module_text(3))
    entry = next((tmp_path / "store" / "modules").rglob("*.entry"))
    entry.write_bytes(b"damaged")
    forced = make_work(tmp_path / "two", used, msgspec.structs.replace(settings, force=True))
    attempt(forced, module_text(3))
    assert forced.metrics["modules_compiled"] == 1
    again = make_work(tmp_path / "three", used, settings)
    attempt(again, module_text(3))
    assert again.metrics["modules_from_cache"] == 1


@pytest.mark.slow
def test_the_ir_of_a_kept_compilation_comes_back(tmp_path: pathlib.Path, used: Toolchain) -> None:
    settings = caching(tmp_path / "store", used)
    found = []
    for name in ("one", "two"):
        work = make_work(tmp_path / name, used, settings)
        ir = work.folder / "ir"
        wanted = order(work, module_text(3))
        extra = (
            f"--dump-compilation-phases-to={ir}",
            f"{'--iree-scheduling-dump-statistics'}-file={wanted.statistics}",
        )
        extra += ("--iree-scheduling-dump-statistics-format=json",)
        use.compile_once(work, use.Order(wanted.module, wanted.output, FLAGS, extra, wanted.statistics, ir))
        found.append({each.name: each.read_bytes() for each in ir.iterdir()} | {"s": wanted.statistics.read_bytes()})
    assert work.metrics["modules_from_cache"] == 1
    assert len(found[0]) > 5
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_full_store_is_no_trouble_and_a_full_working_folder_is_the_machines(
    tmp_path: pathlib.Path, used: Toolchain
) -> None:
    with small_disk(tmp_path / "small", "1m"):
        settings = caching(tmp_path / "small" / "store", used)
        (tmp_path / "small" / "hog").write_bytes(bytes(900 << 10))
        with contextlib.suppress(OSError), (tmp_path / "small" / "rest").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        work = make_work(tmp_path / "one", used, settings)
        module, error = attempt(work, module_text(3))
        assert (module is not None, error) == (True, None)
        assert work.metrics["modules_compiled"] == 1
        left = [each for each in (tmp_path / "small").rglob("*") if each.suffix in (".entry", ".tmp")]
        assert left == []
        (tmp_path / "small" / "hog").unlink()
        attempt(make_work(tmp_path / "two", used, settings), module_text(3))
        full = make_work(tmp_path / "small" / "three", used, settings)
        wanted = order(full, module_text(3))
        with contextlib.suppress(OSError), (tmp_path / "small" / "rest2").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(OSError, match="No space left") as caught:
            use.compile_once(full, wanted)
        assert classify(caught.value)[0] is StageStatus.INFRA
        assert not wanted.output.exists()


def ended(
    monkeypatch: pytest.MonkeyPatch, work: Work, result: ToolResult, said: str = "", entry: str = "f"
) -> StageStatus:
    """A compilation whose process ends as told."""

    def fake(own: Work, _argv: list[str]) -> Attempt:
        with own.log.open("a") as log:
            log.write(said)
        return Attempt(tool="iree-compile", result=result, start=0)

    monkeypatch.setattr(use, "attempt", fake)
    wanted = order(work, module_text(1).replace("@f(", f"@{entry}("))
    with pytest.raises(StageFailure) as caught:
        use.compile_once(work, dataclasses.replace(wanted, entry=entry))
    return caught.value.status


def dead(**how: object) -> ToolResult:
    return ToolResult(**({"exit_code": 1, "signal": None, "seconds": 1.0, "peak_rss_bytes": None} | how))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("result", "said", "status", "kept"),
    [
        (dead(), "error: no", StageStatus.FAIL, True),
        (dead(exit_code=None, signal=signal.SIGSEGV), "Stack dump", StageStatus.CRASH, False),
        (dead(exit_code=None, signal=signal.SIGKILL), "", StageStatus.CRASH, False),
        (dead(out_of_memory=True), "LLVM ERROR: out of memory", StageStatus.OOM, False),
        (dead(timed_out=True), "error: no", StageStatus.FAIL, False),
        (dead(), "error: No space left on device", StageStatus.INFRA, False),
        (dead(), "error: Too many open files", StageStatus.FAIL, False),
    ],
)
def test_accidents_are_never_kept(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    result: ToolResult,
    said: str,
    status: StageStatus,
    *,
    kept: bool,
) -> None:
    no_tools = Toolchain(iree_compile="iree-compile", iree_opt="", iree_run_module="", library="", origin="package")
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=1 << 30)
    assert ended(monkeypatch, make_work(tmp_path / "w", no_tools, settings), result, said) is status
    assert bool(list((tmp_path / "store").rglob("*.entry"))) is kept


def test_a_crash_when_forced_removes_what_was_known(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_tools = Toolchain(iree_compile="iree-compile", iree_opt="", iree_run_module="", library="", origin="package")
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=1 << 30)
    ended(monkeypatch, make_work(tmp_path / "v", no_tools, settings), dead(), "error: no")
    forced = msgspec.structs.replace(settings, force=True)
    crash = dead(exit_code=None, signal=signal.SIGSEGV)
    ended(monkeypatch, make_work(tmp_path / "w", no_tools, forced), crash)
    assert not list((tmp_path / "store").rglob("*.entry"))


@pytest.mark.parametrize("shared_first", [True, False])
def test_what_is_found_when_forced_replaces_what_was_known_of_all_with_that_text(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, *, shared_first: bool
) -> None:
    """Whether the words are only of this module, or of every one that is equal but for the name."""
    no_tools = Toolchain(iree_compile="iree-compile", iree_opt="", iree_run_module="", library="", origin="package")
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=1 << 30)
    forced = msgspec.structs.replace(settings, force=True)
    words = ["error: no\n", "error: no 'graph_one'\n"]
    for said, using in zip(words if shared_first else words[::-1], (settings, forced), strict=True):
        work = make_work(tmp_path / str(using.force), no_tools, using)
        ended(monkeypatch, work, dead(), said, entry="graph_one")
        (kept,) = (tmp_path / "store").rglob("*.entry")
        assert (b"graph_one" in kept.read_bytes()) is ("graph_one" in said)
    twin = make_work(tmp_path / "twin", no_tools, settings)
    ended(monkeypatch, twin, dead(), "error: not asked", entry="graph_two")
    assert ("not run: from the cache" in twin.log.read_text()) is not shared_first


def test_an_accident_when_forced_takes_nothing_away(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_tools = Toolchain(iree_compile="iree-compile", iree_opt="", iree_run_module="", library="", origin="package")
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=1 << 30)
    forced = msgspec.structs.replace(settings, force=True)
    for said, using in (("error: no 'graph_one'", settings), ("error: Too many open files", forced)):
        work = make_work(tmp_path / str(using.force), no_tools, using)
        ended(monkeypatch, work, dead(), said, entry="graph_one")
    (kept,) = (tmp_path / "store").rglob("*.entry")
    assert b"graph_one" in kept.read_bytes()


def test_a_library_changed_during_the_compilation_is_noticed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_tools = Toolchain(iree_compile="iree-compile", iree_opt="", iree_run_module="", library="", origin="package")
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=1 << 30)
    library = tmp_path / "library.mlir"
    library.write_text("before")
    work = make_work(tmp_path / "w", no_tools, settings)
    wanted = order(work, module_text(1), (*FLAGS, f"--iree-codegen-transform-dialect-library={library}"))

    def fake(_work: Work, _argv: list[str]) -> Attempt:
        wanted.output.write_bytes(b"vmfb")
        library.write_text("after")
        return Attempt(tool="iree-compile", result=dead(exit_code=0), start=0)

    monkeypatch.setattr(use, "attempt", fake)
    work.log.write_text("")
    use.compile_once(work, wanted)
    assert not list((tmp_path / "store").rglob("*.entry"))
