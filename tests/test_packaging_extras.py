"""The extras: the same names in pyproject.toml, in requirements/ and in the matrix; torch pinned apart from them."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from schemas.words import Extra

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
INSTALL = ROOT / ".github/actions/setup-e2eshard/install.py"
PINNED = ("base", "dev", "node", "bench", *Extra)

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: make install EXTRAS=torch")


def asked(name: str) -> dict[str, Requirement]:
    """The requirements that a person wrote."""
    lines = (REQUIREMENTS / name).read_text().splitlines()
    found = (Requirement(line) for line in lines if line[:1].isalpha())
    return {canonicalize_name(each.name): each for each in found}


def pins(name: str) -> dict[str, str]:
    """The versions of a compiled file."""
    found = re.findall(r"^([\w.-]+)==([^\s\\]+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def declared(extra: str) -> dict[str, Requirement]:
    """What the package's own extra asks for."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return {canonicalize_name(each.name): each for each in map(Requirement, extras[extra])}


def torch_s_own() -> dict[str, Requirement]:
    """What torch asks for on every machine, whatever its build."""
    found = [Requirement(each) for each in metadata.requires("torch") or ()]
    return {canonicalize_name(each.name): each for each in found if each.marker is None}


def test_the_package_has_the_extras_that_a_matrix_may_name() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.keys() == set(Extra)


@pytest.mark.parametrize("extra", Extra)
def test_an_extra_asks_for_what_its_requirements_pin(extra: Extra) -> None:
    written = {name: each for name, each in asked(f"{extra}.in").items() if str(each.specifier).startswith("==")}
    if extra is Extra.TORCH:
        written |= asked("torch-version.txt")
    offered = declared(extra)
    assert offered.keys() == written.keys()
    for name, pin in written.items():
        (version,) = (each.version for each in pin.specifier)
        assert offered[name].specifier.contains(version), (
            f"pyproject.toml asks for {offered[name]}, requirements/ has {pin}: bring them together"
        )


def test_torch_is_pinned_by_version_in_a_file_of_its_own() -> None:
    (torch,) = asked("torch-version.txt").values()
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", str(torch))
    for name in PINNED:
        heavy = [package for package in pins(name) if re.fullmatch(r"torch|triton|cuda-.*|nvidia-.*", package)]
        assert not heavy, f"requirements/{name}.txt would bring {heavy}"


@needs_torch
def test_what_torch_asks_for_is_pinned_before_it_comes() -> None:
    listed, own = asked("torch.in"), torch_s_own()
    unpinned = {name for name, each in listed.items() if not str(each.specifier).startswith("==")}
    assert unpinned == own.keys(), "requirements/torch.in must list what torch asks for"
    for name, each in own.items():
        assert str(listed[name].specifier) == str(each.specifier), f"torch asks for {each}"
        assert each.specifier.contains(pins("torch")[name])


@pytest.mark.parametrize("name", PINNED)
def test_every_pin_has_its_hashes_and_no_address(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=[\w.-]+==)", text)
    assert len([block for block in blocks if "==" in block]) == len(pins(name)) > 0
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
    assert not re.search(r"://|--index-url|--find-links", text)


def test_no_two_files_disagree_on_a_version() -> None:
    chosen: dict[str, tuple[str, str]] = {}
    for name in PINNED:
        for package, version in pins(name).items():
            before, other = chosen.setdefault(package, (version, name))
            assert before == version, f"{package}: {other}.txt has {before}, {name}.txt {version}; make requirements"


def make(*arguments: str, folder: Path) -> str:
    """What make would do in a new environment."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", f"VENV={folder}", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},  # not what a make or a workflow around this test has set
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_installs_torch_last_and_from_the_index_that_is_named(tmp_path: Path) -> None:
    said = make("install", "EXTRAS=torch s3", "TORCH_INDEX=https://index.example/cpu", folder=tmp_path)
    rest = said.index("--require-hashes -r requirements/torch.txt")
    torch = said.index("-r requirements/torch-version.txt --index-url 'https://index.example/cpu'")
    assert said.index("--require-hashes -r requirements/dev.txt") < rest < torch
    assert "--require-hashes -r requirements/s3.txt" in said
    assert "--index-url" not in make("install", "EXTRAS=torch", folder=tmp_path)
    assert "requirements/torch" not in make("install", folder=tmp_path)


def test_the_tests_bring_every_extra(tmp_path: Path) -> None:
    said = make("test", folder=tmp_path)
    assert "requirements/torch-version.txt" in said
    assert "requirements/s3.txt" in said
    assert "requirements/stablehlo.txt" in said
    assert pins("torch-mlir").items() <= pins("torch").items()


def test_the_demo_takes_no_pytorch_model_unless_torch_was_installed(tmp_path: Path) -> None:
    said = make("demo", folder=tmp_path)
    assert said.count("--tests='^[^/]+/[^/]+/(?!torch/)'") == 2, "select and runner must be told the same"
    assert "requirements/torch" not in said
    assert said.endswith('echo "PyTorch models were left out: they need the extra of make install EXTRAS=torch"\n')
    (tmp_path / ".installed-torch").touch()
    said = make("demo", folder=tmp_path)
    assert said.count("--tests=''") == 2
    assert "make install EXTRAS=torch" not in said


def set_up(**environment: str) -> subprocess.CompletedProcess[str]:
    """The program of the setup action with a pip that installs nothing."""
    return subprocess.run(
        [sys.executable, str(INSTALL)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1", "HASHES": "required", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_torch
@pytest.mark.slow
def test_the_setup_action_installs_extras_beside_the_base() -> None:
    index = "file:///no/such/index"
    done = set_up(REQUIREMENTS="requirements/base.txt", EXTRAS="s3 torch", TORCH_INDEX=index)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (line for line in done.stdout.splitlines() if line.startswith("+ "))
    files = "base", "s3", "torch"
    assert first.endswith(f"--require-hashes {' '.join(f'--requirement requirements/{name}.txt' for name in files)}")
    assert second.endswith(f"--index-url {index} --requirement requirements/torch-version.txt")
    assert "Requirement already satisfied: torch==" in done.stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EXTRAS": "../dev"}, "'../dev' is not the name of an extra"),
        ({"EXTRAS": "tensor"}, "there is no requirements/tensor.txt"),
        ({"EXTRAS": "torch", "TORCH_INDEX": "--upgrade"}, "'--upgrade' is not the https address of a package index"),
        ({"TORCH_INDEX": "https://name:word@index.example"}, "is not the https address"),
        ({"PACKAGES": "-o"}, "'-o' is not the name of a Debian package"),
        ({"COMPILER_VERSION": "3.*"}, "'3.*' is not one exact version"),
    ],
)
def test_the_setup_action_refuses_what_is_none_of_these(environment: dict[str, str], said: str) -> None:
    done = set_up(REQUIREMENTS="requirements/base.txt", **environment)
    assert done.returncode == 2
    assert "::error::setup: " in done.stdout
    assert said in done.stdout
    assert "+ " not in done.stdout
