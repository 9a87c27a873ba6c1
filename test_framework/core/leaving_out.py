"""What of the collected tests does not run, and whether it is owed: environments, filters, language models, resuming.

Rules: what the user's own words leave out (--lf, --pattern, --exclude-env, what has passed before --resume-from) is
deselected, counted and noted; what should have run and cannot is owed with a reason that names its category or layer.
Tests that were named by path run whatever the configuration says of their category.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.core.pattern import filter_matcher, text_matcher
from test_framework.core.settings import LayerCategory, LayerSettings, Settings
from test_framework.model.errors import UserError
from test_framework.model.plan import TestInfo

Owed = tuple[str, str, str, str]
"""(test, category, layer, reason)"""
ENVIRONMENT_MARKS = ("env", "environment")


@dataclass(slots=True)
class Gathering:
    """Collected tests by category, while those that do not run are taken out."""

    by_category: dict[str, list[TestInfo]]
    found: Mapping[str, int] = field(default_factory=dict)
    """how many tests each category had before any was taken out"""
    owed: list[Owed] = field(default_factory=list)
    proven: list[tuple[str, str, str]] = field(default_factory=list)
    """(test, category, layer)"""
    another_time: set[str] = field(default_factory=set)
    """those of the owed that the same command may run another time"""
    deselected: int = 0
    notes: list[str] = field(default_factory=list)

    def deselect(self, category: str, keep: Callable[[TestInfo], bool]) -> int:
        """Leave out what is not to be kept; returns how many that were."""
        tests = self.by_category[category]
        kept = [test for test in tests if keep(test)]
        self._set(category, kept)
        self.deselected += len(tests) - len(kept)
        return len(tests) - len(kept)

    def owe(
        self, category: str, layer: str, reason: str, which: Callable[[TestInfo], bool] | None = None
    ) -> None:
        """Take tests of a category out (all of them, or `which`) and owe them."""
        tests = self.by_category[category]
        taken = tests if which is None else [test for test in tests if which(test)]
        self.owed += ((test.id, category, layer, reason) for test in taken)
        gone = {test.id for test in taken}
        self._set(category, [test for test in tests if test.id not in gone])

    def take_proven(self, category: str, layer: str, proven: Collection[str]) -> None:
        """Take out what is proven: it neither runs nor is owed."""
        tests = self.by_category[category]
        self.proven += ((test.id, category, layer) for test in tests if test.id in proven)
        self._set(category, [test for test in tests if test.id not in proven])

    def _set(self, category: str, tests: list[TestInfo]) -> None:
        if tests:
            self.by_category[category] = tests
        else:
            del self.by_category[category]


def named(tests: Sequence[TestInfo], pattern: str) -> list[TestInfo]:
    """The tests whose id holds the pattern. Raises `UserError` for one that says nothing."""
    if not pattern.strip("*"):
        raise UserError(
            f"--pattern {pattern!r} says nothing", "give a part of the tests' names: --pattern login"
        )
    matches = text_matcher(pattern)
    return [test for test in tests if matches(test.id)]


def environments_of(marks: frozenset[str]) -> frozenset[str]:
    """The environments that a test's marks name: `staging`, or the arguments of `env(...)` (as `env:staging`)."""
    found = set()
    for mark in marks:
        kind, colon, name = mark.partition(":")
        word = name if colon and kind in ENVIRONMENT_MARKS else mark
        if word.lower() in ENVIRONMENT_NAMES:
            found.add(ENVIRONMENT_NAMES[word.lower()])
    return frozenset(found)


def leave_out_environment(gathering: Gathering, environment: str, settings: Settings) -> None:
    """Deselect the tests marked for an environment: by mark, or by what their category requires."""
    wanted = ENVIRONMENT_NAMES[environment]
    seen: dict[frozenset[str], bool] = {}

    def stays(test: TestInfo) -> bool:
        if test.marks not in seen:
            seen[test.marks] = wanted not in environments_of(test.marks)
        return seen[test.marks]

    count = 0
    for name in list(gathering.by_category):
        category = settings.categories.get(name)
        whole = category is not None and wanted in category.requires_environment
        count += gathering.deselect(name, (lambda _: False) if whole else stays)
    gathering.notes.append(f"--exclude-env {environment}: {count} tests marked for {wanted} are left out")


def resume(gathering: Gathering, first: str, homes: Mapping[str, str], passed: Callable[[str], bool]) -> None:
    """Take out the categories before `first`: what has passed is left out, the rest is owed."""
    count = 0
    for name, layer in homes.items():
        if name == first:
            break
        if name in gathering.by_category:
            count += gathering.deselect(name, lambda test: not passed(test.id))
        if name in gathering.by_category:
            reason = (
                f"before --resume-from {first}: category {name} is not run again, and this did not pass there"
            )
            gathering.owe(name, layer, reason)
    gathering.notes.append(
        f"resumed from category {first}: {count} tests before it passed when they last ran and are left out"
    )


def owe_other_environments(gathering: Gathering, homes: Mapping[str, str], settings: Settings) -> None:
    """Owe tests whose category requires an environment that this is not."""
    for name, layer in homes.items():
        category = settings.categories.get(name)
        wanted = category.requires_environment if category is not None else ()
        if wanted and settings.environment not in wanted and name in gathering.by_category:
            reason = f"category {name} requires the environment {' or '.join(wanted)}, this is {settings.environment}"
            gathering.owe(name, layer, reason)


def apply_filters(
    gathering: Gathering, layer: LayerSettings, place: LayerCategory
) -> Callable[[TestInfo], int] | None:
    """What a project's own filter drops is owed; a shipped one only ranks. Returns the rank of tests, if any.

    A filter says what the layer holds, so what it drops is no debt of this layer.
    """
    if not (place.include_patterns or place.exclude_patterns) or place.name not in gathering.by_category:
        return None
    includes = filter_matcher(place.include_patterns) if place.include_patterns else None
    excludes = filter_matcher(place.exclude_patterns)
    if not layer.project_written:
        return lambda test: -1 if excludes(test) else int(includes is not None and includes(test))
    where = f"category {place.name} of layer {layer.id}"
    gathering.owe(place.name, "", f"dropped by the exclude_patterns of {where}", excludes)
    if includes is not None and place.name in gathering.by_category:
        wanted = includes
        reason = f"not among the include_patterns of {where}"
        gathering.owe(place.name, "", reason, lambda test: not wanted(test))
    return None


def owe_real_models(
    gathering: Gathering, layer: LayerSettings, place: LayerCategory, settings: Settings
) -> None:
    """Without --real-llm: tests that require a real model in a layer that uses one."""
    category = settings.categories.get(place.name)
    requires = "real_llm" in place.requirements or (category is not None and category.requires_real_llm)
    if not requires or layer.llm.mode == "mock" or place.name not in gathering.by_category:
        return
    reason = f"category {place.name} of layer {layer.id} requires a real language model: give --real-llm"
    if layer.project_written:
        gathering.owe(place.name, layer.id, reason)
    else:
        gathering.notes.append(f"{reason}; without it its tests use what they bring themselves")
