"""What lanes say (see inside/lane.py), as facts.

Rules: pure translation, one function for the frequent message and one for the rare ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from test_framework.model import facts as f
from test_framework.model.outcome import Blame, Outcome

BLAMED = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test stands in the plan, as its facts say it."""

    test: str
    category: str
    layer: str
    location: str


def finished(
    place: Place, attempt: int, worker: str, seconds: float, outcome: Outcome, result: dict[str, Any]
) -> f.TestFinished:
    """An attempt that the lane itself reported; `result` is empty for a plain pass."""
    if not result:
        return f.TestFinished(
            test=place.test,
            attempt=attempt,
            outcome=outcome,
            category=place.category,
            layer=place.layer,
            worker=worker,
            seconds=seconds,
            location=place.location,
        )
    return f.TestFinished(
        test=place.test,
        attempt=attempt,
        outcome=outcome,
        category=place.category,
        layer=place.layer,
        worker=worker,
        seconds=seconds,
        location=place.location,
        blame=Blame.TEST if outcome in BLAMED else None,
        message=result.get("message", ""),
        detail=result.get("detail", ""),
        phase=result.get("phase", ""),
        sections=tuple((title, text) for title, text in result.get("sections", ())),
        properties=tuple((key, value) for key, value in result.get("properties", ())),
        flags=tuple(result.get("flags", ())),
        subtests_passed=result.get("subtests_passed", 0),
        teardown=result.get("teardown", ""),
        peak_memory_bytes=result.get("peak_memory_bytes"),
    )


def rare(kind: str, place: Place | None, attempt: int, message: list[Any]) -> Iterator[f.Fact]:
    """Facts of a message that most tests never cause; `place` for those that name a test."""
    match kind:
        case "b" if place is not None:
            subtest = message[2]
            yield f.SubtestFinished(
                test=place.test,
                attempt=attempt,
                description=subtest["description"],
                outcome=Outcome(subtest["outcome"]),
                seconds=subtest["seconds"],
                message=subtest["message"],
                detail=subtest["detail"],
            )
        case "w":
            category, text, when, test, location = message[1]
            yield f.WarningRecorded(
                category=category, message=text, when=when, test=test, location=location, count=message[2]
            )
        case "x":
            reason = "interrupt" if message[3] == "KeyboardInterrupt" else "test_request"
            yield f.CancelRequested(reason=reason, scope="run", message=f"{message[3]}: {message[1]}")
        case "e" if place is not None:
            alert = f"pytest or a plug-in broke while running {place.test}: {message[2]}"
            yield f.AlertRaised(kind="internal_error", message=alert, detail=message[3])
            yield f.CancelRequested(reason="internal_error", scope="run", message=alert)
        case "y":
            yield f.PluginReported(text=message[1])
        case "t":
            text = f"a session fixture's teardown failed: {message[1]}"
            yield f.AlertRaised(kind="session_teardown", message=text, detail=message[2], fails_run=True)
