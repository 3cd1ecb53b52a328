"""A report as junit.xml: one testsuite per suite and target, one testcase per case, for every CI that shows tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

import msgspec

from results.measured import cast_text, disabled, let_pass, sequence_name, worst
from results.text import one_line, shorten, xml_text
from results.view import View, both_ends, title
from schemas.case import Checks, Tolerance
from schemas.record import Record
from schemas.report import GroupTotals
from schemas.words import EXIT_PASS, Outcome

#: What JUnit calls an outcome. A failure is the test's own verdict; an error is something that kept it from one.
ELEMENTS: dict[Outcome, str] = {
    Outcome.PASS: "",
    Outcome.XFAIL: "skipped",
    Outcome.SKIP: "skipped",
    Outcome.FAIL: "failure",
    Outcome.XPASS: "failure",
    Outcome.TIMEOUT: "error",
    Outcome.CRASH: "error",
    Outcome.OOM: "error",
    Outcome.INFRA: "error",
    Outcome.MISSING: "error",
}
_BODY = 20_000
_MARKUP = re.compile('[&<>"]')


def write(view: View, path: Path) -> None:
    """Streams the cases. Records come sorted by case id, so that a suite's cases on a target follow each other."""
    groups = {(group.suite, group.target): group for group in view.head.groups}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        total = _sum(tuple(groups.values()))
        file.write(f"<testsuites name={_quote(title(view.head))} {total}>\n")
        for key, records in groupby(view.records, key=lambda record: (record.suite, record.target)):
            _suite(file, groups[key], view.head.provenance.started, records)
        file.write("</testsuites>\n")


def _suite(file: TextIO, group: GroupTotals, started: str, records: Iterator[Record]) -> None:
    name = _quote(f"{group.suite}/{group.target}")
    stamp = f" timestamp={_quote(started)}" if started else ""
    file.write(f"<testsuite name={name} {_sum((group,))}{stamp}>\n")
    for record in records:
        _case(file, record)
    file.write("</testsuite>\n")


def _sum(groups: tuple[GroupTotals, ...]) -> str:
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    for group in groups:
        for outcome, count in group.outcomes.items():
            if ELEMENTS[outcome]:
                counts[ELEMENTS[outcome]] += count
    tests = sum(group.total for group in groups)
    seconds = sum(group.seconds for group in groups)
    return (
        f'tests="{tests}" failures="{counts["failure"]}" errors="{counts["error"]}" '
        f'skipped="{counts["skipped"]}" time="{seconds:.3f}"'
    )


def _case(file: TextIO, record: Record) -> None:
    name = record.case.removeprefix(f"{record.suite}/{record.target}/")
    where = _quote(f"{record.suite}.{record.target}")
    file.write(f'<testcase classname={where} name={_quote(name)} time="{record.seconds:.3f}">\n<properties>\n')
    items = properties(record).items()
    file.writelines(f"<property name={_quote(prop)} value={_quote(value)}/>\n" for prop, value in items)
    file.write("</properties>\n")
    element = ELEMENTS[record.outcome]
    if element:
        kind = "" if element == "skipped" else f" type={_quote(record.outcome.value)}"
        message = _quote(one_line(_message(record), 1000))
        body = "" if element == "skipped" else escape(xml_text(shorten(_body(record), _BODY)))
        file.write(f"<{element}{kind} message={message}>{body}</{element}>\n")
    file.write("</testcase>\n")


