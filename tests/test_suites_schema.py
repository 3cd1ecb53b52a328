"""The committed JSON Schemas: made from the loader's own tables, and true of every shipped file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from runner import tensors
from runner.backends import BACKENDS
from runner.stages.plan import LAST_STAGE
from schemas.case import Case, Checks, Expectation, Tolerance, Tuning
from schemas.target import Container, Target
from schemas.words import Lowering, Mode, Stage
from suites import failurekeys, keys, schema
from suites.fields import Keys, Kind
from suites.targets import FIELD_OF_KEY
from tests.suites_support import TARGETS, manifest
from tests.test_suites_mistakes import ONE_MISTAKE

REPOSITORY = Path(__file__).parent.parent
SUITES = REPOSITORY / "suites"
FILES = [
    *((path, "manifest") for path in sorted(SUITES.glob("*.yaml")) if path.stem not in ("targets", "excused")),
    *((path, "excused") for path in sorted(SUITES.glob("excused.yaml"))),
    (SUITES / "targets.yaml", "targets"),
    *((path, "expectations") for path in sorted((SUITES / "expectations").glob("*.yaml"))),
]


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_committed_schemas_are_those_of_the_loader(name: str) -> None:
    committed = (REPOSITORY / "schemas" / name).read_text("utf-8")
    assert committed == schema.text(name), f"stale: run `{schema.COMMAND}`"
    jsonschema.Draft202012Validator.check_schema(json.loads(committed))


@pytest.mark.parametrize(("path", "name"), FILES, ids=[path.name for path, _ in FILES])
def test_shipped_files_are_valid_and_name_their_schema(path: Path, name: str) -> None:
    text = path.read_text("utf-8")
    errors = list(jsonschema.Draft202012Validator(read(name)).iter_errors(yaml.safe_load(text)))
    assert not errors, errors[0].message
    head = text.splitlines()[0]
    assert head.startswith("# yaml-language-server: $schema=")
    assert (path.parent / head.partition("=")[2]).resolve() == (REPOSITORY / "schemas" / f"{name}.schema.json")


def walk(table: Keys) -> list[tuple[str, Any]]:
    found = []
    for name, field in table.items():
        found.append((name, field))
        for inner in (field.keys, field.item.keys if field.item else None):
            found += walk(inner) if inner else []
    return found


@pytest.mark.parametrize("table", [table for _, table in schema.SCHEMAS.values()])
def test_every_key_is_described_and_has_an_example_that_fits(table: Keys) -> None:
    for name, field in walk(table):
        assert field.doc.endswith("."), name
        assert field.example is not None, name
        said = schema._field(field, used := {})
        whole = {**said, "$defs": used}
        jsonschema.Draft202012Validator(whole).validate(field.example)


def test_words_of_the_schemas_are_those_of_the_project() -> None:
    assert keys.PER_TARGET["lowering"].choices == tuple(Lowering)
    assert keys.STAGE_TIMEOUTS.choices == tuple(Stage)
    assert failurekeys.FAILURE["stage"].choices == tuple(Stage)
    assert set(keys.DEPTHS) == set(LAST_STAGE), "the depths of a manifest are those the runner reaches"
    assert set(keys.BACKENDS) == set(BACKENDS), "the backends of a target are those the runner has"
    assert set(keys.ELEMENT_TYPES) <= {each.name for each in tensors._TABLE}, "the runner has the element types"
    assert keys.PER_TARGET["mode"].choices == tuple(Mode)


def test_keys_are_the_fields_of_the_value_types() -> None:
    def spelled(table: Keys) -> set[str]:
        return {FIELD_OF_KEY.get(key, key.replace("-", "_")) for key in table}

    assert spelled(keys.TARGET) == set(Target.__struct_fields__) - {"name", "hosted"}
    assert spelled(keys.CONTAINER) == set(Container.__struct_fields__)
    assert spelled(keys.TOLERANCE) == set(Tolerance.__struct_fields__)
    assert spelled(keys.CHECKS) == set(Checks.__struct_fields__)
    tuning = set(Tuning.__struct_fields__)
    assert spelled(keys.TUNING) - {"optimization_level"} == tuning - {"opt_level"}
    assert spelled(keys.PER_TARGET) <= set(Case.__struct_fields__)
    assert spelled(failurekeys.FAILURE) - {"cases"} == set(Expectation.__struct_fields__) - {"where", "anyhow"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("targets", TARGETS), ("manifest", manifest("models: [{tag: abs}]\n"))],
    ids=("targets", "manifest"),
)
def test_the_schemas_accept_what_the_tests_use_and_no_key_more(name: str, text: str) -> None:
    validator = jsonschema.Draft202012Validator(read(name))
    value = yaml.safe_load(text)
    assert [error.message for error in validator.iter_errors(value)] == []
    (error,) = validator.iter_errors({**value, "unheard-of": 1})
    assert "'unheard-of' was unexpected" in error.message


def test_an_editor_sees_most_mistakes_too() -> None:
    validator = jsonschema.Draft202012Validator(read("manifest"))
    unseen = []
    for name, body, *_ in ONE_MISTAKE:
        try:
            value = yaml.safe_load(manifest(body.replace("§", "")))
        except yaml.YAMLError:
            continue
        if validator.is_valid(json.loads(json.dumps(value, default=str))):
            unseen.append(name)
    assert len(unseen) < len(ONE_MISTAKE) / 2, unseen


def test_kinds_are_all_in_use() -> None:
    used = {field.kind for _, table in schema.SCHEMAS.values() for _, field in walk(table)}
    used |= {field.item.kind for _, table in schema.SCHEMAS.values() for _, field in walk(table) if field.item}
    assert used == set(Kind) - {Kind.INTEGERS}  # of definitions in JSON: suites/imported/keys.py
