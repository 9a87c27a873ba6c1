"""Decides what a run consists of: which tests run in which layers, and what is owed from the start.

Rules: a file that cannot be collected stops the run, as it stops pytest, unless nothing of its category was to run;
what is not chosen is owed by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from test_framework.core.classification import Classifier
from test_framework.core.planning import Known, Planned, make_plan
from test_framework.core.proof import Proven
from test_framework.core.selection import Chosen, Wish, choose, running_categories
from test_framework.core.settings import Settings
from test_framework.engine.executor import Collection
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.options import RunOptions
from test_framework.orchestration.preparation import find_place

ERRORS_REASON = "not run: errors while collecting"
NOTHING_PROVEN: Mapping[str, Proven] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Programme:
    """A plan, the facts that open the run, and whether collection errors keep it from running."""

    planned: Planned
    facts: tuple[f.Fact, ...]
    blocked: str = ""


class TestOrchestratorAgent(OrchestrationAgentInterface):
    """Turns what was collected into a programme."""

    __test__ = False

    verb = "choice"

    def __init__(
        self, settings: Settings | None = None, wish: Wish | None = None, *, project_root: str | None = None
    ) -> None:
        """Settings and wish of a run; or a project, whose settings are read when they are needed."""
        self._settings = settings
        self.wish = wish or Wish()
        self._project_root = project_root

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = find_place(RunOptions(project_root=self._project_root)).settings
        return self._settings

    def choice(
        self, mode: str | None = None, layers: Sequence[str] = (), categories: Sequence[str] = ()
    ) -> Chosen:
        """The layers or categories that would run, in order; without arguments those of the agent's own wish."""
        asked = Wish(mode=mode, layers=tuple(layers), categories=tuple(categories))
        return choose(asked if mode or layers or categories else self.wish, self.settings)

    def programme(
        self,
        collection: Collection,
        known: Known,
        collection_seconds: float,
        proofs: Mapping[str, Proven] = NOTHING_PROVEN,
    ) -> Programme:
        """Plan the run of a collection without what is proven. Raises `UserError` for names that nobody knows.

        `proofs` holds every test of `known.proven` and `known.uncollected`.
        """
        classifier = Classifier(self.settings)
        planned = make_plan(
            self.settings, self.wish, collection.tests, classifier.category_of, known, collection.maxfail
        )
        facts: list[f.Fact] = [
            f.WarningRecorded(category=row[0], message=row[1], when=row[2], test=row[3], location=row[4])
            for row in collection.warnings
        ]
        blocking = self._collection_reports(collection, classifier, facts)
        runs = sum(
            len(chain.tests)
            for layer in planned.plan.layers
            for category in layer.categories
            for chain in category.chains
        )
        notes = [*self.settings.notes, *planned.notes]
        span = planned.estimate
        deselected = collection.deselected + planned.deselected
        elsewhere = len(known.uncollected) + len(known.left_out)
        facts.append(
            f.RunPlanned(
                collected=len(collection.tests) + elsewhere - planned.deselected,
                deselected=deselected,
                whole=not (deselected or self.wish.explicit_paths or self.wish.narrowed),
                planned=runs,
                collection_seconds=round(collection_seconds, 3),
                estimate_seconds=span.expected if span is not None else None,
                estimate_low_seconds=span.low if span is not None else None,
                estimate_high_seconds=span.high if span is not None else None,
                isolation=collection.isolation,
                isolation_reason=collection.isolation_reason,
                python_version=collection.python_version,
                pytest_version=collection.pytest_version,
                notes=tuple(notes),
            )
        )
        facts += [
            f.TestOwed(
                test=test,
                category=category,
                layer=layer,
                reason=reason,
                another_time=test in planned.another_time,
            )
            for test, category, layer, reason in planned.owed
        ]
        facts += [
            f.CacheHit(
                test=test,
                category=category,
                layer=layer,
                proven_by=proofs[test].run,
                outcome=Outcome(proofs[test].outcome),
            )
            for test, category, layer in planned.proven
        ]
        blocked = ""
        if blocking and not collection.go_on_after_errors:
            blocked = f"{blocking} error{'s' if blocking > 1 else ''} while collecting"
        return Programme(planned, tuple(facts), blocked)

    def _collection_reports(self, collection: Collection, classifier: Classifier, facts: list[f.Fact]) -> int:
        """Facts of what could not be collected; returns how many of them concern what was to run."""
        running = running_categories(self.wish, choose(self.wish, self.settings), self.settings)
        blocking = 0
        for report in collection.reports:
            file = report.node.split("::", 1)[0]
            category = classifier.classify(frozenset(), file, report.node)
            concerns = self.wish.explicit_paths or category in running
            message = report.message
            if report.outcome == "failed" and not concerns:
                other = f"its category {category} is not part of this run"
                text = f"{report.node} cannot be collected ({message}); {other}"
                facts.append(f.AlertRaised(kind="collection", message=text))
                continue
            outcome = "error" if report.outcome == "failed" else report.outcome
            facts.append(
                f.CollectionFailed(
                    location=report.node,
                    category=category,
                    message=message,
                    detail=report.detail,
                    outcome=outcome,
                )
            )
            blocking += outcome == "error"
        return blocking