def properties(record: Record) -> dict[str, str]:
    """What dashboards read of a case; the names are those that tt-torch's tests give their properties."""
    config = {
        "depth": record.depth.value,
        "path": record.path.value,
        "lowering": record.lowering.value,
        "mode": record.mode.value,
        "target": record.target,
        "seed": record.seed,
    }
    return {
        "start_timestamp": record.started,
        "end_timestamp": _end(record),
        "model_name": record.model,
        "frontend": record.path.value,
        "owner": record.owner or (record.expectation.owner if record.expectation is not None else None) or "",
        "group": record.group,
        "config": _json(config),
        "achieved_compile_depth": record.reached_depth.value if record.reached_depth is not None else "",
        "tags": _json(_tags(record)),
        **_verification(record),
        "case": record.case,
        "outcome": record.outcome.value,
        "exit_status": record.exit_status,
        "signature": record.error.signature if record.error is not None else "",
        "reproduce": record.reproduce,
        **({"flaky": "true"} if record.flaky else {}),
        **({"rerun": both_ends(record)[1]} if record.rerun is not None else {}),
    }


def _tags(record: Record) -> dict[str, object]:
    """``pcc``: the lowest of all outputs; ``atol``: the largest absolute error; null where nothing was compared.

    PCC is asserted where one is required, elements always (the element type has a default), unless disabled.
    """
    wanted, checks = record.tolerance or Tolerance(), record.checks or Checks()
    found = worst(record)
    return {
        "pcc": found.pcc,
        "atol": found.max_abs,
        "relative_atol": found.relative_atol,
        "cosine": found.cosine,
        "required_pcc": wanted.pcc,
        "required_atol": wanted.atol,
        "required_rtol": wanted.rtol,
        "required_relative_atol": wanted.relative_atol,
        "is_asserting_pcc": wanted.pcc is not None and checks.pcc,
        "is_asserting_atol": record.tolerance is not None and checks.atol,
        "is_asserting_tokens": bool(record.tokens) and checks.tokens,
        "bringup_status": "PASSED" if record.exit_status == EXIT_PASS else record.exit_status,
        "parallelism": "single_device",
        "tags": record.tags,
    }


def _verification(record: Record) -> dict[str, str]:
    """What the comparison found besides figures, as properties of their own where there is any."""
    checks = record.checks
    found = {
        "disabled_checks": ", ".join(disabled(record)),
        "disabled_checks_issue": checks.issue if checks is not None else "",
        "unasserted": "; ".join(let_pass(record)),
        "tokens": _json(record.tokens) if record.tokens else "",
        "casts": "; ".join(map(cast_text, record.casts)),
        "bundle": record.bundle,
    }
    return {name: value for name, value in found.items() if value}


def _message(record: Record) -> str:
    signature = record.error.signature if record.error is not None else ""
    expected = record.expectation
    if record.outcome is Outcome.XFAIL:
        return f"expected {record.exit_status} failure: {signature}"
    if record.outcome is Outcome.SKIP:
        return f"{record.skip_reason or 'skipped'}: {record.skip_detail}"
    if record.outcome is Outcome.XPASS:
        where = f"; delete {expected.where}" if expected is not None and expected.where else ""
        return f"passes though expected to fail at {expected.stage if expected is not None else 'a stage'}{where}"
    if record.outcome is Outcome.MISSING:
        return "; ".join(record.notes) or "nothing came back"
    return f"{record.exit_status}: {signature or '; '.join(record.notes)}"


def _body(record: Record) -> str:
    parts = list(record.notes)
    parts += [f"{c.output}: {c.reason}" for c in record.comparisons if not c.passed]
    parts += [f"{sequence_name(t)}: {t.reason}" for t in record.tokens if not t.passed]
    parts += [record.error.excerpt] if record.error is not None and record.error.excerpt else []
    parts += [f"reproduce: {record.reproduce}"] if record.reproduce else []
    parts += [f"bundle: {record.bundle}"] if record.bundle else []
    return "\n".join(parts)


def _end(record: Record) -> str:
    try:
        start = datetime.fromisoformat(record.started)
        return (start + timedelta(seconds=record.seconds)).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _quote(text: str) -> str:
    if text.isprintable() and _MARKUP.search(text) is None:  # nearly all; there are thirty of them in a case
        return f'"{text}"'
    return quoteattr(xml_text(text))
