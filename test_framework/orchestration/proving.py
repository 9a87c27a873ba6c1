"""What a run takes from its predecessors, tests that need not run, and what it leaves to its successors.

Rules: made before the project's interpreter is started, since a file touched later proves nothing of this run; reading,
deciding and keeping block, so they are called in a thread once an event loop runs. Whatever goes wrong is a note, and
then everything runs.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from test_framework.core.planning import Known
    from test_framework.core.proof import Decision, Proven
    from test_framework.core.run_state import RunState
    from test_framework.engine.executor import Collection
    from test_framework.model.facts import AlertRaised
    from test_framework.model.outcome import Outcome
    from test_framework.orchestration.gate import Gate, Remembered, Request
    from test_framework.orchestration.preparation import Preparation
    from test_framework.records.account import Account

SHARE = "APEX_AUDIT_SHARE"
"""the variable that says how much of what is proven is run all the same"""


class Proving:
    """One run's part in what is proven."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._began, self._clock_began = time.time(), time.monotonic()
        self._unknown = os.urandom(8).hex()
        self._request: Request | None = None
        self._key = ""
        self._remembered: Remembered | None = None
        self._base: Path | None = None
        self._identity: dict[str, str] | None = None
        self._identity_files: frozenset[str] = frozenset()
        self._decisions: Mapping[str, Decision] = {}
        self._missed: tuple[str, ...] = ()
        self._roots: tuple[str, ...] | None = None
        self._test_files: tuple[str, ...] = ()
        self._gate: Gate | None = None
        self._narrowed = False

    # -- before ------------------------------------------------------------------------------------------------

    def recollect(self, base: Path) -> list[str]:
        """Read what earlier runs left in `base`, and look at the present; returns notes."""
        from test_framework.core.service_needs import variables
        from test_framework.orchestration.gate import Request, recollect, request_key
        from test_framework.records.present import Surroundings

        if self._remembered is not None and self._base == base:
            return []
        preparation = self._preparation
        surroundings = Surroundings(
            root=preparation.project_root,
            executable=preparation.interpreter,
            # What services will tell is not known yet: whatever read it before has to run.
            environ={
                **preparation.environment(""),
                **dict.fromkeys(variables(preparation.needs), self._unknown),
            },
            arguments=preparation.pytest_args,
        )
        self._request = Request(wish=preparation.wish, surroundings=surroundings)
        self._key = request_key(preparation.settings, self._request)
        self._base = base
        self._remembered = recollect(self._request, base, self._key)
        return list(self._remembered.notes)

    def gate(self) -> Gate:
        """Whether everything is proven already. After `recollect`."""
        from test_framework.orchestration.gate import gate

        assert self._remembered is not None
        if self._gate is None:
            self._gate = gate(self._remembered, self._key, self._preparation.project_root)
        return self._gate

    def arguments(self) -> tuple[str, ...]:
        """pytest's arguments: where only some files are needed, these in place of what was to be searched."""
        from test_framework.orchestration.gate import narrowed

        preparation = self._preparation
        if _runs_all(preparation) or preparation.named_tests or not _counts_on_paths(preparation):
            return preparation.pytest_args
        found = self.gate()
        if found.state != "partial":
            return preparation.pytest_args
        arguments = narrowed(found, preparation.pytest_args, preparation.project_root)
        self._narrowed = arguments is not None
        return preparation.pytest_args if arguments is None else arguments

    def identify(self) -> None:
        """Note what the project's interpreter and its packages are, for what this run will prove."""
        from test_framework.records.interpreter import identify

        assert self._request is not None
        assert self._remembered is not None
        digests, surroundings = self._remembered.digests, self._request.surroundings
        before = frozenset(digests.looked_at)
        digests.looked_at.clear()
        self._identity = identify(surroundings.executable, surroundings.environ, digests)
        self._identity_files = frozenset(digests.looked_at)
        digests.looked_at |= before

    def proofs(self, collection: Collection, known: Known, run: str) -> tuple[Known, dict[str, Proven]]:
        """What is known, with the tests that need not run (but those that are audited), and what proves them."""
        from test_framework.core.proof import Proven, audit, decide, find_changes, spoiling
        from test_framework.core.ranking import by_changes
        from test_framework.core.selection import why_not_chosen
        from test_framework.core.splitting import COMPLEXITY_BASED, complexity_of

        preparation, remembered = self._preparation, self._remembered
        self._test_files = collection.test_files
        # Where coverage is measured, or names begin elsewhere, no inventory is kept: nothing is answered from it.
        rootdir = os.path.realpath(preparation.project_root)
        if os.path.realpath(collection.rootdir) == rootdir and not collection.measures_coverage:
            self._roots = tuple(self.gate().roots) if self._narrowed else collection.roots
        if remembered is None or remembered.now is None:
            return known, {}
        memory = remembered.memory
        asked = frozenset(preparation.named_tests)
        tests = [test.id for test in collection.tests if not _is_asked(test.id, asked)]
        decisions = decide(memory, remembered.now, tests)
        changed = frozenset(find_changes(memory, remembered.now).blocks)
        known = replace(known, chances=by_changes(memory, decisions, changed, known.chances))
        if preparation.wish.splitting == COMPLEXITY_BASED:
            known = replace(known, complexity=complexity_of(memory))
        if _runs_all(preparation) or collection.measures_coverage:
            return known, {}
        share = 1.0 if preparation.options.observation else audit_share(os.environ)
        self._decisions = audit(decisions, run, share)
        proofs = {test: one for test, one in self._decisions.items() if isinstance(one, Proven)}
        known = replace(known, proven=frozenset(proofs), spoiling=spoiling(memory))
        if self._narrowed:
            found = self.gate()
            reason = why_not_chosen(preparation.wish)
            proven, left_out = found.elsewhere()
            known = replace(
                known,
                uncollected=[(test, *found.inventory[test]) for test in proven],
                left_out=[(test, *found.inventory[test], reason) for test in left_out],
            )
            proofs |= proven
        return known, proofs

    def unreached(self, collection: Collection) -> tuple[frozenset[str], str]:
        """The tests that `--only-changed` leaves out, and why it leaves out none where that cannot be told."""
        from test_framework.records.git_changes import Git, reached

        ref, remembered = self._preparation.options.only_changed, self._remembered
        if ref is None:
            return frozenset(), ""
        git = Git(self._preparation.project_root)
        since = git.since(ref)
        if since.files is None:
            return frozenset(), f"--only-changed={ref} leaves out nothing: {since.why}"
        if remembered is None or remembered.now is None:
            why = remembered.why if remembered is not None else "nothing is recorded"
            return frozenset(), f"--only-changed={ref} leaves out nothing: {why}"
        found = reached(remembered.memory, remembered.present, git, since)
        recorded = remembered.memory.records
        tests = (test.id for test in collection.tests)
        return frozenset(test for test in tests if test in recorded and test not in found), ""

    # -- after -------------------------------------------------------------------------------------------------

    def compared(self, state: RunState) -> list[AlertRaised]:
        """What must be said where tests ran although they were taken as proven: which of them turned out bad."""
        from test_framework.core.proof import audit_misses

        if not self._decisions:
            return []
        self._missed = audit_misses(self._decisions, state.final)
        alerts = [audit_alert(self._missed)] if self._missed else []
        if self._preparation.options.observation:
            alerts.append(observation_alert(self._decisions, state.final, self._missed))
        return alerts

    def keep(self, run: str, account: Account) -> list[str]:
        """Take the ended run into what is remembered; returns notes."""
        from test_framework.records.keeping import Circumstances, keep_run

        if self._base is None:
            return []
        root = self._preparation.project_root
        circumstances = Circumstances(
            began=self._began,
            ended=time.time(),
            elapsed=time.monotonic() - self._clock_began,
            identity=self._identity if not self._installed_meanwhile() else None,
            request=self._key if self._roots is not None else "",
            roots=self._roots or (),
            test_files=self._test_files,
            held=self._held(),
            missed=self._missed,
        )
        return keep_run(root, self._base, run, circumstances, account)

    def _held(self) -> dict[str, str]:
        """What those files held before that were touched since: a test that writes the same again changes nothing."""
        from test_framework.records.changes import changed_since

        now = self._remembered.now if self._remembered is not None else None
        if now is None:
            return {}
        root = self._preparation.project_root
        return {
            path: digest
            for path, digest in now.sources.items()
            if digest is not None and changed_since(root, path, self._began)
        }

    def _installed_meanwhile(self) -> bool:
        """Whether the packages may have changed since before the interpreter was started."""
        from test_framework.records.changes import changed_since

        root = self._preparation.project_root
        return any(
            os.path.exists(path) and changed_since(root, path, self._began) for path in self._identity_files
        )


