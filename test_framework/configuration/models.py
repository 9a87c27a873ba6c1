"""The shape of every section and key, as pydantic checks it and `schema` prints it.

Rules: types are strict (true is no number, "60" is no duration), unknown keys are refused, nothing has a
default here (defaults live in core.settings) and nothing is converted: what passes is used as it was written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Required, TypeVar

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

STRICT = ConfigDict(extra="forbid", strict=True)
Section = TypeVar("Section")


def _strict(section: type[Section]) -> type[Section]:
    """Mark a section as pydantic wants it marked (its own decorator is younger than the oldest we take)."""
    section.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    return section


_ENDPOINT = re.compile(
    r"(https?|tcp|redis|postgres(ql)?)://[^\s/]+\S*"
    r"|(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}(/\S*)?"
)


def _endpoint(text: str) -> str:
    if not _ENDPOINT.fullmatch(text):
        raise PydanticCustomError(
            "endpoint", "expected host:port, host:port/path or a URL such as http://host:1/x"
        )
    return text


def _inside(text: str) -> str:
    if text.startswith(("/", "~")) or ".." in text.split("/") or "\0" in text or not text:
        raise PydanticCustomError("inside", "expected a path inside the project, relative to its root")
    return text


def _words(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return value
    raise PydanticCustomError("words", "expected a command: a list of words, or one line of text")


def _unclosed(value: Any) -> Any:
    import shlex

    if isinstance(value, str):
        try:
            shlex.split(value)
        except ValueError as error:
            raise PydanticCustomError("words", "expected a command whose quotes are closed") from error
    return value


def _one_or_more(known: Iterable[str]) -> Any:
    names = tuple(known)

    def check(value: Any) -> Any:
        for name in value if isinstance(value, list) else [value]:
            if value is not None and name not in names:
                raise PydanticCustomError(
                    "environments", "unknown environment", {"name": name, "known": names}
                )
        return value

    return check


def _rules(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        return value
    raise PydanticCustomError("rules", "expected a mapping or a list of mappings")


_TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=604_800, allow_inf_nan=False, description="seconds")]
Minutes = Annotated[float, Field(gt=0, le=10_080, allow_inf_nan=False, description="minutes")]
Delay = Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False, description="seconds, 0 for none")]
MiB = Annotated[int, Field(gt=0, le=16_777_216, description="MiB")]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, description="percent of the machine")]
Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="a share, 0.95 for 95 %")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Instances = Annotated[int, Field(ge=1, le=4_096)]
Order = Annotated[int, Field(ge=0, le=1_000_000)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Inside = Annotated[str, AfterValidator(_inside)]
Words = Annotated[Any, BeforeValidator(_unclosed), BeforeValidator(_words), WithJsonSchema(_TEXTS)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Variables = dict[Variable, str]
Environment = Literal["test", "dev", "staging", "prod", "development", "production"]
Environments = Annotated[
    Any,
    BeforeValidator(_one_or_more(("test", "dev", "staging", "prod", "development", "production"))),
    WithJsonSchema(_TEXTS),
]
Rules = Annotated[Any, BeforeValidator(_rules), WithJsonSchema({"type": ["object", "array"]})]


@_strict
class Category(TypedDict, total=False):
    """A kind of test: how urgent, how long, what it needs, and where its tests are found."""

    description: Text
    priority: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "OPTIONAL"]
    category_type: Literal[
        "functional", "technical", "quality", "integration", "performance", "security", "e2e"
    ]
    timeout_seconds: Seconds
    estimated_duration_minutes: Minutes
    dependencies: list[Name]
    conflicts: list[Name]
    parallel_safe: bool
    max_parallel_instances: Instances | None
    requires_real_services: bool
    requires_real_llm: bool
    requires_environment: Environments
    memory_intensive: bool
    cpu_intensive: bool
    network_intensive: bool
    database_dependent: bool
    tags: list[Text]
    parent: Name | None
    retry_count: Annotated[int, Field(ge=0, le=100)]
    success_rate_threshold: Rate
    paths: list[Inside]
    markers: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]]
    keywords: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]]
    runner: Literal["pytest", "jest", "vitest", "playwright", "cypress", "command"]
    command: Words
    cwd: Inside
    env: Variables
    inputs: list[Inside]


@_strict
class Requirements(TypedDict, total=False):
    """What a category of a layer needs to be there."""

    requires_postgresql: bool
    requires_redis: bool
    requires_backend_service: bool
    requires_auth_service: bool
    requires_frontend_service: bool
    requires_real_llm: bool
    requires_real_services: bool
    requires_websocket_server: bool
    requires_node_runtime: bool
    requires_frontend_build: bool
    min_memory_mb: MiB
    dedicated_resources: bool


@_strict
class Filters(TypedDict, total=False):
    """A bare word matches a path component, marker or keyword; a glob matches the test id."""

    include_patterns: list[Text]
    exclude_patterns: list[Text]


@_strict
class Place(TypedDict, total=False):
    """A category's place in a layer."""

    name: Required[Name]
    timeout_seconds: Seconds
    test_timeout_seconds: Seconds
    max_parallel_instances: Instances
    priority_order: Order
    resource_requirements: Requirements
    filters: Filters


