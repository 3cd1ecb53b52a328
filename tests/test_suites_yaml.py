"""Files that are no YAML, or odd YAML: one located finding, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suites import expectations, positions
from suites.findings import Findings
from suites.keys import MANIFEST, TARGETS_FILE
from suites.nodes import parse
from suites.read import Reader
from tests.suites_support import findings, folder, manifest

GOOD = manifest("models: [{tag: abs}]\n")


@pytest.mark.parametrize(
    ("data", "line", "column", "said"),
    [
        (GOOD.encode() + b"defaults:\n\ttimeout: 5m\n", 7, 1, "a tab stands"),
        (GOOD.encode() + b"defaults: {timeout: 5m\n", 7, 1, "not valid YAML"),
        (GOOD.encode() + b"schedule: a: b\n", 6, 12, "not valid YAML"),
        (GOOD.encode() + b"schedule: @daily\n", 6, 11, "not valid YAML"),
        (GOOD.encode() + b"schedule: */5 * * * *\n", 6, 12, "not valid YAML"),
        (GOOD.encode() + b"defaults: *nothing\n", 6, 11, "undefined alias"),
        (GOOD.encode() + b"---\nsuite: b\n", 6, 1, "single document"),
        (b"description: \xff\n", 1, 14, "not UTF-8"),
        ("description: é\x07\n".encode(), 1, 15, "U+0007"),
        (b"", 1, 1, "empty"),
        (b"# only a comment\n", 1, 1, "empty"),
        (b"- a\n- b\n", 1, 1, "a mapping of keys is meant, a list is here"),
        (b"just text\n", 1, 1, "a mapping of keys is meant, text is here"),
    ],
)
def test_bad_text_is_one_located_finding(tmp_path: Path, data: bytes, line: int, column: int, said: str) -> None:
    root = folder(tmp_path)
    (root / "mine.yaml").write_bytes(data)
    found = findings(root)
    assert [(f.location.line, f.location.column) for f in found] == [(line, column)], [str(f) for f in found]
    assert said in found[0].message
    assert found[0].remedy


def test_a_byte_order_mark_and_crlf_do_no_harm(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "mine.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert findings(root) == ()


def test_one_broken_manifest_does_not_hide_mistakes_in_others(tmp_path: Path) -> None:
    root = folder(tmp_path, mine="suite: [\n", other=manifest("models: [{tag: abss}]\n", suite="other"))
    assert {Path(f.location.file).name for f in findings(root)} == {"mine.yaml", "other.yaml"}


def test_aliases_are_read_where_they_point(tmp_path: Path) -> None:
    body = "groups: {a: &a {timeout: 1m}, b: *a}\nmodels: [{tag: abs, group: a}, {tag: add, group: b}]\n"
    assert findings(folder(tmp_path, mine=manifest(body))) == ()


WORDS = st.sampled_from(
    [
        "suite",
        "models",
        "name",
        "targets",
        "cpu",
        "defaults",
        "timeout",
        "5m",
        "no",
        "3.10",
        "1e-3",
        "0x",
        "é",
        "- ",
        "? ",
        ": ",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a ",
        "!t ",
        "'",
        '"',
        "#",
        "<<",
        "=",
        "%",
        "~",
        "\n",
        "\n  ",
        "|\n",
        ">\n",
        "\t",
    ]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_ends_in_findings_with_places_inside_it(text: str) -> None:
    found = Findings()
    data = text.encode("utf-8", errors="surrogatepass")
    root = parse(data, "f.yaml", found)
    if root is not None:
        for keys in (MANIFEST, TARGETS_FILE):
            Reader("f.yaml", found).table(root, keys, "f.yaml")
    lines = len(text.splitlines()) + 2
    assert all(1 <= f.location.line <= lines and f.location.column >= 1 for f in found.all())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(WORDS, max_size=30).map("".join))
def test_any_expectation_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    from schemas.errors import ManifestError  # noqa: PLC0415

    path = tmp_path / "mine.cpu.yaml"
    path.write_text(f"suite: mine\ntarget: cpu\nfailures: {text}", "utf-8")
    for read in (lambda: expectations.load(path), lambda: positions.locate(path.read_text("utf-8"), "f")):
        try:
            read()
        except ManifestError as error:
            assert error.findings  # noqa: PT017 - a refusal without a finding would say nothing
