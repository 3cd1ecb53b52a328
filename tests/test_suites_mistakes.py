"""Every kind of mistake in a manifest: found at its place, with a remedy, all at once."""

# ruff: noqa: E501 - one mistake is one line of the table

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suites_support import findings, folder, manifest, unmark

# Each row: a manifest's body with § before every place a finding is expected at; what it says; what its remedy says.
ONE_MISTAKE = [
    ("unknown key", "models:\n  - name: onnx/node/test_abs\n    §timout: 5m\n", "unknown key 'timout'", "did you mean timeout"),
    ("unknown mode", "defaults: {mode: §training}\nmodels: [{tag: abs}]\n", "unknown value 'training'", "train"),
    ("mode of another kind", "models:\n  - name: onnx/node/test_abs\n    §mode: train\n", "onnx/node/test_abs has no mode train", "use eval"),
    ("check without issue", "defaults: {checks: {§pcc: false}}\nmodels: [{tag: abs}]\n", "pcc is disabled", "`issue:`"),
    ("unknown check", "defaults: {checks: {§ppc: false}}\nmodels: [{tag: abs}]\n", "unknown key 'ppc'", "pcc"),
    ("issue without address", "defaults: {checks: {issue: §'#3'}}\nmodels: [{tag: abs}]\n", "not a URL", "whole address"),
    ("both tolerances", "defaults: {tolerance: {atol: 0.1, §relative-atol: 0.1}}\nmodels: [{tag: abs}]\n", "both are given", "keep one"),
    ("unknown level", "defaults: {tuning: {optimization-level: §O4}}\nmodels: [{tag: abs}]\n", "unknown value 'O4'", "O0"),
    ("unknown tuning", "defaults: {tuning: {§const-evaluate: true}}\nmodels: [{tag: abs}]\n", "unknown key", "const-eval"),
    ("size of weights", "defaults: {tuning: {externalize-above: §256}}\nmodels: [{tag: abs}]\n", "no unit", "8GiB"),
    ("unknown model", "models: [{name: §onnx/node/test_abss}]\n", "unknown model", "did you mean onnx/node/test_abs?"),
    ("model without folder", "models: [{name: §test_relu}]\n", "unknown model", "onnx/node/test_relu"),
    ("empty glob", "models: [{name: §onnx/nodes/*}]\n", "matches no model", "onnx/node/*"),
    ("unknown tag", "models: [{tag: §covn}]\n", "no model bears", "did you mean conv"),
    ("unknown group", "models: [{name: onnx/node/test_abs, group: §gone}]\n", "unknown group", "declare it"),
    ("unused group", "groups: {§g: {timeout: 5m}}\nmodels: [{tag: abs}]\n", "used by no model", "remove it"),
    ("unknown target", "targets: [§cpuu]\nmodels: [{tag: abs}]\n", "unknown target", "did you mean cpu"),
    ("override for unknown target", "defaults: {targets: {§gpu: {seed: 1}}}\nmodels: [{tag: abs}]\n", "unknown target", "cpu"),
    ("unknown stage", "defaults: {stage-timeouts: {§compile: 5m}}\nmodels: [{tag: abs}]\n", "unknown name", "compilation"),
    ("unknown lowering", "defaults: {lowering: §lingalg}\nmodels: [{tag: abs}]\n", "unknown value", "linalg"),
    ("unknown path", "defaults: {paths: [§torch-mlr]}\nmodels: [{tag: abs}]\n", "unknown value", "torch-mlir"),
    ("path of another kind", "defaults: {paths: [§torch-mlir]}\nmodels: [{name: onnx/node/test_abs}]\n", "has no path torch-mlir", "onnx or ort-ep"),
    ("no selector", "models:\n  - §timeout: 5m\n", "which model", "add `name:`"),
    ("two selectors", "models: [{name: onnx/node/test_abs, §tag: abs}]\n", "cannot stand in one entry", "two entries"),
    ("same model twice", "models:\n  - name: onnx/node/test_abs\n  - name: §onnx/node/test_abs\n", "named twice", "keep one"),
    ("text for list", "targets: §cpu\nmodels: [{tag: abs}]\n", "a list is meant", "[cpu]"),
    ("list for text", "schedule: §[1]\nmodels: [{tag: abs}]\n", "a list is here", ""),
    ("text for mapping", "defaults: §none\nmodels: [{tag: abs}]\n", "a mapping of keys is meant", "key: value"),
    ("number for mapping of names", "groups: §3\nmodels: [{tag: abs}]\n", "a mapping of names is meant", ""),
    ("mapping for entries", "models: §{name: x}\n", "a list of entries is meant", "- name"),
    ("same key twice", "models: [{tag: abs}]\n§models: [{tag: add}]\n", "given twice (first on line 5)", "silently"),
    ("nothing given", "models: [{tag: abs, skip: §}]\n", "no value", "in words"),
    ("empty text", "models: [{tag: abs, skip: §''}]\n", "empty", "in words"),
    ("skip without reason", "models: [{tag: abs, skip: §true}]\n", "reads true as true", "in words"),
    ("no for a word", "defaults: {environment: {DEBUG: §no}}\nmodels: [{tag: abs}]\n", "reads no as false", '"no"'),
    ("on for a word", "defaults: {tags: [§on]}\nmodels: [{tag: abs}]\n", "reads on as true", '"on"'),
    ("yes for a flag", "pull-request: §yes\nmodels: [{tag: abs}]\n", "YAML 1.1", "true or false"),
    ("text for a flag", "pull-request: §'true'\nmodels: [{tag: abs}]\n", "true or false", "without quotes"),
    ("version for a word", "defaults: {environment: {PY: §3.10}}\nmodels: [{tag: abs}]\n", "number 3.1", '"3.10"'),
    ("octal for a word", "defaults: {environment: {MODE: §0123}}\nmodels: [{tag: abs}]\n", "number 83", '"0123"'),
    ("date for a word", "defaults: {environment: {DAY: §2026-01-02}}\nmodels: [{tag: abs}]\n", "a date", "quotes"),
    ("clock for a word", "defaults: {environment: {AT: §12:30}}\nmodels: [{tag: abs}]\n", "number 750", '"12:30"'),
    ("exponent without dot", "defaults: {tolerance: {atol: §1e-3}}\nmodels: [{tag: abs}]\n", "as text", "1.0e-3"),
    ("exponent without sign", "defaults: {tolerance: {atol: §1.0e3}}\nmodels: [{tag: abs}]\n", "as text", "1.0e+3"),
    ("quoted number", "defaults: {tolerance: {atol: §'0.1'}}\nmodels: [{tag: abs}]\n", "the text '0.1'", "remove the quotes"),
    ("not a number", "defaults: {tolerance: {atol: §small}}\nmodels: [{tag: abs}]\n", "a number is meant", "0.01"),
    ("infinity", "defaults: {tolerance: {atol: §.inf}}\nmodels: [{tag: abs}]\n", "no finite number", "finite"),
    ("sexagesimal number", "defaults: {tolerance: {atol: §1:30}}\nmodels: [{tag: abs}]\n", "YAML reads 1:30 as 90", "decimal"),
    ("number out of range", "defaults: {tolerance: {pcc: §1.5}}\nmodels: [{tag: abs}]\n", "too large", "at most 1"),
    ("negative tolerance", "defaults: {tolerance: {rtol: §-1}}\nmodels: [{tag: abs}]\n", "too small", "at least 0"),
    ("octal integer", "defaults: {seed: §010}\nmodels: [{tag: abs}]\n", "reads 010 as 8", "decimal"),
    ("fraction for integer", "defaults: {seed: §1.5}\nmodels: [{tag: abs}]\n", "whole number", "digits"),
    ("duration without unit", "defaults: {timeout: §300}\nmodels: [{tag: abs}]\n", "no unit", "10m"),
    ("duration as a clock", "defaults: {timeout: §10:30}\nmodels: [{tag: abs}]\n", "reads it as 630", "10m"),
    ("odd duration", "defaults: {timeout: §5 minutes}\nmodels: [{tag: abs}]\n", "no duration", "10m"),
    ("zero duration", "defaults: {timeout: §0s}\nmodels: [{tag: abs}]\n", "zero", "above zero"),
    ("size without unit", "defaults: {memory-limit: §8}\nmodels: [{tag: abs}]\n", "no unit", "8GiB"),
    ("decimal size", "defaults: {memory-limit: §8GB}\nmodels: [{tag: abs}]\n", "no size", "8GiB"),
    ("flag without dash", "defaults: {compile-flags: [§O2]}\nmodels: [{tag: abs}]\n", "not a flag", "dash"),
    ("same target twice", "targets: [cpu, §cpu]\nmodels: [{tag: abs}]\n", "given twice", "keep one"),
    ("stage longer than case", "defaults: {timeout: 5m, stage-timeouts: {§compilation: 5m}}\nmodels: [{tag: abs}]\n",
     "does not fit into the case's", "stage < case"),
    ("case longer than shard", "models: [{tag: abs, §timeout: 50m}]\n", "does not fit into the shard-timeout", "targets.yaml"),
    ("short schedule", 'schedule: §"*/4 * * * *"\nmodels: [{tag: abs}]\n', "every 4 minutes", "17 2"),
    ("schedule of four fields", "schedule: §17 2 * *\nmodels: [{tag: abs}]\n", "4 fields", "five"),
    ("schedule out of range", 'schedule: §"17 24 * * *"\nmodels: [{tag: abs}]\n', "hour 24 is outside 0-23", ""),
    ("excluded nothing", "models: [{tag: abs, exclude: [§onnx/simple/*]}]\n", "matches none", ""),
    ("excluded everything", "models:\n  - §{tag: abs, exclude: ['*']}\n", "leaves nothing", ""),
    ("missing file", "models: [{onnx: §./gone.onnx}]\n", "no file './gone.onnx'", "relative paths start at"),
    ("odd address", "models: [{onnx: §'ftp://h/x.onnx'}]\n", "no http(s) address", ""),
    ("odd checksum", "models: [{onnx: 'https://h/x.onnx', sha256: §abc}]\n", "not a SHA-256", "64"),
    ("checksum of a name", f"models: [{{tag: abs, §sha256: '{'0' * 64}'}}]\n", "belongs to `onnx:`", ""),
    ("name from a bad stem", "models: [{onnx: §'https://h/a b.onnx'}]\n", "cannot name a model", "`name:`"),
    ("taken name", "models: [{onnx: 'https://h/x.onnx', name: §onnx/node/test_abs}]\n", "already a model", "another"),
    ("two files, one name", "models: [{onnx: 'https://h/x.onnx'}, {onnx: §'https://g/x.onnx'}]\n", "another file", "name"),
    ("merge key", "defaults: {§<<: {seed: 1}}\nmodels: [{tag: abs}]\n", "merge keys", "groups"),
    ("list as key", "defaults: {§[a]: 1}\nmodels: [{tag: abs}]\n", "a key must be a word", ""),
    ("foreign tag", "description2: 1\nmodels: [{tag: abs}]\n".replace("description2: 1", "schedule: §!cron x"), "tag !cron", "remove"),
    ("disjoint with nobody", "disjoint-with: [§others]\nmodels: [{tag: abs}]\n", "unknown suite", ""),
    ("disjoint with itself", "disjoint-with: [§mine]\nmodels: [{tag: abs}]\n", "with itself", ""),
    ("pull request on own machine", "targets: [cpu, §lab]\npull-request: true\nmodels: [{tag: abs}]\n", "hosted", "remove"),
    ("excuse without reason", "models: [{tag: abs}]\nexcused:\n  - §name: onnx/node/test_add\n", "'reason' is missing", "Why"),
    ("excuse of a listed model", "models: [{tag: abs}]\nexcused: [{name: §onnx/node/test_abs, reason: x}]\n", "after all", "delete"),
    ("excuse of nobody", "models: [{tag: abs}]\nexcused: [{name: §onnx/node/none, reason: x}]\n", "no model", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said", "remedy"), [row[1:] for row in ONE_MISTAKE], ids=[row[0] for row in ONE_MISTAKE]
)
def test_one_mistake_is_one_finding_at_its_place(tmp_path: Path, body: str, said: str, remedy: str) -> None:
    text, places = unmark(manifest(body))
    found = findings(folder(tmp_path, mine=text))
    assert [(f.location.line, f.location.column) for f in found] == places, [str(f) for f in found]
    assert found[0].location.file.endswith("mine.yaml")
    assert said in found[0].message
    assert remedy in found[0].remedy
    assert found[0].remedy, "every finding says how to mend it"


TEN = """\
suite: §other
description: §1.10
schedule: §"* * * * *"
depth: §exeucte
targets: [cpu, §gpu]
defaults:
  tolerance: {atol: §1e-3}
  §tiemout: 5m
models:
  - name: §onnx/node/test_absent
  - name: onnx/node/test_abs
  - name: onnx/node/test_add
    §name: onnx/node/test_sub
  - tag: §nothing-like-it
"""

TWENTY_FIVE = """\
suite: §Mine
description: §no
schedule: §"61 * * * *"
pull-request: §on
depth: §run
targets: [§nowhere, cpu]
disjoint-with: [§elsewhere]
§models-too: []
defaults:
  timeout: §90
  memory-limit: §4 GB
  seed: §0x10
  lowering: §tosa
  tolerance: {atol: §2e-5, §abs: 0.1}
  stage-timeouts: {§compiling: 1m}
  environment: {A: §off}
groups:
  one: {tags: [§2.10]}
models:
  - group: one
    name: §onnx/simple/test_sign
  - name: §onnx/simples/*
  - tag: §sofmax
  - onnx: §./not-here.onnx
  - name: onnx/node/test_abs
    skip: §yes
  - name: §onnx/node/test_abs
  - §just a line
  - tag: relu
    exclude: [§test_none]
  - §paths: [onnx]
"""


@pytest.mark.parametrize("text", [TEN, TWENTY_FIVE], ids=["ten", "twenty-five"])
def test_many_different_mistakes_are_all_found_at_once(tmp_path: Path, text: str) -> None:
    clean, places = unmark(text)
    found = findings(folder(tmp_path, mine=clean))
    assert [(f.location.line, f.location.column) for f in found] == places, "\n".join(map(str, found))
    assert len({f.message for f in found}) == len(places) >= 10
    assert all(f.remedy for f in found)


def test_many_unknown_names_are_all_found(tmp_path: Path) -> None:
    body = "models:\n" + "".join(f"  - name: onnx/node/test_abz_{i}_x\n" for i in range(200))
    root = folder(tmp_path, mine=manifest(body))
    assert len(findings(root)) == 200