@_strict
class Limits(TypedDict, total=False):
    """A layer's share of the machine."""

    max_memory_mb: MiB
    max_cpu_percent: Percent
    max_parallel_instances: Instances


@_strict
class Success(TypedDict, total=False):
    """When a layer counts as passed, and its dependents may start."""

    min_pass_rate: Rate
    max_failures: Count
    critical_tests_must_pass: bool
    allow_partial_success: bool


@_strict
class Models(TypedDict, total=False):
    """What a layer's tests may use as a language model; real only with --real-llm."""

    mode: Literal["real", "mock", "hybrid"]
    timeout_seconds: Seconds
    fallback_to_mock: bool
    max_calls: Count
    max_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    prices: dict[Text, Any]


@_strict
class LayerCommon(TypedDict, total=False):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Text
    priority: Annotated[int, Field(ge=1, le=5)]
    execution_order: Order
    max_duration_minutes: Minutes
    execution_mode: Literal["sequential", "parallel", "hybrid"]
    fail_fast: bool
    background_execution: bool
    resource_limits: Limits
    dependencies: list[Name]
    conflicts: list[Name]
    required_services: list[Name]
    success_criteria: Success
    llm_requirements: Models


@_strict
class LayerOverride(LayerCommon, total=False):
    """What an environment changes in a layer; mappings merge key by key, lists are replaced."""

    categories: list[Place]


@_strict
class Layer(LayerCommon, total=False):
    """A group of categories with a deadline. Without `categories` it changes the shipped layer of its id."""

    categories: Annotated[list[Place], Field(min_length=1)]
    environment_overrides: dict[Environment, LayerOverride]


@_strict
class EnvironmentSection(TypedDict, total=False):
    description: Text
    layer_overrides: dict[Name, LayerOverride]


@_strict
class BackgroundExecution(TypedDict, total=False):
    enabled: bool
    max_background_layers: Count
    background_layers: list[Name]
    monitoring_interval_seconds: Seconds


@_strict
class Execution(TypedDict, total=False):
    """Limits and policies of a whole run."""

    layer_execution_mode: Literal["sequential", "waterfall", "waterfall_with_background", "parallel"]
    global_timeout_minutes: Minutes
    layer_startup_timeout_seconds: Seconds
    inter_layer_delay_seconds: Delay
    max_global_parallel_tests: Instances
    max_memory_usage_mb: MiB
    max_cpu_usage_percent: Percent
    resource_conflict_resolution: Literal["priority_based", "first_come_first_serve", "round_robin"]
    fail_fast_strategy: dict[Name, Literal["immediate", "category", "layer", "disabled"]]
    background_execution: BackgroundExecution


@_strict
class Service(TypedDict, total=False):
    """A service that layers need, how it is started and how it shows that it is ready."""

    startup_timeout_seconds: Seconds
    health_check_endpoint: Endpoint
    health_check_command: Words
    depends_on: list[Name]
    required_for_layers: list[Name]
    build_required: bool
    provider: Literal["native", "docker", "compose", "external", "auto"]
    command: Words
    image: Text
    env: Variables
    template: Text


@_strict
class ProgressTracking(TypedDict, total=False):
    enabled: bool
    granularity: Literal["layer", "category", "test"]
    persist_progress: bool
    checkpoint_interval_seconds: Seconds


@_strict
class PerformanceMonitoring(TypedDict, total=False):
    enabled: bool
    memory_monitoring: bool
    cpu_monitoring: bool
    network_monitoring: bool
    disk_monitoring: bool


@_strict
class Reporting(TypedDict, total=False):
    layer_reports: bool
    timing_analysis: bool
    resource_usage_reports: bool
    dependency_analysis: bool
    report_formats: list[Literal["json", "html", "junit", "xml", "csv"]]
    report_output_dir: Inside


@_strict
class Monitoring(TypedDict, total=False):
    progress_tracking: ProgressTracking
    performance_monitoring: PerformanceMonitoring
    reporting: Reporting
    alerts: Rules
    receivers: Rules


@_strict
class Tests(TypedDict, total=False):
    """How the project's tests are found and run."""

    interpreter: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    roots: list[Inside]
    recorder: bool
    warm: bool


@_strict
class History(TypedDict, total=False):
    """What is kept of former runs."""

    enabled: bool
    keep_runs: Count
    keep_days: Count
    keep_mb: Count


@_strict
class Configuration(TypedDict, total=False):
    """test_layers.yaml, categories.yaml, apex.yaml and [tool.apex] share this schema."""

    metadata: dict[str, Any]
    layers: Annotated[dict[Name, Layer], Field(min_length=1)]
    categories: dict[Name, Category]
    modes: dict[Name, Annotated[list[Name], Field(min_length=1)]]
    execution_config: Execution
    service_dependencies: dict[Name, Service]
    environments: dict[Environment, EnvironmentSection]
    monitoring: Monitoring
    plugins: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]]
    history: History
    tests: Tests


CONFIGURATION: TypeAdapter[Configuration] = TypeAdapter(Configuration)
