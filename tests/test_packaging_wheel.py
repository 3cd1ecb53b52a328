"""The wheel: one package of our name, the rooms complete inside it, and nobody else's names taken."""

import re
import subprocess
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from e2eshard.start import ROOMS
from tests.adoption_support import environment
from tests.adoption_support.environment import ROOT, call


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(environment.build_wheel(tmp_path_factory.mktemp("wheel")))


def test_the_top_has_one_package_and_the_line_that_names_the_rooms(wheel: zipfile.ZipFile) -> None:
    assert {Path(name).parts[0] for name in wheel.namelist()} == {
        "e2eshard",
        "e2eshard.pth",
        "e2eshard-0.1.0.dist-info",
    }
    assert wheel.read("e2eshard.pth") == b"e2eshard/rooms\n"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_complete(room: str, wheel: zipfile.ZipFile) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", room]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    own = re.compile(r"suites/([^/]+\.yaml|timings/.*|expectations/.*|iree/.*)")
    wanted = {f"e2eshard/rooms/{name}" for name in listed if (ROOT / name).exists() and not own.fullmatch(name)}
    packed = {name for name in wheel.namelist() if name.startswith(f"e2eshard/rooms/{room}/")}
    assert packed == wanted


def test_this_repository_s_own_lists_and_tests_are_not_in_it(wheel: zipfile.ZipFile) -> None:
    lists = [name for name in wheel.namelist() if name.startswith("e2eshard/rooms/suites/") and "yaml" in name]
    assert not [name for name in lists if "scaffold" not in name]
    assert not [name for name in wheel.namelist() if "test_" in name or name.endswith(".md")]


def test_it_asks_for_what_the_requirements_pin(wheel: zipfile.ZipFile) -> None:
    metadata = message_from_bytes(wheel.read("e2eshard-0.1.0.dist-info/METADATA"))
    everything = [Requirement(each) for each in metadata.get_all("Requires-Dist", [])]
    asked = {canonicalize_name(each.name): each for each in everything if "extra" not in str(each.marker)}
    lines = (ROOT / "requirements/base.in").read_text().splitlines()
    pinned = {canonicalize_name(each.name): each for each in map(Requirement, filter(_is_requirement, lines))}
    assert asked.keys() == pinned.keys()
    for name, pin in pinned.items():
        (version,) = (each.version for each in pin.specifier)
        assert asked[name].specifier.contains(version), (
            f"pyproject.toml asks for {asked[name]}, requirements/base.in has {pin}: bring them together"
        )


def _is_requirement(line: str) -> bool:
    return line[:1].isalpha()


def test_the_linters_know_every_package() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert set(ROOMS) <= set(tools["hatch"]["build"]["targets"]["wheel"]["only-include"])
    assert set(ROOMS) <= set(tools["mypy"]["packages"])


@pytest.mark.slow
def test_nothing_of_the_environment_is_shadowed(tmp_path: Path, wheel: zipfile.ZipFile) -> None:
    python = environment.make(tmp_path / "venv", Path(str(wheel.filename)))
    here = tmp_path / "empty"
    here.mkdir()
    # Without anything in the way the short form works.
    for program in ("generator", "runner", "results"):
        assert call(python, "-m", program, "--help", folder=here).startswith(f"usage: python -m {program}")
    assert "finds" not in call(python, "-m", "e2eshard", "--help", folder=here)
    # What others installed under our rooms' names stays theirs, and ours still start.
    theirs = environment.site_packages(tmp_path / "venv")
    for room in ROOMS:
        (theirs / f"{room}.py").write_text("print('theirs')\n")
        assert call(python, "-c", f"import {room}", folder=here) == "theirs\n"
    for program in ("generator", "runner", "results"):
        assert call(python, "-m", program, folder=here) == "theirs\n"
        assert call(python, "-m", "e2eshard", program, "--help", folder=here).startswith("usage:")
    said = call(python, "-m", "e2eshard", "--help", folder=here)
    assert f"`python -m runner` finds {theirs / 'runner.py'}: write `python -m e2eshard runner`" in said
    script = [str(python.parent / "e2eshard"), "results", "--help"]
    assert "theirs" not in subprocess.run(script, capture_output=True, text=True, check=True).stdout
