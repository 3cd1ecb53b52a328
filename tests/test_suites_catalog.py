"""The committed catalogue: what it says of ONNX's cases, and that it is the installed package's."""

from __future__ import annotations

import importlib.metadata

import pytest

from schemas.words import SkipReason
from suites import catalog


def entry(name: str) -> catalog.CatalogEntry:
    return catalog.by_name()[f"onnx/{name}"]


def test_all_cases_of_the_package_are_there() -> None:
    folders: dict[str, int] = {}
    for name in catalog.by_name():
        folders[name.rpartition("/")[0]] = folders.get(name.rpartition("/")[0], 0) + 1
    assert folders == {
        "onnx/node": 1884,
        "onnx/simple": 23,
        "onnx/pytorch-operator": 35,
        "onnx/pytorch-converted": 82,
    }
    assert list(catalog.by_name()) == sorted(catalog.by_name())


def test_places_in_the_file_are_lines() -> None:
    lines = (catalog._FILE).read_text("utf-8").splitlines()
    for name in ("onnx/node/test_abs", "onnx/simple/test_single_relu_model"):
        assert f'"{name}"' in lines[catalog.place_of(name).line - 1]


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("node/test_bernoulli", SkipReason.RANDOM, "operator Bernoulli"),
        ("node/test_bernoulli_seed_expanded", SkipReason.RANDOM, "operator RandomUniformLike"),
        ("node/test_training_dropout_default", SkipReason.RANDOM, "operator Dropout"),
        ("node/test_training_dropout_mask", SkipReason.RANDOM, "operator Dropout"),
        ("node/test_training_dropout_zero_ratio", None, ""),
        ("node/test_dropout_default_ratio", None, ""),
        ("node/test_dropout_random_old", None, ""),
        ("node/test_argmax_default_axis_random", None, ""),
        ("node/test_identity_sequence", SkipReason.SEQUENCE, "graph input 'x' is a sequence"),
        ("node/test_split_to_sequence_1", SkipReason.SEQUENCE, "graph output 'seq' is a sequence"),
        ("node/test_identity_opt", SkipReason.OPTIONAL, "graph input 'opt_in' is an optional"),
        ("node/test_optional_has_element_empty_no_input_name_tensor_input", None, ""),
        ("node/test_string_concat", SkipReason.STRING, "graph input 'x' is a string"),
        ("node/test_equal_string", SkipReason.STRING, "graph input 'x'"),
        ("simple/test_sequence_model1", None, ""),
        ("simple/test_strnorm_model_monday_casesensintive_lower", SkipReason.STRING, "graph input 'x'"),
    ],
)
def test_reasons_to_skip(name: str, reason: SkipReason | None, detail: str) -> None:
    assert entry(name).skip == reason
    assert detail in entry(name).detail


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("node/test_abs", ("abs", "ai.onnx", "float32")),
        ("node/test_softmax_axis_1_expanded_ver18", ("softmax", "ai.onnx", "expanded")),
        ("node/test_cast_FLOAT_to_BFLOAT16", ("cast", "bfloat16", "float32")),
        ("node/test_adam", ("adam", "ai.onnx.preview.training")),
        ("pytorch-converted/test_GLU", ("mul", "sigmoid", "split", "float32")),
        ("simple/test_gradient_of_add", ("add", "gradient", "ai.onnx", "ai.onnx.preview.training")),
    ],
)
def test_tags(name: str, tags: tuple[str, ...]) -> None:
    assert set(tags) <= set(entry(name).tags)
    if name.startswith("node/"):
        assert entry(name).tags[0] == tags[0], "the operator under test comes first"


def test_another_version_of_onnx_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog.check_version() == ()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.99.0")
    (finding,) = catalog.check_version()
    assert "onnx 1.99.0 is installed" in finding.message
    assert catalog.BUILD_COMMAND in finding.remedy

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert "not installed" in catalog.check_version()[0].message


@pytest.mark.slow
def test_the_catalogue_is_what_the_installed_package_holds() -> None:
    from suites.catalog import build  # noqa: PLC0415 - imports onnx

    assert catalog.encode(build.build()) == catalog._FILE.read_bytes(), f"run `{catalog.BUILD_COMMAND}`"
    assert build.main(["--check"]) == 0