def audit_share(environ: Mapping[str, str]) -> float:
    """How much of what is proven runs all the same, from 0 to 1. Raises `UserError` for what is no such number."""
    from test_framework.core.proof import AUDIT_SHARE
    from test_framework.model.errors import UserError

    told = environ.get(SHARE)
    try:
        share = AUDIT_SHARE if told is None else float(told)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{SHARE}={told} is no share", "give a number from 0 (none) to 1 (all)")
    return share


def audit_alert(missed: tuple[str, ...]) -> AlertRaised:
    """What the user must know when a test failed that was taken as proven."""
    from test_framework.model.facts import AlertRaised

    names = ", ".join(missed[:5]) + (f" and {len(missed) - 5} more" if len(missed) > 5 else "")
    return AlertRaised(
        kind="cache_audit_misses",
        message=f"{names} failed although taken as proven: all that was proven before is forgotten",
    )


def observation_alert(
    decisions: Mapping[str, Decision], outcomes: Mapping[str, Outcome], missed: tuple[str, ...]
) -> AlertRaised:
    """How what would have been chosen compares with what came of all tests."""
    from test_framework.core.proof import Cause, ToRun
    from test_framework.model.facts import AlertRaised
    from test_framework.model.outcome import BAD

    reasons = (one.reason.cause for one in decisions.values() if isinstance(one, ToRun))
    spared = sum(1 for cause in reasons if cause is Cause.AUDIT)
    bad = sum(1 for test in decisions if outcomes.get(test) in BAD)
    among = f"{bad - len(missed)} of {bad} failures are" if bad else "no test failed"
    message = f"{len(decisions) - spared} of {len(decisions)} tests would have run"
    return AlertRaised(kind="observation", message=f"{message}; {among}{' among them' if bad else ''}")


def _runs_all(preparation: Preparation) -> bool:
    """Whether every test runs, whatever is proven: that was asked for, or a debugger, or the tests' own output."""
    options = preparation.options
    return options.no_cache or options.pdb or options.no_capture


def _counts_on_paths(preparation: Preparation) -> bool:
    """Whether the tests that run follow from the files that are collected, not from how tests ended or from others."""
    options = preparation.options
    others = (
        options.last_failed, options.resume_from, options.only_changed, options.observation, options.shard
    )  # fmt: skip
    return not any(others)


def _is_asked(test: str, asked: frozenset[str]) -> bool:
    """Whether the user named this test itself, or the class or function that it is a part of."""
    return any(test == name or test.startswith((f"{name}::", f"{name}[")) for name in asked)
