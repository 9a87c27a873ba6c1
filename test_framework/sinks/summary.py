"""The end of a run on a terminal or in a log: what went wrong, what is owed, the ledger, the verdict.

Rules: pure; sections that have nothing to say are not there; the last line is the verdict. Short lists name
at most `SHORT` each unless `verbose`; failures are always all named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from test_framework.core.owed import by_reason
from test_framework.core.run_state import Progress, RunState
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, ExitCode, Outcome, Verdict
from test_framework.sinks.blocks import WORDS, broken_sink, subtest_word
from test_framework.sinks.human import count, duration, fit_start, lines, one_line
from test_framework.sinks.ink import EMPTY, Line, Look, Span, plain, rule, width_of
from test_framework.sinks.painter import status_style, status_words

SHORT = 10
"""names in a list that is not about failures"""

_BAD_IN_ORDER = (Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.OOM)
_ENDINGS = {
    ExitCode.OK: "OK",
    ExitCode.FAILED: "FAILED",
    ExitCode.INTERRUPTED: "INTERRUPTED",
    ExitCode.INTERNAL_ERROR: "INTERNAL ERROR",
    ExitCode.USAGE: "USAGE ERROR",
    ExitCode.NO_TESTS: "NO TESTS",
    ExitCode.WARNINGS: "TOO MANY WARNINGS",
    ExitCode.OWED: "TESTS OWED",
    ExitCode.GATE: "GATE FAILED",
    ExitCode.ENVIRONMENT: "ENVIRONMENT",
    ExitCode.BUDGET: "BUDGET USED UP",
    ExitCode.INCOMPLETE: "INCOMPLETE",
}
_COUNTED = (
    (Outcome.FAILED, "failed", "failed"),
    (Outcome.ERROR, "error", "errors"),
    (Outcome.TIMED_OUT, "timed out", "timed out"),
    (Outcome.CRASHED, "crashed", "crashed"),
    (Outcome.OOM, "out of memory", "out of memory"),
    (Outcome.SKIPPED, "skipped", "skipped"),
    (Outcome.XFAILED, "xfailed", "xfailed"),
    (Outcome.XPASSED, "xpassed", "xpassed"),
)


def summary(state: RunState, verdict: Verdict, categories: Mapping[str, str], look: Look) -> list[Line]:
    """All of the closing text. `categories`: the category of each owed test."""
    return [
        *plugins(state),
        *warnings(state, look),
        *short_list(state, look),
        *alerts(state),
        *owed(state, categories, look),
        *layers(state, look),
        plain(ledger(verdict)),
        verdict_line(state, verdict),
    ]


def plugins(state: RunState) -> list[Line]:
    """What the project's pytest plug-ins printed, word for word."""
    if not state.plugin_text.strip():
        return []
    return [plain(line) for line in lines(state.plugin_text.strip("\n"))]


def warnings(state: RunState, look: Look) -> list[Line]:
    """pytest's warnings summary: equal warnings once, with the tests that gave them."""
    groups: dict[tuple[str, str, str], list[f.WarningRecorded]] = {}
    for warning in state.warnings:
        groups.setdefault((warning.location, warning.category, warning.message), []).append(warning)
    if not groups:
        return []
    block = [rule("warnings summary", "=", look, "warn")]
    shown = len(groups) if look.verbose else SHORT
    for (location, category, message), group in list(groups.items())[:shown]:
        block += [plain(line) for line in _sources(group)]
        place = f"{one_line(location)}: " if location else ""
        first, *rest = lines(message) or [""]
        kind = f"{one_line(category)}: " if category and not first.startswith(f"{category}:") else ""
        block.append(plain(f"  {place}{kind}{first}"))
        block += [plain(f"  {line}") for line in rest]
        block.append(EMPTY)
    if len(groups) > shown:
        block.append(
            plain(f"and {count(len(groups) - shown, 'more kind')} of warnings (--verbose shows all)", "dim")
        )
    return block


def _sources(group: list[f.WarningRecorded]) -> list[str]:
    tests = Counter[str]()
    for warning in group:
        if warning.test:
            tests[warning.test] += warning.count
    if len(tests) < SHORT:
        return [one_line(test) for test in tests]
    files = Counter[str]()
    for test, number in tests.items():
        files[test.partition("::")[0]] += number
    return [f"{one_line(file)}: {count(number, 'warning')}" for file, number in files.items()]


def short_list(state: RunState, look: Look) -> list[Line]:
    """pytest's short test summary: one line for each failure, then for what is worth a look."""
    rows = [_row("ERROR", each.location, each.message, "bad", look) for each in broken_files(state)]
    rows += [
        _row(subtest_word(part), part.test, part.message, "bad", look)
        for part in state.subtests
        if part.outcome in BAD
    ]
    for outcome in _BAD_IN_ORDER:
        if state.outcomes[outcome]:
            rows += [
                _row(WORDS[outcome], test, fact.message, "bad", look)
                for test, fact in state.failures.items()
                if fact.outcome is outcome
            ]
    if state.outcomes[Outcome.LOST]:
        rows += _listed("LOST", _tests_with(state, Outcome.LOST), look, state.owed)
    if state.flaky:
        passed = {test: f"passed on attempt {state.attempts.get(test, 2)}" for test in sorted(state.flaky)}
        rows += _listed("FLAKY", passed, look, passed)
    if state.outcomes[Outcome.XPASSED]:
        rows += _listed("XPASS", _tests_with(state, Outcome.XPASSED), look, {})
    return [rule("short test summary info", "=", look, "title"), *rows] if rows else []


def broken_files(state: RunState) -> list[f.CollectionFailed]:
    """Files that could not be collected; a module that skips itself is none of them."""
    return [each for each in state.collection_failures if each.outcome != "skipped"]


