"""The only judge: from a run's state to its exit code and the reasons, in words.

Source of the codes and of their order: the contract's section on exit codes. No other place decides "green".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from test_framework.core.run_state import RunState
from test_framework.model.outcome import EXIT_PRECEDENCE, ExitCode, Outcome, StopReason, Verdict


@dataclass(frozen=True, slots=True)
class Rules:
    """What the run's configuration says about judging it.

    `strict_layers`: layers that may not leave tests owed if they run (allow_partial_success is false);
    `must_run`: tests of critical categories, which have to be decided within the budget;
    `flaky_fails`: a test that passed only when it was retried fails the run;
    `legacy`: exit codes of 10 and above become 1; `host_died`: what is judged is all that is left of a run;
    `environment`: why tests of this run could not run at all: what they need never came.
    """

    strict_layers: frozenset[str] = frozenset()
    must_run: frozenset[str] = frozenset()
    legacy: bool = False
    no_tests_is_fine: bool = False
    host_died: bool = False
    flaky_fails: bool = False
    environment: str = ""


def judge(state: RunState, rules: Rules) -> Verdict:
    """The verdict of a run that is over (or, for a dead host's run, of what is left of it)."""
    found: dict[ExitCode, str] = {}

    def add(code: ExitCode, reason: str) -> None:
        found.setdefault(code, reason)

    if state.stop is StopReason.INTERNAL_ERROR:
        add(ExitCode.INTERNAL_ERROR, state.stop_message or "internal error")
    if state.stop in (StopReason.INTERRUPT, StopReason.SECOND_INTERRUPT, StopReason.SIGNAL):
        add(ExitCode.INTERRUPTED, state.stop_message or "interrupted")
    if state.stop in (StopReason.COLLECTION_ERRORS, StopReason.TEST_REQUEST):
        add(ExitCode.INTERRUPTED, state.stop_message or "stopped")
    if state.bad:
        add(ExitCode.FAILED, f"{state.bad} failed")
    if rules.flaky_fails and state.flaky:
        add(ExitCode.FAILED, f"{len(state.flaky)} flaky")
    for alert in state.alerts:
        if alert.fails_run:
            add(ExitCode.FAILED, alert.message)
    if state.outcomes[Outcome.LOST]:
        add(ExitCode.ENVIRONMENT, f"{state.outcomes[Outcome.LOST]} lost to the environment")
    if rules.environment:
        add(ExitCode.ENVIRONMENT, rules.environment)
    broken = sum(1 for each in state.collection_failures if each.outcome != "skipped")
    if broken and ExitCode.INTERRUPTED not in found:
        add(ExitCode.FAILED, f"{broken} error{'s' if broken > 1 else ''} while collecting")
    _judge_owed(state, rules, add)
    _judge_session(state, add)
    _judge_completeness(state, rules, add, unexplained=not found)
    code = next(code for code in map(ExitCode, EXIT_PRECEDENCE) if code in found or code is ExitCode.OK)
    reasons = tuple(found[each] for each in map(ExitCode, EXIT_PRECEDENCE) if each in found)
    if rules.legacy and code >= ExitCode.OWED:
        code = ExitCode.FAILED
    return Verdict(exit_code=code, reasons=reasons, ledger=state.ledger())


def _judge_owed(state: RunState, rules: Rules, add: _Add) -> None:
    out_of_time = any(cancel.reason == "budget" for cancel in state.cancels)
    if out_of_time and any(test in rules.must_run for test in state.owed):
        add(ExitCode.BUDGET, "the budget was used up before the must-run tests finished")
    ran = {name for name, layer in state.layers.items() if layer.status not in ("waiting", "blocked")}
    strict = sum(state.owed_in_layers[layer] for layer in rules.strict_layers & ran)
    if strict:
        add(ExitCode.OWED, f"{strict} tests of a layer that ran are still owed")
    blocked = [name for name, layer in state.layers.items() if layer.status == "blocked"]
    if any(state.owed_in_layers[name] for name in blocked):
        add(ExitCode.INCOMPLETE, f"not started: {', '.join(blocked)}")


def _judge_completeness(state: RunState, rules: Rules, add: _Add, *, unexplained: bool) -> None:
    if rules.host_died:
        add(ExitCode.INCOMPLETE, "the process that ran it died")
        return
    if not state.ledger().balances():
        add(ExitCode.INTERNAL_ERROR, f"the ledger does not add up: {state.ledger()}")
    if state.running:
        add(
            ExitCode.INTERNAL_ERROR,
            f"tests have no end: {', '.join(test for test, _ in state.running.values())}",
        )
    if state.planned is None:
        if unexplained:
            add(ExitCode.INCOMPLETE, "the run ended before it was planned")
    elif state.executed or state.proven:
        return
    elif state.planned.planned:
        add(ExitCode.INCOMPLETE, "none of the planned tests was run")
    elif not rules.no_tests_is_fine:
        add(ExitCode.NO_TESTS, "no tests were collected" if state.collected == 0 else "no test was chosen")


def _judge_session(state: RunState, add: _Add) -> None:
    """The project's own pytest session may fail a run that our tests did not (a coverage threshold, say)."""
    status = state.session_exit
    if status in (ExitCode.OK, ExitCode.NO_TESTS):
        return
    if status in (ExitCode.FAILED, ExitCode.WARNINGS, ExitCode.INTERNAL_ERROR):
        add(ExitCode(status), f"the project's pytest session ended with exit status {status}")
    elif status == ExitCode.INTERRUPTED:
        add(ExitCode.INTERRUPTED, "the project's pytest session was interrupted")
    else:
        add(ExitCode.FAILED, f"the project's pytest session ended with exit status {status}")


class _Add(Protocol):
    """Type of the callback that notes a code with its reason; the first reason of a code stands."""

    def __call__(self, code: ExitCode, reason: str) -> None: ...
