"""Every promise of the core, on thousands of random runs: see `referee.py` for the list of promises.

Nothing is started here: lanes are simulated and the clock is virtual.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model.outcome import ExitCode, StopReason
from test_framework.model.wire import decode
from tests.unit.core.budget import examples
from tests.unit.core.scenarios import Scenario, scenario, scenarios
from tests.unit.core.simulated_shell import Shell

pytestmark = pytest.mark.unit


@examples()
@given(scenarios)
def test_every_run_keeps_every_promise(drawn: Scenario) -> None:
    Shell(*drawn).run()


@examples(0.5)
@given(seed=st.integers(0, 2**32), lanes=st.integers(1, 4), cancels=st.booleans())
def test_hard_worlds_keep_every_promise(seed: int, lanes: int, cancels: bool) -> None:
    """Limits, odd lanes, cancels and retries all at once."""
    Shell(*scenario(seed, size=8, lanes=lanes, calm=False, limits=True, cancels=cancels, retries=True)).run()


@examples(0.5)
@given(seed=st.integers(0, 2**32), lanes=st.integers(1, 4))
def test_bad_tests_are_retried_as_often_as_they_may_be(seed: int, lanes: int) -> None:
    shell = Shell(
        *scenario(seed, size=8, lanes=lanes, calm=True, limits=False, cancels=False, retries=True)
    ).run()
    assert shell.state.ledger().balances()


@examples(0.5)
@given(scenarios)
def test_replaying_the_log_gives_the_same_state_and_verdict(drawn: Scenario) -> None:
    shell = Shell(*drawn).run()
    replayed = RunState(run="simulated")
    for seq, line in enumerate(shell.lines):
        stamped = decode(line)
        assert stamped.seq == seq
        replayed.apply(stamped.fact, stamped.elapsed)
    assert replayed == shell.state
    rules = Rules(
        strict_layers=frozenset(layer.id for layer in shell.plan.layers if not layer.allow_partial_success),
        must_run=frozenset(
            test
            for layer in shell.plan.layers
            for category in layer.categories
            if category.critical
            for chain in category.chains
            for test in chain.tests
        ),
    )
    verdict = judge(replayed, rules)
    assert verdict == judge(shell.state, rules)
    assert verdict.ledger.balances()
    assert not shell.state.running
    if shell.state.stop is not StopReason.INTERNAL_ERROR:
        assert verdict.exit_code is not ExitCode.INTERNAL_ERROR


@examples(0.5)
@given(scenarios)
def test_a_green_verdict_means_that_nothing_was_bad_or_owed(drawn: Scenario) -> None:
    shell = Shell(*drawn).run()
    verdict = judge(shell.state, Rules(strict_layers=frozenset(layer.id for layer in shell.plan.layers)))
    referee = shell.referee
    bad = [test for test, fact in referee.finished.items() if fact.outcome.value not in ("passed", "skipped")]
    if verdict.green:
        assert not bad
        assert not referee.owed
    elif not bad and not referee.owed:
        assert shell.state.stop is not None or not referee.places
