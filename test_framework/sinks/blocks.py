"""What is told of one test as soon as it is known: failures in full, and with `--verbose` a line for each
test.

Rules: pure; pytest's own look, for that is what eyes and editors know: a ruled title, the traceback as the
lane formatted it, then the captured sections. Nothing of a failure is cut to the width of a terminal.
"""

from __future__ import annotations

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, Outcome
from test_framework.sinks.human import cells, duration, lines, one_line
from test_framework.sinks.ink import EMPTY, Line, Look, plain, rule

MOST_SERVICE_LINES = 10
"""of what a service printed before it was lost"""

WORDS = {
    Outcome.PASSED: "PASSED",
    Outcome.FAILED: "FAILED",
    Outcome.ERROR: "ERROR",
    Outcome.SKIPPED: "SKIPPED",
    Outcome.XFAILED: "XFAIL",
    Outcome.XPASSED: "XPASS",
    Outcome.TIMED_OUT: "TIMED OUT",
    Outcome.CRASHED: "CRASHED",
    Outcome.OOM: "OUT OF MEMORY",
    Outcome.LOST: "LOST",
    Outcome.NOT_RUN: "NOT RUN",
}


def style_of(outcome: Outcome) -> str:
    if outcome in BAD:
        return "bad"
    return "good" if outcome is Outcome.PASSED else "warn"


def failure(fact: f.TestFinished, look: Look) -> list[Line]:
    """A bad attempt of a test, in full."""
    title = f"{WORDS[fact.outcome]} {one_line(fact.test)}"
    if fact.phase in ("setup", "teardown"):
        title += f" at {fact.phase}"
    if fact.attempt > 1:
        title += f" (attempt {fact.attempt})"
    block = [rule(title, "_", look, "bad"), *traceback(fact.detail)]
    if fact.message and fact.message not in fact.detail:
        block.append(plain(one_line(fact.message), "bad"))
    if fact.location and fact.location.rpartition(":")[0] not in fact.detail:
        block.append(plain(f"at {one_line(fact.location)}", "dim"))
    for name, text in fact.sections:
        if text:
            block.append(rule(one_line(name), "-", look))
            block += [plain(each) for each in lines(text)]
    if fact.output:
        block.append(plain(f"(cut; the whole output is in {one_line(fact.output)})", "dim"))
    return [*block, EMPTY]


def traceback(detail: str) -> list[Line]:
    """A formatted traceback; pytest's `E` lines stand out."""
    return [plain(line, "bad" if line.startswith("E ") else "") for line in lines(detail)]


def subtest_word(fact: f.SubtestFinished) -> str:
    """pytest's `SUBFAILED[which one]`."""
    which = one_line(fact.description)
    return f"SUBFAILED{which}" if which[:1] in ("[", "(", "") else f"SUBFAILED[{which}]"


def subtest(fact: f.SubtestFinished, look: Look) -> list[Line]:
    """A subtest that failed, in full."""
    title = f"{subtest_word(fact)} {one_line(fact.test)}"
    return [rule(title, "_", look, "bad"), *traceback(fact.detail or fact.message), EMPTY]


def collection(fact: f.CollectionFailed, look: Look) -> list[Line]:
    """A file that could not be collected, in full."""
    title = f"{one_line(fact.outcome).upper()} collecting {one_line(fact.location)}"
    return [rule(title, "_", look, "bad"), *traceback(fact.detail or fact.message), EMPTY]


def test_line(fact: f.TestFinished, state: RunState, look: Look) -> Line:
    """pytest's verbose line: id, outcome, time where it matters, share of the run that is done."""
    left = f"{one_line(fact.test)} "
    word = WORDS[fact.outcome]
    why = ""
    if fact.outcome is not Outcome.PASSED and fact.message:
        why = f" ({one_line(fact.message)})"
    if fact.attempt > 1:
        why += f" (attempt {fact.attempt})"
    if fact.seconds >= 1.0:
        why += f" in {duration(fact.seconds)}"
    share = 100 * (len(state.final) + state.proven) // state.collected if state.collected else 100
    tail = f"[{share:3d}%]"
    gap = look.width - 1 - cells(left) - len(word) - cells(why) - len(tail)
    return (("", left), (style_of(fact.outcome), word), ("", why + " " * max(gap, 1)), ("dim", tail))


test_line.__test__ = False  # type: ignore[attr-defined]


def flaky(fact: f.TestFinished) -> Line:
    return (("warn", "FLAKY"), ("", f" {one_line(fact.test)} passed on attempt {fact.attempt}"))


def lost(fact: f.TestFinished) -> Line:
    return (("warn", "LOST"), ("", f" {one_line(fact.test)} - {one_line(fact.message)}"))


def broken_sink(sink: str, message: str) -> Line:
    return (("warn", "warning: "), ("", f"output '{one_line(sink)}' was given up: {one_line(message)}"))


def service_ready(fact: f.ServiceReady) -> Line:
    """One line about a service that the tests may use now."""
    at = f" at {one_line(fact.address)}" if fact.address else ""
    took = f" after {duration(fact.seconds)}" if fact.provider != "external" else ""
    return plain(f"service {one_line(fact.service)}: ready{at}{took} ({one_line(fact.provider)})", "dim")


def service_unhealthy(fact: f.ServiceUnhealthy) -> list[Line]:
    """What is wrong with a service, and what it printed last."""
    first: Line = (("bad", f"service {one_line(fact.service)}: "), ("", one_line(fact.reason)))
    rest = fact.detail.splitlines()[-MOST_SERVICE_LINES:] if fact.detail else []
    return [first, *(plain(f"  {one_line(line)}", "dim") for line in rest if line != fact.reason)]
