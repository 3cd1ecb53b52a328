from __future__ import annotations

import io
import itertools
import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import openpyxl
import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from results.shard import shard_view, write_shard
from results.text import block, cell, code, one_line, prose, shorten, xml_text
from results.view import View
from results.writers import junit, markdown, xlsx
from results.writers.registry import WRITERS
from results.writers.sheets import cells
from results.writers.sheets import sheet as sheets
from schemas.codec import decode
from schemas.record import ErrorInfo, OutputComparison, Record, ShardResults
from schemas.report import MissingCase, Problem, ProblemKind, Report
from schemas.words import Outcome, Stage
from tests.results_support.build import key, matrix, record, shard_results
from tests.results_support.strategies import NASTY

ALL = [record(key(n), outcome, where="suites/e.yaml:7") for n, outcome in enumerate(Outcome)]
MARKDOWN = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")


def view(*records: Record) -> View:
    return shard_view(shard_results(records or ALL), matrix([[item.case.split("/", 2)[2] for item in records or ALL]]))


def nasty(text: str) -> Record:
    """A record with ``text`` wherever a model or a compiler could put it."""
    return msgspec.structs.replace(
        record(key(0), Outcome.FAIL),
        model=text,
        group=text,
        tags=(text,),
        error=ErrorInfo(signature=text, excerpt=f"{text}\n{text}"),
        notes=(text,),
        reproduce=text,
        comparisons=(OutputComparison(output=text, dtype=text, shape=(1,), passed=False, reason=text),),
    )


def book(shown: View) -> openpyxl.Workbook:
    with tempfile.TemporaryDirectory() as folder:
        xlsx.write(shown, Path(folder) / "report.xlsx")
        return openpyxl.load_workbook(io.BytesIO((Path(folder) / "report.xlsx").read_bytes()))


def test_a_shard_leaves_four_files_and_its_results_read_back(tmp_path: Path) -> None:
    results = shard_results(ALL)
    write_shard(tmp_path, results, None)
    assert {file.name for file in tmp_path.iterdir()} == set(WRITERS)
    data = (tmp_path / "results.json").read_bytes()
    assert decode(data, ShardResults) == msgspec.structs.replace(results, records=tuple(ALL))
    report = decode(data, Report)
    assert report.schema == "e2eshard.results/1"
    assert report.records == tuple(ALL)
    assert not report.planned
    assert data.count(b"\n{") == len(ALL), "one record a line"


def test_a_shard_without_records_is_no_green(tmp_path: Path) -> None:
    write_shard(tmp_path, shard_results([]), None)
    assert decode((tmp_path / "results.json").read_bytes(), Report).red
    assert "RED" in (tmp_path / "summary.md").read_text()


def test_a_part_of_a_shard_says_partial() -> None:
    planned = matrix([[key(0), key(1)]])
    head = shard_view(shard_results([record(key(0))]), planned).head
    assert head.partial
    assert head.partial_detail == "1 of the 2 cases of this shard have a result"


def test_the_workbook_has_all_sheets_with_filters_and_frozen_headers() -> None:
    made = book(view())
    names = "Summary Cases Failures Signatures Flaky Comparisons Timings Missing Skips Problems Attempts Provenance"
    assert made.sheetnames == names.split()
    assert all(len(name) <= 31 for name in made.sheetnames)
    for sheet in made.worksheets[1:]:
        assert sheet.freeze_panes == ("D2" if sheet.title == "Cases" else "A2")
        assert sheet.auto_filter.ref == sheet.dimensions
    cases = made["Cases"]
    assert cases.max_row == len(ALL) + 1
    colours = {cells[7].value: cells[7].fill.fgColor.rgb[2:] for cells in cases.iter_rows(min_row=2)}
    assert colours == {outcome.value: cells.COLOURS[outcome] for outcome in Outcome}
    assert cases.column_dimensions["C"].width == 44
    assert made["Failures"].max_row == 1 + sum(o.is_red and o is not Outcome.MISSING for o in Outcome)


def test_the_workbook_counts_suite_by_target_by_outcome_and_stage() -> None:
    rows = list(book(view())["Summary"].values)
    header = next(n for n, row in enumerate(rows) if row[2] == "cases")
    counts = dict(zip(rows[header], rows[header + 1], strict=True))
    assert (counts["suite"], counts["target"], counts["cases"]) == ("s", "cpu", len(ALL))
    assert all(counts[outcome.value] == 1 for outcome in Outcome)
    assert any(row[0] == "suite" and "compilation" in row for row in rows)


