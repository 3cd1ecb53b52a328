"""A report as summary.md: the most important first, within GitHub's 1 MiB for a summary, nothing dropped silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from results.device import DEVICE_HEADINGS, device_rows
from results.digest import Digest, digest
from results.text import block, cell, code, prose
from results.view import View, modules_text, title, together_text, unchecked_text
from results.writers.markdown_ops import op_by_op
from results.writers.markdown_pace import minutes, pace_alarm
from results.writers.markdown_verification import (
    disabled_checks,
    first_diverging,
    goldens,
    lowest_pcc,
    reading_behind,
    token_differences,
)
from schemas.report import GroupTotals, ReportHead, SignatureTotal
from schemas.words import Outcome

Section = Callable[[ReportHead, Digest], Iterator[str]]
#: GitHub drops a larger summary without a word.
HARD_LIMIT = 1024**2
_CASES_SHOWN = 20
_GROUPS_SHOWN = 200


def write(view: View, path: Path) -> None:
    """Writes at most ``HARD_LIMIT`` bytes; each section has its share and says what it left out."""
    path.write_text(render(view), encoding="utf-8")


def render(view: View) -> str:
    """The summary's text."""
    found = digest(view.records)
    parts: list[str] = []
    for section, limit in SECTIONS.items():
        parts += _bounded(section(view.head, found), limit)
        if section is _counts:
            parts += _bounded(op_by_op(view.head.ops, view.ops), OPS_LIMIT)
    return "\n".join(parts) + "\n"


def _bounded(lines: Iterator[str], limit: int) -> Iterator[str]:
    """``lines`` while they fit into ``limit`` bytes; then, after closing what is open, how many do not."""
    left, dropped = limit, 0
    fence = ""
    for line in lines:
        size = len(line.encode()) + 1
        if dropped or size > left:
            dropped += 1
            continue
        left -= size
        if line.startswith("```"):
            fence = "" if fence else line.split("text")[0]
        yield line
    if dropped:
        yield from [fence] if fence else []
        yield from ["", f"**{dropped} more lines left out here; report.xlsx and results.json have everything.**", ""]


def _verdict(head: ReportHead, _: Digest) -> Iterator[str]:
    total = sum(head.totals.values())
    red = sum(count for outcome, count in head.totals.items() if outcome.is_red)
    problems = sum(problem.red for problem in head.problems)
    yield f"# {prose(title(head))}"
    yield ""
    if head.red:
        flaky = f", {head.flaky} of them flaky" if head.flaky else ""
        told = [f"{red} of {total} cases unexpected{flaky}"] if red else []
        told += [f"{problems} problem{'s' * (problems != 1)}"] if problems else []
        yield f"❌ **RED: {' and '.join(told) or 'no case ran'}**"
    else:
        yield f"✅ **All {total} cases as expected**"
    yield ""
    flaky = f" (flaky {head.flaky})" if head.flaky else ""
    yield (" · ".join(f"{outcome} {count}" for outcome, count in head.totals.items() if count) or "no records") + flaky
    yield ""
    if head.unchecked.passed:
        yield f"> {unchecked_text(head.unchecked)}"
        yield ""
    yield from pace_alarm(head)
    if head.partial:
        asked = "" if head.shard is not None else ". The other cases of the matrix were not asked for."
        yield f"> ⚠️ **PARTIAL**: {code(head.partial_detail)}{asked}"
        yield ""
    if not head.planned:
        yield "> **UNPLANNED**: no matrix was given; cases that never ran cannot be seen as missing."
        yield ""


def _problems(head: ReportHead, _: Digest) -> Iterator[str]:
    for red, heading in ((True, "Problems"), (False, "Notes on the inputs")):
        chosen = [problem for problem in head.problems if problem.red is red]
        if not chosen:
            continue
        yield f"## {heading} ({len(chosen)})"
        yield ""
        for problem in chosen:
            where = f"{code(problem.file)}: " if problem.file else ""
            many = f" ({len(problem.cases)} cases)" if problem.cases else ""
            yield f"- **{problem.kind}** {where}{prose(problem.text)}{many}"
            yield from _listed(problem.cases, "  ")
        yield ""


