"""The closed union of facts about a run. Every reader of a run reads these and nothing else.

Rules: a fact is past tense and immutable; it holds plain values only (str, int, float, bool, None, tuples and
dicts of them, str enums); `WIRE_TYPE` is its name on the wire. Seconds are floats, sizes are bytes. Adding a
field with a default is compatible; renaming or removing one needs a new wire version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from test_framework.model.outcome import Blame, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    WIRE_TYPE: ClassVar[str] = "run.started"
    apex_version: str
    project_root: str
    mode: str
    environment: str
    interpreter: str
    python_version: str = ""
    pytest_version: str = ""
    lanes: int = 1
    layers: tuple[str, ...] = ()
    budget_seconds: float | None = None
    arguments: tuple[str, ...] = ()
    host: str = ""
    revision: str = ""
    """of the version control system: the commit that is checked out"""
    tree: str = ""
    """a name for the contents of the project; equal names mean equal contents; empty: not known"""
    dirty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlanned:
    """Collection is over and every collected test has a place: to be run, or owed."""

    WIRE_TYPE: ClassVar[str] = "run.planned"
    collected: int
    deselected: int = 0
    whole: bool = False
    """what was collected is all that the project has"""
    planned: int = 0
    collection_seconds: float = 0.0
    estimate_seconds: float | None = None
    """wall time of the tests; nine times out of ten it lies between the low and the high one"""
    estimate_low_seconds: float | None = None
    estimate_high_seconds: float | None = None
    isolation: str = "fork"
    isolation_reason: str = ""
    python_version: str = ""
    pytest_version: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFailed:
    """A file (or conftest) could not be collected."""

    WIRE_TYPE: ClassVar[str] = "collection.failed"
    location: str
    category: str = ""
    message: str = ""
    detail: str = ""
    outcome: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStarted:
    WIRE_TYPE: ClassVar[str] = "layer.started"
    layer: str
    name: str = ""
    tests: int = 0
    budget_seconds: float | None = None
    estimate_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFinished:
    WIRE_TYPE: ClassVar[str] = "layer.finished"
    layer: str
    status: str
    """passed | failed | stopped | timed_out | blocked | empty"""
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryStarted:
    WIRE_TYPE: ClassVar[str] = "category.started"
    category: str
    layer: str
    tests: int = 0
    budget_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFinished:
    WIRE_TYPE: ClassVar[str] = "category.finished"
    category: str
    layer: str
    status: str
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted:
    """A lane is ready to run tests. `generation` rises each time the lane is replaced."""

    WIRE_TYPE: ClassVar[str] = "worker.started"
    worker: str
    generation: int
    pid: int
    isolation: str = "fork"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost:
    """A lane ended before it was told to. `reason` says how (signal, exit code, channel lost, stopped by us)."""

    WIRE_TYPE: ClassVar[str] = "worker.lost"
    worker: str
    generation: int
    reason: str
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestStarted:
    __test__: ClassVar[bool] = False
    WIRE_TYPE: ClassVar[str] = "test.started"
    test: str
    attempt: int
    category: str
    layer: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFinished:
    """One attempt of one test is over: the only fact that carries a test's outcome."""

    __test__: ClassVar[bool] = False
    WIRE_TYPE: ClassVar[str] = "test.finished"
    test: str
    attempt: int
    outcome: Outcome
    category: str
    layer: str
    worker: str
    seconds: float
    blame: Blame | None = None
    location: str = ""
    """file:line, relative to the project root"""
    message: str = ""
    """one line"""
    detail: str = ""
    """traceback or stack, capped"""
    phase: str = ""
    """setup | call | teardown: where the outcome came from, when it was not a pass"""
    sections: tuple[tuple[str, str], ...] = ()
    """(title, text) of captured output and logs, capped"""
    properties: tuple[tuple[str, str], ...] = ()
    """JUnit properties recorded by the test"""
    flags: tuple[str, ...] = ()
    """attributes of the outcome: flaky, leak, order_dependent, lane_dependent, contended, teardown_error"""
    subtests_passed: int = 0
    teardown: str = ""
    """the one line of an error at teardown after a failure (flag teardown_error)"""
    output: str = ""
    """reference to the whole output in the run's directory when a section was cut"""
    peak_memory_bytes: int | None = None
    """of the process, where the test raised it by a mebibyte or more; None: it needed no more than others before it in
    the process, or it was not measured
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtestFinished:
    """A subtest that did not simply pass (passing ones are counted in their test's `subtests_passed`)."""

    WIRE_TYPE: ClassVar[str] = "subtest.finished"
    test: str
    attempt: int
    description: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOwed:
    """A collected test that is neither executed nor proven, and why."""

    __test__: ClassVar[bool] = False
    WIRE_TYPE: ClassVar[str] = "test.owed"
    test: str
    category: str
    layer: str
    reason: str
    another_time: bool = False
    """whether the same command may run it another time: a budget had no room for it, or a selector left it out"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHit:
    """A collected test that is not run, because it is proven: it would end as it did in the run `proven_by`."""

    WIRE_TYPE: ClassVar[str] = "cache.hit"
    test: str
    category: str
    layer: str
    proven_by: str
    outcome: Outcome
    """how it ended there"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStarting:
    WIRE_TYPE: ClassVar[str] = "service.starting"
    service: str
    limit_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReady:
    WIRE_TYPE: ClassVar[str] = "service.ready"
    service: str
    provider: str
    """native | external"""
    address: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnhealthy:
    """A service never came, ended, or does not answer any more. `detail`: what it printed last."""

    WIRE_TYPE: ClassVar[str] = "service.unhealthy"
    service: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStopped:
    WIRE_TYPE: ClassVar[str] = "service.stopped"
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRecorded:
    WIRE_TYPE: ClassVar[str] = "warning.recorded"
    category: str
    """class name of the warning"""
    message: str
    when: str
    """config | collect | runtest"""
    test: str = ""
    location: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """The run is told to stop. `scope` is run, or layer:<id>, or category:<name>."""

    WIRE_TYPE: ClassVar[str] = "cancel.requested"
    reason: str
    """name of a StopReason, lower case"""
    scope: str = "run"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """Something the user should know that is no test's outcome. `fails_run` makes the exit code at least 1."""

    WIRE_TYPE: ClassVar[str] = "alert.raised"
    kind: str
    message: str
    detail: str = ""
    fails_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFailed:
    WIRE_TYPE: ClassVar[str] = "sink.failed"
    sink: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReported:
    """What plug-ins of the project's pytest printed at the end (coverage tables, benchmarks, ...)."""

    WIRE_TYPE: ClassVar[str] = "plugin.reported"
    text: str
    exit_status: int = 0
    """the exit status of the project's own pytest session after its plug-ins had their say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The last fact of a run: the verdict and the ledger."""

    WIRE_TYPE: ClassVar[str] = "run.finished"
    exit_code: int
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    collected: int = 0
    executed: int = 0
    proven: int = 0
    owed: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


Fact: TypeAlias = (
    RunStarted
    | RunPlanned
    | CollectionFailed
    | LayerStarted
    | LayerFinished
    | CategoryStarted
    | CategoryFinished
    | WorkerStarted
    | WorkerLost
    | TestStarted
    | TestFinished
    | SubtestFinished
    | TestOwed
    | CacheHit
    | ServiceStarting
    | ServiceReady
    | ServiceUnhealthy
    | ServiceStopped
    | WarningRecorded
    | CancelRequested
    | AlertRaised
    | SinkFailed
    | PluginReported
    | RunFinished
)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A fact with its place in the run.

    `seq` counts from 0 without gaps, `elapsed` is monotonic seconds since the run began, `ts` is the wall clock
    as RFC 3339 UTC (for people; nothing is computed from it), `line` the exact bytes on the wire without newline.
    """

    seq: int
    ts: str
    elapsed: float
    run: str
    fact: Fact
    line: bytes = b""