def test_timings_are_sorted_slowest_first() -> None:
    shown = view(*(record(key(n), seconds=float(s)) for n, s in enumerate((1, 5, 3))))
    assert [row[2] for row in list(book(shown)["Timings"].values)[1:]] == [5, 3, 1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1", "#REF!", "#N/A"])
def test_no_text_becomes_a_formula_or_an_error(text: str) -> None:
    made = book(view(nasty(text)))
    for sheet in made.worksheets:
        for row in sheet.iter_rows():
            for found in row:
                assert found.data_type != "f"
                assert found.data_type != "e"
                if found.value == text:
                    assert found.data_type == "s"
                    assert found.quotePrefix


@settings(max_examples=25, deadline=None)
@given(NASTY)
def test_any_text_makes_a_readable_workbook(text: str) -> None:
    made = book(view(nasty(text)))
    assert all(c.data_type in ("s", "n") for sheet in made.worksheets for row in sheet.iter_rows() for c in row)


def test_a_cell_is_bounded_and_escapes_stay_text() -> None:
    assert len(cells.clean("x" * 100_000)) <= cells.MAX_TEXT
    assert len(cells.clean("😀" * 100_000).encode("utf-16-le")) // 2 <= cells.MAX_TEXT
    assert cells.clean("x" * 100_000).endswith("… [100000 characters]")
    assert cells.clean("_x0041_") == "_x005F_x0041_"
    assert cells.clean("a\x00b\ufffe") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_a_sheet_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 5)
    rows = list(book(view())["Cases"].values)
    assert len(rows) == 5
    assert rows[-1][0] == f"{len(ALL) - 3} more rows do not fit into a sheet; results.json has them"


def test_numbers_that_are_no_numbers_do_not_break_the_workbook() -> None:
    odd = OutputComparison(
        output="y", dtype="f32", shape=(), passed=False, max_abs=float("inf"), max_rel=float("nan"), pcc=None
    )
    made = book(view(msgspec.structs.replace(record(key(0)), comparisons=(odd,))))
    assert "inf" in [c.value for c in made["Cases"][2]]


# ---- JUnit ----------------------------------------------------------------------------------------------------------


def xml(shown: View, tmp_path: Path) -> ET.Element:
    junit.write(shown, tmp_path / "junit.xml")
    return ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314  (our own file)


def test_junit_has_the_shape_that_jenkins_reads(tmp_path: Path) -> None:
    root = xml(view(), tmp_path)
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.attrib["name"] == "s/cpu"
    cases = list(suite)
    for attribute, elements in (("tests", cases), ("failures", suite.findall("*/failure"))):
        assert suite.attrib[attribute] == root.attrib[attribute] == str(len(elements))
    assert suite.attrib["errors"] == str(len(suite.findall("*/error")))
    assert suite.attrib["skipped"] == str(len(suite.findall("*/skipped")))
    for case in cases:
        assert case.tag == "testcase"
        assert {"name", "classname", "time"} == set(case.attrib)
        assert [child.tag for child in case][:1] == ["properties"]
        assert len(case) <= 2
        for child in case[1:]:
            assert child.tag in ("failure", "error", "skipped")
            assert child.attrib["message"]


def test_junit_tells_failures_errors_and_skips_apart(tmp_path: Path) -> None:
    (suite,) = xml(view(), tmp_path)
    found = {}
    for case in suite:
        properties = {item.attrib["name"]: item.attrib["value"] for item in case[0]}
        found[properties["outcome"]] = case[1].tag if len(case) > 1 else ""
    assert found == {
        "PASS": "",
        "FAIL": "failure",
        "XFAIL": "skipped",
        "XPASS": "failure",
        "TIMEOUT": "error",
        "CRASH": "error",
        "OOM": "error",
        "SKIP": "skipped",
        "INFRA": "error",
        "MISSING": "error",
    }


def test_junit_properties_are_those_that_dashboards_know(tmp_path: Path) -> None:
    (suite,) = xml(view(record(key(0))), tmp_path)
    properties = {item.attrib["name"]: item.attrib["value"] for item in suite[0][0]}
    assert {
        "start_timestamp": "2026-11-20T02:17:00Z",
        "end_timestamp": "2026-11-20T02:17:00.500000Z",
        "model_name": "onnx/node/test_0000",
        "frontend": "onnx",
        "owner": "",
        "group": "",
        "achieved_compile_depth": "execute",
    }.items() <= properties.items()
    tags = msgspec.json.decode(properties["tags"])
    assert {"pcc", "atol", "required_pcc", "required_atol", "is_asserting_pcc", "bringup_status"} <= tags.keys()
    assert tags["pcc"] == 1.0