def _counts(head: ReportHead, _: Digest) -> Iterator[str]:
    used = [outcome for outcome, count in head.totals.items() if count]
    if not used:
        return
    yield "## Counts"
    yield ""
    flaky = " flaky |" if head.flaky else ""
    yield "| suite | target | cases | " + " | ".join(used) + f" |{flaky}"
    yield "|---|---|--:|" + "--:|" * (len(used) + bool(flaky))
    for group in head.groups:
        counts = " | ".join(str(group.outcomes.get(outcome, 0)) for outcome in used)
        also = f" {group.flaky} |" if flaky else ""
        yield f"| {cell(group.suite)} | {cell(group.target)} | {group.total} | {counts} |{also}"
    yield ""
    if said := modules_text(head):
        yield from [said, ""]
    if said := together_text(head):
        yield from [f"{said}.", ""]
    yield from _stages(head.groups)
    yield from _devices(head.groups)


def _devices(groups: tuple[GroupTotals, ...]) -> Iterator[str]:
    rows = list(device_rows(groups))
    if not rows:
        return
    yield "Devices that only run: what their own machines took of the stages, and what those that built spared them:"
    yield ""
    yield f"| {' | '.join(DEVICE_HEADINGS)} |"
    yield "|---|---|--:|---|--:|--:|--:|"
    for suite, target, cases, where, used, saved, share in rows:
        numbers = f"{used:.2f} | {saved:.2f} | {share}"
        yield f"| {cell(suite)} | {cell(target)} | {cases} | {cell(where)} | {numbers} |"
    yield ""


def _stages(groups: tuple[GroupTotals, ...]) -> Iterator[str]:
    stages = sorted({stage for group in groups for stage in group.stages})
    if not stages:
        return
    yield "Where the cases stopped that did not pass (expected failures included):"
    yield ""
    yield "| suite | target | " + " | ".join(cell(stage) for stage in stages) + " |"
    yield "|---|---|" + "--:|" * len(stages)
    for group in groups:
        counts = " | ".join(str(group.stages.get(stage, 0)) for stage in stages)
        yield f"| {cell(group.suite)} | {cell(group.target)} | {counts} |"
    yield ""


def _failures(head: ReportHead, found: Digest) -> Iterator[str]:
    groups = [s for s in head.signatures if s.unexpected and s.kind is not Outcome.INFRA]
    if not groups:
        return
    yield f"## Unexpected failures ({sum(g.unexpected for g in groups)})"
    yield ""
    for group in groups[:_GROUPS_SHOWN]:
        yield from _failure_group(group, found)
    if len(groups) > _GROUPS_SHOWN:
        yield f"**{len(groups) - _GROUPS_SHOWN} more signatures; report.xlsx lists them all.**"
        yield ""


def _failure_group(group: SignatureTotal, found: Digest) -> Iterator[str]:
    example = found.examples.get((group.stage, group.kind, group.signature))
    also = f" (and {group.expected} expected)" if group.expected else ""
    also += f" ({group.flaky} of them flaky)" if group.flaky else ""
    cases = f"{group.unexpected} case{'s' * (group.unexpected != 1)}"
    yield f"### {group.kind} at {prose(group.stage)}: {cases}{also}"
    yield ""
    yield code(group.signature or "no signature")
    yield ""
    if example is not None:
        for note in example.notes:
            yield f"- {prose(note)}"
        yield from _listed(example.cases, "", group.unexpected)
        yield ""
        if example.reproduce:
            yield f"Reproduce {code(example.cases[0])}:"
            yield ""
            yield from block(example.reproduce)
        if example.bundle:
            yield from [f"Bundle: {code(example.bundle)}", ""]
        if example.excerpt:
            yield from ["", "<details><summary>excerpt</summary>", ""]
            yield from block(example.excerpt)
            yield from ["", "</details>"]
    yield ""


def _passing(_: ReportHead, found: Digest) -> Iterator[str]:
    if not found.xpass:
        return
    yield f"## Passing though expected to fail ({len(found.xpass)})"
    yield ""
    yield "Delete these lines, or run `python -m results expectations DIR --write`:"
    yield ""
    for case, where in found.xpass:
        yield f"- {code(case)}" + (f" at {code(where)}" if where else "")
    yield ""


