from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from results.merge import merge
from results.ops.blocking import Failing, by_operation, by_signature
from results.ops.names import SHEET_NAME, file_of, sheet_names
from results.writers.sheets import ops_rows, ops_statuses
from results.writers.sheets import sheet as sheets
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Style, Styled
from schemas.opwords import OpSkip, OpStatus
from schemas.record import ErrorInfo
from schemas.words import Depth, Outcome, StageStatus
from tests.results_support.build import journal, key, record
from tests.results_support.ops import op_case, op_record, result, use, walked, write_ops
from tests.results_support.strategies import NASTY

TABS = [
    "Summary",
    "Per Model Compile Statuses",
    "Models",
    "Blocking Ops",
    "Failure Signatures",
    "All Ops Not Executing",
    "All Ops",
    "Models per Op",
    "Ops per Framework Op",
    "Cases",
]
BERT, VIT = op_case("torch/bert/tiny"), op_case("torch/vit/tiny")
NAMES = ["aten.add", "aten.softmax", "aten.mul", "aten.relu", "aten.sub"]


def workbook(top: Path, cases: dict[str, tuple[Any, ...]], depth: Depth = Depth.EXECUTE_OP_BY_OP) -> openpyxl.Workbook:
    for number, (case, lines) in enumerate(cases.items()):
        journal(top / f"in/{number}", [op_record(case, lines, shard=number, depth=depth)], shard=number)
        write_ops(top / f"in/{number}", case, lines)
    merge([top / "in"], [], None, top / "out")
    return openpyxl.load_workbook(top / "out/report.xlsx")


def rows(book: openpyxl.Workbook, name: str) -> list[dict[str, Any]]:
    header, *found = book[name].values
    return [dict(zip(header, row, strict=True)) for row in found]


def five(case: str, least: OpStatus = OpStatus.EXECUTED, count: int = 1) -> tuple[Any, ...]:
    """Five operations, of which the first `count` came to `least` only."""
    return walked(case, NAMES, [result(n, least if i < count else OpStatus.EXECUTED) for i, n in enumerate(NAMES)])


