"""Two shards share one store while one is killed again and again: no damaged or foreign module is ever used."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable

import pytest

from runner.cache import CompileCache, Hit
from runner.cache.use import compile_once
from runner.process import kill_group
from runner.protocol import Caching
from tests.cache_support import build

KILLS = 50
SEED = 20261128


def start(body: Callable[[], None]) -> int:
    """A forked process in a group of its own; 70 when ``body`` raises."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.setpgid(0, 0)
            body()
            code = 0
        except BaseException:  # noqa: BLE001 - told, and then this process ends
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def kill_fifty_times(victim: Callable[[int], None], longest: float) -> None:
    """Each life ends by SIGKILL after a random while; one that ended by itself had found something wrong."""
    chance = random.Random(SEED)
    for life in range(KILLS):
        pid = start(lambda number=life: victim(number))  # type: ignore[misc]
        time.sleep(chance.uniform(0, longest))
        kill_group(pid)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"life {life} ended by itself"


def pattern(number: int) -> bytes:
    return random.Random(number).randbytes(64) * (1 << 14)  # 1 MiB


def key(number: int) -> str:
    return f"{number:02x}" * 32


@pytest.mark.slow
def test_entries_survive_fifty_kills_in_the_middle_of_writing(tmp_path: pathlib.Path) -> None:
    settings = Caching(store=str(tmp_path / "store"), build="b", host="h", limit=6 << 20)

    def shard(name: str, seconds: float) -> None:
        chance = random.Random(f"{SEED}{name}")
        cache = CompileCache(settings, environment={})
        folder = tmp_path / name
        folder.mkdir()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number = chance.randrange(12)
            module = folder / "module.vmfb"
            module.unlink(missing_ok=True)
            if cache.find(key(number), module) is None:
                assert not module.exists()
                module.write_bytes(pattern(number))
                cache.keep_module(key(number), Hit(seconds=0, peak_rss_bytes=None, said=""), module)
            assert module.read_bytes() == pattern(number), "a module that nobody made"

    survivor = start(lambda: shard("survivor", 8))
    kill_fifty_times(lambda life: shard(f"victim{life}", 600), 0.12)
    _, status = os.waitpid(survivor, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    shard("afterwards", 0.5)


@pytest.mark.slow
def test_real_compilations_survive_fifty_kills(tmp_path: pathlib.Path) -> None:
    """Each module adds its own number to zeros: what was compiled from another, or is damaged, shows."""
    used = build.tools()
    settings = build.caching(tmp_path / "store", used)

    def use(folder: pathlib.Path, number: int) -> bool:
        work = build.make_work(folder, used, settings)
        order = build.order(work, build.module_text(number))
        compile_once(work, order)
        assert build.result_of(used, order.output) == f"0 4xf32={' '.join([str(number)] * 4)}"
        return work.metrics["modules_from_cache"] == 1

    def shard(name: str, seconds: float) -> None:
        chance = random.Random(f"{SEED}{name}")
        end = time.monotonic() + seconds
        step = 0
        while time.monotonic() < end:
            number = chance.randrange(1, 9)
            use(tmp_path / f"{name}_{step}", number)
            if chance.random() < 0.3:  # what was known is made again now and then, also by the other shard
                shutil.rmtree(tmp_path / "store" / "modules", ignore_errors=True)
            step += 1

    survivor = start(lambda: shard("survivor", 20))
    kill_fifty_times(lambda life: shard(f"victim{life}", 600), 0.6)
    _, status = os.waitpid(survivor, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    for number in range(1, 9):
        use(tmp_path / f"last_{number}", number)
        assert use(tmp_path / f"again_{number}", number)