def _flaky(_: ReportHead, found: Digest) -> Iterator[str]:
    if not found.flaky:
        return
    yield f"## Flaky ({len(found.flaky)}): two runs, two ends"
    yield ""
    yield "Run again alone, after all others, these did not end as before. They are red, and counted above as at first."
    yield ""
    for case, first, again in found.flaky:
        yield f"- {code(case)}: {code(first)}, then {code(again)}"
    yield ""


def _missing(head: ReportHead, _: Digest) -> Iterator[str]:
    if not head.missing:
        return
    yield f"## Missing ({len(head.missing)})"
    yield ""
    by_reason: dict[str, list[str]] = {}
    for item in head.missing:
        by_reason.setdefault(item.why, []).append(item.case)
    for why, cases in sorted(by_reason.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield f"- {len(cases)}: {prose(why)}"
        yield from _listed(tuple(cases), "  ")
    yield ""


def _infra(_: ReportHead, found: Digest) -> Iterator[str]:
    if not found.infra:
        return
    yield f"## Infrastructure ({len(found.infra)}): the machine failed, not the model"
    yield ""
    for case, text in found.infra:
        yield f"- {code(case)}: {prose(text)}"
    yield ""


def _skips(head: ReportHead, _: Digest) -> Iterator[str]:
    if not head.skips:
        return
    yield f"## Skipped ({sum(skip.count for skip in head.skips)})"
    yield ""
    yield "| reason | cases |"
    yield "|---|--:|"
    for skip in head.skips:
        yield f"| {skip.reason} | {skip.count} |"
    yield ""


def _slowest(_: ReportHead, found: Digest) -> Iterator[str]:
    if not found.slowest:
        return
    yield "## Slowest"
    yield ""
    yield "| seconds | case | outcome | longest stage |"
    yield "|--:|---|---|---|"
    for slow in found.slowest:
        yield f"| {slow.seconds:.2f} | {cell(slow.case)} | {slow.outcome} | {slow.stage} |"
    yield ""


def _provenance(head: ReportHead, _: Digest) -> Iterator[str]:
    if not head.shards:
        return
    yield "## Provenance"
    yield ""
    if head.superseded:
        yield f"{len(head.superseded)} results of earlier attempts were replaced; results.json keeps them."
        yield ""
    tools = sorted({f"{t.name} {t.version} {t.build}".strip() for e in head.shards for t in e.provenance.tools})
    hosts = sorted({e.provenance.host.cpu for e in head.shards if e.provenance.host.cpu})
    commits = sorted({e.provenance.commit for e in head.shards if e.provenance.commit})
    for name, values in (("tools", tools), ("hosts", hosts), ("commits", commits)):
        if values:
            yield f"- {name}: " + ", ".join(code(value, 160) for value in values)
    yield ""
    yield "| shard | attempt | planned | records | taken | complete | started |"
    yield "|---|--:|--:|--:|--:|---|---|"
    for e in head.shards:
        name = f"{e.suite}/{e.target}" + (f"/{e.shard}" if e.shard is not None else "")
        numbers = f"{e.attempt} | {e.planned} | {e.recorded} | {e.taken}"
        started = cell(e.provenance.started) if e.provenance.started else ""
        yield f"| {cell(name)} | {numbers} | {'yes' if e.complete else '**no**'} | {started} |"
    yield ""


def _listed(cases: tuple[str, ...], indent: str, total: int | None = None) -> Iterator[str]:
    shown = cases[:_CASES_SHOWN]
    for case in shown:
        yield f"{indent}- {code(case)}"
    more = (total if total is not None else len(cases)) - len(shown)
    if more > 0:
        yield f"{indent}- … and {more} more"


#: The share of the sections on operations, behind the counts.
OPS_LIMIT = 50_000
#: In the order of importance, each with its share in bytes; together they stay below ``HARD_LIMIT``.
SECTIONS: dict[Section, int] = {
    _verdict: 10_000,
    _problems: 100_000,
    _counts: 60_000,
    _failures: 320_000,
    _flaky: 50_000,
    _passing: 100_000,
    _missing: 120_000,
    _infra: 80_000,
    _skips: 5_000,
    disabled_checks: 25_000,
    reading_behind: 5_000,
    first_diverging: 15_000,
    token_differences: 15_000,
    goldens: 9_000,
    lowest_pcc: 8_000,
    _slowest: 10_000,
    minutes: 10_000,
    _provenance: 80_000,
}