def test_the_sheets_their_order_filters_and_headers(tmp_path: Path) -> None:
    book = workbook(tmp_path, {BERT: five(BERT, OpStatus.DISPATCHES), VIT: five(VIT)})
    assert book.sheetnames[: len(TABS)] == TABS
    assert book.sheetnames[-2:] == list(sheet_names(["torch/bert/tiny", "torch/vit/tiny"]).values())
    for name in [*TABS[1:-1], *book.sheetnames[-2:]]:
        assert book[name].freeze_panes in ("A2", "B2", "E2")
        assert book[name].auto_filter.ref.startswith("A1:")
    assert book["All Ops"].max_row == 11
    assert book["All Ops"].auto_filter.ref == book["All Ops"].dimensions
    assert [row["op"] for row in rows(book, "All Ops Not Executing")] == ["aten.add"]
    assert [(row["op"], row["models"]) for row in rows(book, "Models per Op")] == [(name, 2) for name in sorted(NAMES)]
    assert all(cell.data_type in "sn" for sheet in book for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize(
    ("failing", "share", "colour"), [(0, 1.0, "C6EFCE"), (1, 0.8, "FFEB9C"), (2, 0.6, "FFD9A0"), (3, 0.4, "FFC7CE")]
)
def test_shares_are_numbers_in_the_colour_of_their_band(
    tmp_path: Path, failing: int, share: float, colour: str
) -> None:
    book = workbook(tmp_path, {BERT: five(BERT, OpStatus.LINALG_OR_STABLEHLO, failing)})
    sheet = book["Per Model Compile Statuses"]
    titles = [cell.value for cell in sheet[1]]
    for title in ("compiled %", "executed %", "verified %"):
        cell = sheet.cell(2, titles.index(title) + 1)
        assert cell.value == pytest.approx(share)
        assert cell.number_format == "0.0%"
        assert cell.fill.fgColor.rgb[2:] == colour
    assert sheet.cell(2, titles.index("executed") + 1).value == f"{5 - failing}/5"
    assert sheet.cell(2, titles.index("4 LINALG_OR_STABLEHLO") + 1).value == (failing or None)
    assert sheet.cell(3, 1).value == "all 1 cases"
    assert sheet.auto_filter.ref.endswith("2"), "the totals are not filtered away"
    below = [row[0].value for row in sheet.iter_rows(min_row=4)]
    assert "Legend" in below
    assert [text for _, _, text in ops_statuses.BANDS] == [text for text in below if text and text.endswith("%")]
    assert any(text and text.startswith("UNPLANNED") for text in below)


def test_totals_add_up(tmp_path: Path) -> None:
    timeout = result("aten.add", OpStatus.TORCH_IR, outcome=StageStatus.TIMEOUT)
    mute = msgspec.structs.replace(
        result("aten.mul", OpStatus.TORCH_IR, outcome=StageStatus.CRASH), error=ErrorInfo(signature="SIGSEGV")
    )
    lines = (*walked(BERT, ["aten.add", "aten.mul", "aten.x"], [timeout, mute]), use(BERT, 3, "s", skip=OpSkip.RANDOM))
    book = workbook(tmp_path, {BERT: lines, VIT: five(VIT)})
    first, second, totals, *_ = rows(book, "Per Model Compile Statuses")
    for name in ("total", "timeouts", "crashes", "unknown errors", "no result", "skipped", "2 TORCH_IR", "unique"):
        if name != "unique":
            assert (first[name] or 0) + (second[name] or 0) == (totals[name] or 0), name
    assert [first[name] for name in ("total", "timeouts", "crashes", "unknown errors", "no result")] == [3, 1, 1, 2, 1]
    assert (first["how far"], second["how far"]) == ("doesn't compile", "verified")
    assert (first["skipped"], first["group"]) == (1, "g")
    everything = rows(book, "All Ops")
    assert [(row["status"], row["outcome"], row["why"]) for row in everything[2:4]] == [
        (0, "unknown", "no journal has its result"),
        (None, None, "random: has no tensor result"),
    ]
    assert all(row["case"] in (BERT, VIT) for row in everything), "no row is shorter than its header"


def test_operations_that_were_only_to_be_compiled_do_not_fail_to_execute(tmp_path: Path) -> None:
    done = msgspec.structs.replace(
        result("aten.add", OpStatus.COMPILED), outcome=StageStatus.PASS, stopped="", error=None
    )
    book = workbook(
        tmp_path,
        {BERT: walked(BERT, ["aten.add", "aten.mul"], [done, result("aten.mul", OpStatus.DISPATCHES)])},
        Depth.COMPILE_OP_BY_OP,
    )
    assert [row["op"] for row in rows(book, "All Ops Not Executing")] == ["aten.mul"]
    assert [row["op"] for row in rows(book, "Blocking Ops")] == ["aten.mul"]


def test_the_most_blocking_operation_comes_first_and_says_what_it_frees(tmp_path: Path) -> None:
    cases = {op_case(f"torch/m{number}"): number for number in range(4)}
    bad = {name: result(name, OpStatus.DISPATCHES, signature=f"no {name}") for name in ("aten.add", "aten.mul")}
    lines = {
        case: walked(case, NAMES, [bad.get(n, result(n)) if number or n != "aten.mul" else result(n) for n in NAMES])
        for case, number in cases.items()
    }
    book = workbook(tmp_path, lines)
    found = [(row["op"], row["models blocked"], row["freed by it alone"]) for row in rows(book, "Blocking Ops")]
    assert found == [("aten.add", 4, 1), ("aten.mul", 3, 0)]
    ways = [(row["signature"], row["models blocked"], row["ops"]) for row in rows(book, "Failure Signatures")]
    assert ways == [("no aten.add", 4, "aten.add"), ("no aten.mul", 3, "aten.mul")]
    page = (tmp_path / "out/summary.md").read_text()
    assert page.index("`aten.add`") < page.index("`aten.mul`")
    assert "### Blocking operations (2)" in page


def test_a_model_is_freed_only_where_nothing_else_blocks_any_of_its_cases() -> None:
    def failing(name: str, model: str, case: str, signature: str = "x") -> Failing:
        return Failing("cpu", "torch", name, "compile", "FAIL", signature, case, model, f"{name}{case}", 2, 1)

    found = by_operation(
        [failing("a", "m", "1"), failing("a", "m", "2"), failing("b", "m", "2"), failing("a", "n", "3")]
    )
    assert [(each.name, each.models, each.frees, each.uses) for each in found] == [("a", 2, 1, 3), ("b", 1, 0, 1)]
    (one,) = by_signature([failing("a", "m", "1"), failing("b", "m", "1")])
    assert (one.frees, one.operations, one.unique) == (1, ("a", "b"), 2)


# ---- the models' sheets ---------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(NASTY, st.text(max_size=80), st.sampled_from(["torch/" + "x" * 60 + c for c in "abAB"]))))
def test_names_of_sheets_are_unique_valid_and_stable(models: list[str]) -> None:
    named = sheet_names(models)
    assert set(named) == set(models)
    assert len({name.casefold() for name in named.values()}) == len(named)
    for model, name in named.items():
        assert 0 < len(name.encode("utf-16-le", "surrogatepass")) // 2 <= SHEET_NAME
        assert not set("[]:*?/\\'") & set(name)
        assert sheet_names([model])[model] == name, "other models change no name"
    assert sheet_names(reversed(models)) == named


@given(st.lists(st.one_of(NASTY, st.sampled_from(["a", "a/b", "a.json", "a.json/b", "A", "../x", "/x", "a//b", "."]))))
def test_names_of_files_stay_below_their_folder_and_do_not_clash(models: list[str]) -> None:
    files = {model: file_of(model) for model in models}
    paths = set(files.values())
    assert len(paths) == len(set(models))
    for path in paths:
        assert not path.is_absolute()
        assert path.suffix == ".json"
        assert not {"..", ".", ""} & set(path.parts)
        assert all(0 < len(part) < 200 and not part.startswith(".") for part in path.parts)
        assert not paths & set(path.parents), "no file is another one's folder"


def test_models_whose_names_differ_at_the_end_have_sheets_of_their_own(tmp_path: Path) -> None:
    long = "torch/" + "a" * 40
    cases = [op_case(f"{long}/{end}") for end in ("one", "two")]
    lines = {case: walked(case, [f"aten.{n}"], [result(f"aten.{n}")]) for n, case in enumerate(cases)}
    book = workbook(tmp_path, lines)
    index = {row["model"]: row for row in rows(book, "Models")}
    for number, end in enumerate(("one", "two")):
        found = index[f"{long}/{end}"]
        assert len(found["sheet"]) <= 31
        assert [row["op"] for row in rows(book, found["sheet"])] == [f"aten.{number}"]
        place = found["first row"].removeprefix("All Ops!")
        assert book["All Ops"][place].value == f"{long}/{end}"
    for number, end in ((2, "one"), (3, "two")):
        link = book["Models"].cell(number, 1).hyperlink
        assert link is not None
        assert link.location == f"'{index[f'{long}/{end}']['sheet']}'!A1"


def test_too_many_models_are_told_in_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_rows, "MODEL_SHEETS", 2)
    monkeypatch.setattr(ops_statuses, "MODEL_SHEETS", 2)
    cases = [op_case(f"torch/m{number}") for number in range(4)]
    book = workbook(tmp_path, {case: five(case, OpStatus.DISPATCHES, n) for n, case in enumerate(cases)})
    found = {row["model"]: row["sheet"] for row in rows(book, "Models") if row["cases"]}
    assert [found[f"torch/m{number}"] == "none of its own" for number in range(4)] == [True, True, False, False]
    told = [row["model"] for row in rows(book, "Models") if row["model"] and not row["cases"]]
    assert told == [
        "2 of 4 models have a sheet: those with most failing operations. All Ops has every model.",
    ]
    assert len([name for name in book.sheetnames if "~" in name]) == 2