def _tests_with(state: RunState, outcome: Outcome) -> list[str]:
    return [test for test, ended in state.final.items() if ended is outcome]


def _listed(word: str, tests: Iterable[str], look: Look, why: Mapping[str, str]) -> list[Line]:
    names = list(tests)
    shown = names if look.verbose else names[:SHORT]
    rows = [_row(word, test, why.get(test, ""), "warn", look) for test in shown]
    if len(names) > len(shown):
        rows.append(plain(f"{word} and {len(names) - len(shown)} more (--verbose names all)", "dim"))
    return rows


def _row(word: str, test: str, message: str, style: str, look: Look) -> Line:
    begin: Line = ((style, word), ("", " "), ("bold", one_line(test)))
    if not message:
        return begin
    text = f" - {one_line(message)}"
    if look.cut:
        room = look.width - 1 - width_of(begin)
        text = fit_start(text, room, look.gap) if room >= 16 else ""
    return (*begin, ("", text))


def alerts(state: RunState) -> list[Line]:
    """What the user should know that is no test's outcome."""
    block: list[Line] = []
    for alert in state.alerts:
        word = "observation: " if alert.kind == "observation" else "alert: "
        block.append((("bad" if alert.fails_run else "warn", word), ("", one_line(alert.message))))
        block += [plain(f"  {line}", "dim") for line in lines(alert.detail)]
    block += [broken_sink(sink, message) for sink, message in state.broken_sinks.items()]
    return block


def owed(state: RunState, categories: Mapping[str, str], look: Look) -> list[Line]:
    """Collected tests that were neither run nor proven, by reason, with their categories."""
    groups = by_reason((test, categories.get(test, ""), reason) for test, reason in state.owed.items())
    if not groups:
        return []
    block = [rule(f"{len(state.owed)} owed", "=", look, "warn")]
    for group in groups:
        where = f" ({one_line(group.where())})" if group.categories else ""
        words = f" {one_line(group.reason) or 'no reason given'}{where}"
        block.append((("warn", f"{len(group.tests)}"), ("", words)))
        shown = group.tests if look.verbose else group.tests[:SHORT]
        block += [plain(f"    {one_line(test)}", "dim") for test in shown]
        if len(group.tests) > len(shown):
            block.append(plain(f"    and {len(group.tests) - len(shown)} more (--verbose names all)", "dim"))
    return block


def layers(state: RunState, look: Look) -> list[Line]:
    """How each layer ended; silent about a single layer that came to its end: the verdict says it all."""
    rows = list(state.layers.values())
    if not rows or (len(rows) == 1 and rows[0].status in ("passed", "failed")):
        return []
    named = max(len(one_line(row.name)) for row in rows)
    return [rule("layers", "=", look, "title"), *(_layer_row(row, named) for row in rows)]


def _layer_row(row: Progress, named: int) -> Line:
    spans: list[Span] = [
        ("bold", f"{one_line(row.name):<{named}}"),
        (status_style(row.status), f"  {status_words(row.status):<9}"),
        ("", f"  {row.done}/{row.tests}"),
    ]
    if row.bad:
        spans.append(("bad", f", {row.bad} failed"))
    if row.proven:
        spans.append(("good", f", {row.proven} proven"))
    if row.owed:
        spans.append(("warn", f", {row.owed} owed"))
    if row.seconds:
        spans.append(("", f" in {duration(row.seconds)}"))
    if row.reason and row.reason != f"{row.bad} failed":
        spans.append(("dim", f" - {one_line(row.reason)}"))
    return tuple(spans)


def ledger(verdict: Verdict) -> str:
    """The account in words: `executed 120 + proven 0 + owed 4 = collected 124`."""
    account = verdict.ledger
    sign = "=" if account.balances() else "!="
    parts = f"executed {account.executed} + proven {account.proven} + owed {account.owed}"
    return f"{parts} {sign} collected {account.collected}"


def counts(state: RunState) -> str:
    """`118 passed, 2 failed, 4 owed`: the state's counters in words."""
    tally = state.outcomes
    parts = [f"{tally[Outcome.PASSED]} passed"] if tally[Outcome.PASSED] else []
    parts += [
        f"{tally[each]} {one if tally[each] == 1 else many}" for each, one, many in _COUNTED if tally[each]
    ]
    broken = len(broken_files(state))
    if broken:
        parts.append(count(broken, "collection error"))
    if len(state.collection_failures) > broken:
        parts.append(count(len(state.collection_failures) - broken, "file") + " skipped")
    if state.flaky:
        parts.append(f"{len(state.flaky)} flaky")
    if state.proven:
        parts.append(f"{state.proven} proven")
    if state.owed:
        lost = f" ({tally[Outcome.LOST]} lost)" if tally[Outcome.LOST] else ""
        parts.append(f"{len(state.owed)} owed{lost}")
    if state.planned is not None and state.planned.deselected:
        parts.append(f"{state.planned.deselected} deselected")
    if state.warning_count:
        parts.append(count(state.warning_count, "warning"))
    return ", ".join(parts) or "no tests ran"


def verdict_line(state: RunState, verdict: Verdict) -> Line:
    """The last line: pytest's familiar counts, then the exit code and why."""
    seconds = state.finished.seconds if state.finished else state.elapsed
    style = "good" if verdict.green else "bad"
    ending = f"{_ENDINGS[verdict.exit_code]} (exit {int(verdict.exit_code)})"
    reasons = f": {'; '.join(one_line(reason) for reason in verdict.reasons)}" if verdict.reasons else ""
    return (
        ("bold", f"apex: {counts(state)} in {duration(seconds)}"),
        ("", " - "),
        (style, ending),
        ("", reasons),
    )