@given(NASTY)
@settings(max_examples=50, deadline=None)
def test_any_text_makes_well_formed_xml(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = xml(view(nasty(text)), Path(folder))
    assert root[0][0].tag == "testcase"
    found = {each.get("name"): each.get("value") for each in root[0][0][0]}
    assert (found["reproduce"], found["group"]) == (xml_text(text), xml_text(text))


# ---- Markdown -------------------------------------------------------------------------------------------------------


def test_the_summary_says_the_most_important_first() -> None:
    text = markdown.render(view())
    order = [
        "**RED: 7 of 10 cases unexpected**",
        "## Counts",
        "## Unexpected failures",
        "## Passing though expected to fail",
        "suites/e.yaml:7",
        "## Missing",
        "## Infrastructure",
        "## Skipped",
        "## Slowest",
        "## Provenance",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_failures_are_grouped_by_signature_with_a_way_to_reproduce() -> None:
    records = [record(key(n), Outcome.FAIL, signature="same") for n in range(30)]
    text = markdown.render(view(*records, record(key(99), Outcome.FAIL, signature="other")))
    assert text.count("### FAIL at") == 2
    assert text.index("30 cases") < text.index("1 case\n")
    assert "… and 10 more" in text
    assert "python -m runner s/cpu/onnx/node/test_0000@onnx" in text


def test_a_huge_summary_stays_below_the_limit_and_says_so() -> None:
    records = [
        msgspec.structs.replace(
            record(key(n), outcome, signature=f"{n} " + "x" * 900),
            error=ErrorInfo(signature=f"{n} " + "é" * 900, excerpt="y\n" * 4000),
            notes=("z" * 900,),
        )
        for n, outcome in enumerate([Outcome.FAIL] * 3000 + [Outcome.XPASS] * 3000 + [Outcome.INFRA] * 3000)
    ]
    shown = view(*records)
    missing = tuple(MissingCase(f"s/cpu/{key(n)}", f"why {n} " + "w" * 500) for n in range(3000))
    problems = tuple(Problem(kind=ProblemKind.DAMAGED, text="p" * 900, file=str(n)) for n in range(3000))
    head = msgspec.structs.replace(shown.head, missing=missing, problems=problems)
    text = markdown.render(View(head, shown.records))
    assert 200_000 < len(text.encode()) < markdown.HARD_LIMIT
    assert sum(markdown.SECTIONS.values()) < markdown.HARD_LIMIT
    assert text.count("more lines left out here") >= 4
    assert "Provenance" in _headings(text), "nothing that was cut off leaves a block open"


def _headings(text: str) -> list[str]:
    tokens = MARKDOWN.parse(text)
    return [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]


ATTACKS = [
    "a | b",
    "a \\| b",
    "`` ` ``",
    "</code><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![x](http://evil.example)",
    "@everyone #1 http://evil.example www.evil.example",
    "\n\n# Title",
    "```\n# Title\n```",
    "</details>\n\n## Title",
    "- item\n- item",
    "1. item",
    "\u202eevil",
    "::error::x",
    "**bold** _em_ ~~no~~",
]


def _rendered(text: str) -> tuple[set[str], str]:
    html = MARKDOWN.render(text)
    return set(re.findall(r"<([a-z][a-z0-9]*)", html)), html


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_becomes_markdown(attack: str) -> None:
    """The page has the same elements whatever the tests are called and the compiler says."""
    plain, _ = _rendered(_page("harmless"))
    found, html = _rendered(_page(attack))
    assert found == plain
    assert len(_headings(_page(attack))) == len(_headings(_page("harmless")))
    assert "\u202e" not in html


def _page(text: str) -> str:
    shown = view(nasty(text), msgspec.structs.replace(nasty(text), case=f"s/cpu/{text}@onnx", outcome=Outcome.INFRA))
    problem = Problem(kind=ProblemKind.DAMAGED, text=text, file=text, cases=(text,))
    head = msgspec.structs.replace(
        shown.head, problems=(problem,), missing=(MissingCase(text, text),), partial=True, partial_detail=text
    )
    return markdown.render(View(head, shown.records))


@given(NASTY)
def test_a_code_span_is_one_code_span(text: str) -> None:
    (paragraph,) = [t for t in MARKDOWN.parse(code(text)) if t.type == "inline"] or [None]
    assert paragraph is not None
    assert paragraph.children is not None
    if one_line(text):
        assert [child.type for child in paragraph.children] == ["code_inline"]
        assert paragraph.children[0].content.strip() == one_line(text).strip()


@given(NASTY)
def test_prose_is_only_text(text: str) -> None:
    line = prose(text)
    tokens = MARKDOWN.parse(line)
    assert {t.type for t in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    for token in tokens:
        for child in token.children or []:
            assert child.type in ("text", "text_special")
    assert "@" not in line
    assert not re.search(r"(?i)(https?|ftp)://|www\.", line)


@given(NASTY)
def test_a_cell_does_not_end_its_row(text: str) -> None:
    html = MARKDOWN.render(f"| a | b |\n|---|---|\n| {cell(text)} | x |\n")
    assert html.count("<td>") == 2
    assert "<td>x</td>" in html


@given(NASTY)
def test_a_block_stays_a_block(text: str) -> None:
    tokens = MARKDOWN.parse("\n".join(block(text)) + "\n\nafter\n")
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


def test_shortening_shows_what_is_gone() -> None:
    assert shorten("x" * 50, 50) == "x" * 50
    assert shorten("x" * 60, 50) == "x" * 32 + " … [60 characters]"
    assert len(shorten("x" * 60, 5)) == 5


def test_stages_have_their_own_columns() -> None:
    titles = [c.value for c in book(view())["Cases"][1]]
    assert all(f"{stage.replace('_', ' ')} s" in titles for stage in Stage)
