"""Every key of an expectations file, declared once, as in ``suites.keys``."""

from __future__ import annotations

from schemas.words import Stage
from suites.fields import Field, Keys, Kind
from suites.keys import FAILURES, text, url

FAILURE: Keys = {
    "signature": text(
        "The record's error signature, letter by letter.", example="failed to legalize op", required=True
    ),
    "stage": text("The stage that fails.", choices=tuple(Stage), example="compilation", required=True),
    "outcome": text("How it ends; FAIL where not given.", choices=FAILURES, example="FAIL"),
    "cause": text(
        "Why, in words; needed where the stage is not the compiler's.", example="ONNX Runtime lacks bfloat16"
    ),
    "issue": url("URL of the issue."),
    "owner": text("Who looks after it.", example="somebody"),
    "review": Field(kind=Kind.DATE, doc="When to look at it again.", example="2027-01-31"),
    "cases": Field(kind=Kind.TEXTS, doc="Case keys, model@path.", example=["onnx/node/test_a@onnx"], required=True),
}  # fmt: skip

EXPECTATIONS_FILE: Keys = {
    "suite": text("The suite, as in the file's name.", example="nightly-execute", required=True),
    "target": text("The target, as in the file's name.", example="cpu", required=True),
    "failures": Field(
        kind=Kind.ENTRIES, doc="Declared failures, one entry a signature.", keys=FAILURE, required=True, empty=True,
        example=[{"signature": "failed to legalize op", "stage": "compilation", "cases": ["onnx/node/test_a@onnx"]}],
    ),
}  # fmt: skip
