"""What the comparison found is shown by every writer, and no text of it does harm there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from results.shard import shard_view, write_shard
from results.view import View
from results.writers import junit, markdown
from schemas.record import READS_BEHIND
from schemas.words import Outcome
from tests.results_support.build import key, record, shard_results
from tests.results_support.verified import ISSUE, verified
from tests.test_results_writers import ATTACKS, _headings, _rendered, book

FAILED = verified(key(2), Outcome.FAIL)
RECORDS = [
    verified(key(0)),
    record(key(1)),
    msgspec.structs.replace(FAILED, comparisons=FAILED.comparisons[:1], tokens=()),
    msgspec.structs.replace(record(key(3)), checks=verified(key(3)).checks),
]


def view() -> View:
    return shard_view(shard_results(RECORDS), None)


def rows(made: openpyxl.Workbook, sheet: str) -> list[dict[str, Any]]:
    header, *rest = made[sheet].values
    return [dict(zip(header, row, strict=True)) for row in rest]


def test_the_cases_sheet_has_the_worst_figures_and_what_was_let_pass() -> None:
    first, second, *_ = rows(book(view()), "Cases")
    wanted = {
        "mode": "train",
        "owner": "vision-team",
        "PCC": 0.875,
        "max abs error": 0.5,
        "relative atol": 0.125,
        "cosine": 0.9375,
        "mismatched": 2,
        "disabled checks": "PCC",
        "unasserted": "logits: PCC 0.875, required 0.99",
        "token difference": "ids[1]: token 2: 45 ' a', expected 12 'a'; the text is the same",
        "casts": "x: float64 as float32, golden too",
        "bundle": "bundles/m",
    }
    assert {name: first[name] for name in wanted} == wanted, "figures of token ids are not among them"
    assert (second["mode"], second["disabled checks"], second["unasserted"]) == ("eval", None, None)


def test_every_output_sequence_check_and_cast_has_its_row() -> None:
    made = book(view())
    logits = rows(made, "Comparisons")[0]
    assert (logits["output"], logits["shape"], logits["worst index"]) == ("logits", "[2, 3]", "[1, 2]")
    assert (logits["required PCC"], logits["required relative atol"], logits["cosine"]) == (0.99, 0.01, 0.9375)
    assert len(rows(made, "Comparisons")) == sum(len(each.comparisons) for each in RECORDS)
    found = [(each["number"], each["value"], each["max abs error"]) for each in rows(made, "Intermediates")]
    assert found == [(1, "mul_1 (aten.mul.Tensor)", 0.5), (2, "add", 3.0)] * 2
    (tokens,) = rows(made, "Tokens")
    assert (tokens["sequence"], tokens["first difference"], tokens["expected"]) == (1, 2, "a cat")
    assert [(each["disabled"], each["would fail"], each["issue"]) for each in rows(made, "Checks")] == [
        ("PCC", "yes", ISSUE),
        ("PCC", "yes", ISSUE),
        ("PCC", "no", ISSUE),
    ]
    assert [each["casts"] for each in rows(made, "Casts")] == ["x: float64 as float32, golden too"] * 2
    names = made.sheetnames
    at = names.index("Comparisons")
    assert names[at : at + 6] == ["Comparisons", "Intermediates", "Tokens", "Checks", "Casts", "Timings"], "made late"


def test_sheets_without_a_row_are_left_out() -> None:
    assert {"Intermediates", "Tokens", "Checks", "Casts"}.isdisjoint(
        book(shard_view(shard_results(RECORDS[1:2]), None)).sheetnames
    )


def test_passes_with_disabled_checks_are_counted_apart(tmp_path: Path) -> None:
    """The failure with a disabled check is a failure; of the two passes one would fail."""
    said = "PASS with disabled checks: 2, of which 1 would fail"
    shown = view()
    assert (shown.head.unchecked.passed, shown.head.unchecked.would_fail) == (2, 1)
    assert shown.head.groups[0].unchecked == shown.head.unchecked
    text = markdown.render(shown)
    assert text.count(said) == 2
    assert said in [row[0] for row in book(shown)["Summary"].values]
    write_shard(tmp_path, shard_results(RECORDS), None)
    loaded = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    assert loaded["unchecked"] == {"passed": 2, "would_fail": 1}


def test_the_summary_names_cases_that_read_behind_their_inputs_whatever_their_outcome() -> None:
    passes, fails = (
        msgspec.structs.replace(each, notes=("inputs: random", READS_BEHIND)) for each in (RECORDS[1], FAILED)
    )
    text = markdown.render(shard_view(shard_results([passes, fails, RECORDS[3]]), None))
    assert "Reading memory behind inputs (2)" in _headings(text)
    assert f"- PASS `{passes.case}`\n" in text
    assert f"- FAIL `{fails.case}`\n" in text
    assert not any(each.startswith("Reading") for each in _headings(markdown.render(view())))


def test_the_summary_shows_checks_tokens_and_the_lowest_correlations() -> None:
    text = markdown.render(view())
    headings = _headings(text)
    assert "Disabled checks (3)" in headings
    assert "First diverging values (2)" in headings
    assert "| `mul_1 (aten.mul.Tensor)` | 2 of 6 | 0.5 | 0.875 |" in text
    assert "Token differences (1)" in headings
    assert "Lowest PCC" in headings
    assert f"`{ISSUE}`" in text
    assert "would fail: `logits: PCC 0.875, required 0.99`" in text
    assert "| 0.875 | 0.99 | 0.5 |" in text
    assert "-1.0" not in text, "the correlation of token ids says nothing"
    assert "Bundle: `bundles/m`" in text


def test_the_lowest_correlations_are_the_lowest() -> None:
    def correlated(number: int) -> Any:
        plain = record(key(number))
        compared = msgspec.structs.replace(plain.comparisons[0], pcc=1 - (number * 37 % 100) / 1000)
        return msgspec.structs.replace(plain, comparisons=(compared,))

    text = markdown.render(shard_view(shard_results([correlated(n) for n in range(100)]), None))
    shown = [float(line.split("|")[1]) for line in text.splitlines() if line.startswith("| 0.9")]
    assert shown == [1 - each / 1000 for each in range(99, 84, -1)]


def properties(tmp_path: Path) -> list[dict[str, str]]:
    junit.write(view(), tmp_path / "junit.xml")
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - our own file
    return [{each.attrib["name"]: each.attrib["value"] for each in case[0]} for case in suite]


def test_junit_has_the_properties_that_dashboards_read(tmp_path: Path) -> None:
    first, second, *_ = properties(tmp_path)
    tags = msgspec.json.decode(first["tags"])
    wanted = {
        "pcc": 0.875,
        "atol": 0.5,
        "relative_atol": 0.125,
        "cosine": 0.9375,
        "required_pcc": 0.99,
        "required_atol": None,
        "required_relative_atol": 0.01,
        "is_asserting_pcc": False,
        "is_asserting_atol": True,
        "is_asserting_tokens": True,
    }
    assert {name: tags[name] for name in wanted} == wanted
    assert (first["owner"], first["bundle"], first["disabled_checks"]) == ("vision-team", "bundles/m", "PCC")
    assert first["disabled_checks_issue"] == ISSUE
    assert first["unasserted"] == "logits: PCC 0.875, required 0.99"
    assert first["casts"] == "x: float64 as float32, golden too"
    assert msgspec.json.decode(first["config"])["mode"] == "train"
    (tokens,) = msgspec.json.decode(first["tokens"])
    assert (tokens["sequence"], tokens["first_difference"]) == (1, 2)
    assert {"tokens", "casts", "unasserted", "disabled_checks"}.isdisjoint(second)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_of_a_comparison_becomes_markdown(attack: str) -> None:
    def page(text: str) -> str:
        shown = [verified(key(0), text=text), verified(key(1), Outcome.FAIL, text=text)]
        return markdown.render(shard_view(shard_results(shown), None))

    plain, _ = _rendered(page("harmless"))
    found, html = _rendered(page(attack))
    assert found == plain
    assert len(_headings(page(attack))) == len(_headings(page("harmless")))
    assert "\u202e" not in html


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "#REF!"])
def test_no_text_of_a_comparison_becomes_a_formula(text: str) -> None:
    made = book(shard_view(shard_results([verified(key(0), text=text)]), None))
    kinds = {cell.data_type for sheet in made.worksheets for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n"}