def test_rows_that_do_not_fit_go_on_in_a_further_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 12)
    cases = [op_case(f"torch/m{number}") for number in range(5)]
    book = workbook(tmp_path, {case: five(case) for case in cases})
    names = [name for name in book.sheetnames if name.startswith("All Ops") and "Not" not in name]
    assert names == ["All Ops", "All Ops 2", "All Ops 3"]
    assert book.sheetnames[book.sheetnames.index("All Ops") + 1] == "All Ops 2"
    found = [(row["case"], row["index"]) for name in names for row in rows(book, name)]
    assert found == [(case, index) for case in cases for index in range(5)]
    places = [row["first row"] for row in rows(book, "Models") if row["cases"]]
    assert places == ["All Ops!A2", "All Ops!A7", "All Ops 2!A2", "All Ops 2!A7", "All Ops 3!A2"]


# ---- hostile texts --------------------------------------------------------------------------------------------------

ATTACKS = [
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "@SUM(A1)",
    "_x0041_",
    "a\x00b\x1b",
    "<t>&amp;</t>",
    " x ",
    "\r\n=1",
    "x" * 90_000,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_operation_breaks_the_workbook_or_the_pages(tmp_path: Path, attack: str) -> None:
    case = op_case("torch/evil")
    bad = result("aten.add", OpStatus.DISPATCHES, signature=attack, bundle=attack)
    key = msgspec.structs.replace(bad.key, name=attack, attributes=((attack, attack),))
    bad = msgspec.structs.replace(bad, key=key, ir=((attack, attack),), reproduce=attack)
    place = msgspec.structs.replace(use(case, 0, "aten.add"), name=attack, node=attack, group=attack, why=attack)
    book = workbook(tmp_path, {case: (bad, place)})
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert all(len(cell.value) <= 32_767 for cell in cells if isinstance(cell.value, str))
    shown = (
        attack.strip()[:20].replace("\x00", "\N{REPLACEMENT CHARACTER}").replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    )
    texts = [cell for cell in book["All Ops"][2] if isinstance(cell.value, str) and shown in cell.value]
    assert len(texts) >= 4
    if attack.startswith(("=", "@")):
        assert all(cell.quotePrefix for cell in texts if cell.value.startswith(("=", "@")))
    for page in ("models.md", "summary.md"):
        text = (tmp_path / "out" / page).read_text()
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        assert not any(token.type == "html_block" for token in tokens)
        table = [t for t in tokens if t.type == "tr_open"]
        assert table, page


@settings(max_examples=30)
@given(NASTY)
def test_any_text_comes_back_from_a_cell(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, Book() as book:
        sheet = sheets.Sheet.table(book, "x", (sheets.Column("a", 9), sheets.Column("b", 9), sheets.Column("c", 9)))
        sheet.row([text, Styled(text, Style(fill="FFFFFF")), 1.5])
        sheet.close()
        book.save(Path(folder) / "x.xlsx")
        found = openpyxl.load_workbook(io.BytesIO((Path(folder) / "x.xlsx").read_bytes()))["x"]
    plain, styled, number = found[2]
    assert number.value == 1.5
    assert plain.value == styled.value
    if text.isprintable():
        assert (plain.value or "") == text
    assert {plain.data_type, styled.data_type} <= {"s", "n"}


def test_a_saved_book_is_a_sound_archive(tmp_path: Path) -> None:
    with Book() as book:
        for name in ("one", "two"):
            sheet = sheets.Sheet.table(book, name, (sheets.Column("a", 9), sheets.Column("b", 9)), keep=1)
            for number in range(12_000):  # more than is kept before it goes to disk
                sheet.row([f"{name} {number}", number])
            sheet.close()
        scratch = book._folder
        book.save(tmp_path / "x.xlsx")
    assert not scratch.exists()
    with zipfile.ZipFile(tmp_path / "x.xlsx") as archive:
        assert archive.testzip() is None
        assert all(info.extract_version <= 20 for info in archive.infolist()), "no ZIP64 where none is needed"
    found = openpyxl.load_workbook(tmp_path / "x.xlsx", read_only=True)
    assert [list(sheet.values)[-1] for sheet in found.worksheets] == [("one 11999", 11999), ("two 11999", 11999)]


# ---- models.md ------------------------------------------------------------------------------------------------------


def test_models_stand_under_how_far_they_came(tmp_path: Path) -> None:
    compiled = result("aten.add", OpStatus.COMPILED, signature="no device")
    ends = {
        "no": [result("aten.add", OpStatus.DISPATCHES)],
        "compiles": [compiled],
        "runs": [result("aten.add", pcc=0.5)],
        "good": [result("aten.add")],
    }
    named = {op_case(f"torch/{name}"): found for name, found in ends.items()}
    cases = {case: walked(case, ["aten.add"], found) for case, found in named.items()}
    workbook(tmp_path, cases)
    page = (tmp_path / "out/models.md").read_text()
    headings = ["Doesn't compile (1)", "Compiles, doesn't execute (1)", "Runs on device (1)", "Verified (1)"]
    places = [page.index(f"## {heading}") for heading in headings]
    assert places == sorted(places)
    assert [page.index(f"`torch/{name}`") > place for name, place in zip(ends, places, strict=True)] == [True] * 4
    assert [page.index(f"`torch/{name}`") < place for name, place in zip(ends, places[1:], strict=False)] == [True] * 3
    assert "| 100.0% (1/1) | 0.0% (0/1) | 0.0% (0/1) | 1 | `aten.add` |" in page


def test_a_report_without_operations_has_neither_page_nor_sheets(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/models.md").write_text("of an earlier report")
    journal(tmp_path / "in", [record(key(0), Outcome.PASS)])
    merge([tmp_path / "in"], [], None, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "junit.xml",
        "report.xlsx",
        "results.json",
        "summary.md",
    ]
    assert not set(TABS[1:-1]) & set(openpyxl.load_workbook(tmp_path / "out/report.xlsx").sheetnames)


def test_a_row_longer_than_its_header_is_not_cut(tmp_path: Path) -> None:
    with Book() as book:
        sheet = sheets.Sheet(book, "x", (9.0,))
        sheet.row([1, "two", 3.5])
        sheet.close()
        book.save(tmp_path / "x.xlsx")
    assert next(iter(openpyxl.load_workbook(tmp_path / "x.xlsx")["x"].values)) == (1, "two", 3.5)
