"""The shape of every section and key, as pydantic checks it and `schema` prints it.

Rules: types are strict (true is no number, "60" is no duration), unknown keys are refused, nothing has a
default here (defaults live in core.settings) and nothing is converted: what passes is used as it was written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from test_framework.configuration.strictness import strict
from test_framework.configuration.values import (
    Cost,
    Count,
    Days,
    Delay,
    Endpoint,
    Environment,
    Environments,
    Factory,
    Inside,
    Instances,
    Marker,
    Megabytes,
    MiB,
    Minutes,
    Name,
    Order,
    Percent,
    Provider,
    Rate,
    Seconds,
    Text,
    Title,
    Variable,
    Variables,
    Word,
    Words,
)
from test_framework.configuration.watching import Monitoring


@strict
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
    markers: list[Marker]
    keywords: list[Word]
    runner: Literal["pytest", "jest", "vitest", "playwright", "cypress", "command"]
    command: Words
    cwd: Inside
    env: Variables
    inputs: list[Inside]


@strict
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


@strict
class Filters(TypedDict, total=False):
    """A bare word matches a path component, marker or keyword; a glob matches the test id."""

    include_patterns: list[Text]
    exclude_patterns: list[Text]


@strict
class Place(TypedDict, total=False):
    """A category's place in a layer."""

    name: Required[Name]
    timeout_seconds: Seconds
    test_timeout_seconds: Seconds
    max_parallel_instances: Instances
    priority_order: Order
    resource_requirements: Requirements
    filters: Filters


@strict
class Limits(TypedDict, total=False):
    """A layer's share of the machine."""

    max_memory_mb: MiB
    max_cpu_percent: Percent
    max_parallel_instances: Instances


@strict
class Success(TypedDict, total=False):
    """When a layer counts as passed, and its dependents may start."""

    min_pass_rate: Rate
    max_failures: Count
    critical_tests_must_pass: bool
    allow_partial_success: bool


@strict
class Price(TypedDict, total=False):
    """What a language model costs, per million tokens, in the currency of `max_cost`."""

    input: Required[Cost]
    output: Required[Cost]


@strict
class Models(TypedDict, total=False):
    """What a layer's tests may use as a language model; real only with --real-llm."""

    mode: Literal["real", "mock", "hybrid"]
    timeout_seconds: Seconds
    fallback_to_mock: bool
    max_calls: Count
    max_cost: Cost
    prices: dict[Name, Price]


@strict
class LayerCommon(TypedDict, total=False):
    name: Title
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


@strict
class LayerOverride(LayerCommon, total=False):
    """What an environment changes in a layer; mappings merge key by key, lists are replaced."""

    categories: list[Place]


@strict
class Layer(LayerCommon, total=False):
    """A group of categories with a deadline. Without `categories` it changes the shipped layer of its id."""

    categories: Annotated[list[Place], Field(min_length=1)]
    environment_overrides: dict[Environment, LayerOverride]


@strict
class EnvironmentSection(TypedDict, total=False):
    description: Text
    layer_overrides: dict[Name, LayerOverride]


@strict
class BackgroundExecution(TypedDict, total=False):
    enabled: bool
    max_background_layers: Count
    background_layers: list[Name]
    monitoring_interval_seconds: Seconds


@strict
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


@strict
class Service(TypedDict, total=False):
    """A service that layers need, how it is started and how it shows that it is ready."""

    startup_timeout_seconds: Seconds
    health_check_endpoint: Endpoint
    health_check_command: Words
    depends_on: list[Name]
    required_for_layers: list[Name]
    build_required: bool
    provider: Provider
    command: Words
    image: Text
    env: Variables
    template: Text


@strict
class Tests(TypedDict, total=False):
    """How the project's tests are found and run."""

    interpreter: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    roots: list[Inside]
    recorder: bool
    warm: bool
    allow_variables: list[Variable]


@strict
class History(TypedDict, total=False):
    """What is kept of former runs."""

    keep_runs: Count
    keep_days: Days
    max_size_mb: Megabytes


@strict
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
    plugins: list[Factory]
    history: History
    tests: Tests


CONFIGURATION: TypeAdapter[Configuration] = TypeAdapter(Configuration)
