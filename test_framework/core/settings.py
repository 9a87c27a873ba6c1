"""What a run is configured to do: plain frozen values.

Rules: defaults live here and nowhere else; nothing here reads a file. Durations are float seconds (minutes
where the name says so), memory is MiB. `settings.layers` is in order of execution: dependencies first, then
`execution_order`, then place in the file. `settings_mapping` makes these values from a checked mapping.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from test_framework.core.names import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySettings:
    """A category of the catalogue. A category that a layer merely names has these defaults."""

    name: str
    description: str = ""
    priority: str = DEFAULT_PRIORITY
    """one of PRIORITIES"""
    category_type: str = "functional"
    timeout_seconds: float = 300.0
    estimated_duration_minutes: float = 5.0
    dependencies: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    parallel_safe: bool = True
    """False: serial, one lane, not beside another category"""
    max_parallel_instances: int | None = None
    requires_real_services: bool = False
    requires_real_llm: bool = False
    requires_environment: tuple[str, ...] = ()
    """canonical names; empty: any"""
    memory_intensive: bool = False
    cpu_intensive: bool = False
    network_intensive: bool = False
    database_dependent: bool = False
    tags: tuple[str, ...] = ()
    parent: str | None = None
    retry_count: int = 0
    success_rate_threshold: float = 0.95
    paths: tuple[str, ...] = ()
    """globs or directories, relative to the project root"""
    markers: tuple[str, ...] = ()
    """pytest markers that put a test here, beside the category's own name"""
    keywords: tuple[str, ...] = ()
    """whole words of a test's names that put it here"""
    runner: str = "pytest"
    command: tuple[str, ...] = ()
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    @property
    def critical(self) -> bool:
        return self.priority == "CRITICAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCategory:
    """A category's place in a layer; limits fall back to the category's own."""

    name: str
    timeout_seconds: float
    """of the whole category"""
    test_timeout_seconds: float | None = None
    """of one test"""
    max_lanes: int | None = None
    """how many lanes may run its tests at once; None: as many as there are"""
    priority_order: int = 1
    include_patterns: tuple[str, ...] = ()
    exclude_patterns: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    """what it needs, without the word requires: postgresql, redis, backend_service, real_llm, ..."""
    min_memory_mb: int = 0
    dedicated_resources: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """A layer's share of the machine; None: no limit."""

    max_memory_mb: int | None = None
    max_cpu_percent: float | None = None
    max_parallel_instances: int | None = None
    project_written: bool = False
    """True: enforced; False: shipped, guides admission and alerts only"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModels:
    """What a layer's tests may use as a language model."""

    mode: str = "mock"
    """real | mock | hybrid"""
    timeout_seconds: float = 60.0
    fallback_to_mock: bool = True
    max_calls: int | None = None
    max_cost: float | None = None
    prices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings:
    """A group of categories with a deadline, in one environment."""

    id: str
    name: str
    description: str = ""
    priority: int = 3
    execution_order: int = 1
    max_duration_seconds: float | None = None
    """a real deadline; None: none"""
    mode: str = "parallel"
    """sequential | parallel | hybrid"""
    fail_fast: bool = False
    fail_fast_strategy: str = "disabled"
    """immediate | category | layer | disabled; from `fail_fast` and execution_config.fail_fast_strategy"""
    background: bool = False
    categories: tuple[LayerCategory, ...] = ()
    """in the order of `priority_order`, then of the file, each after those that it depends on"""
    dependencies: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    """layer ids or category names that must not run at the same time"""
    required_services: tuple[str, ...] = ()
    """its own list, and the services that name it in required_for_layers"""
    min_pass_rate: float = 0.95
    max_failures: int | None = 5
    critical_tests_must_pass: bool = True
    allow_partial_success: bool = False
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    llm: LanguageModels = field(default_factory=LanguageModels)
    project_written: bool = False
    """the project's own files define this layer: what it lists is required"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """Limits and policies of the whole run (execution_config)."""

    layer_execution_mode: str = "waterfall_with_background"
    """sequential | waterfall | waterfall_with_background | parallel"""
    global_timeout_seconds: float | None = None
    layer_startup_timeout_seconds: float = 30.0
    inter_layer_delay_seconds: float = 0.0
    max_global_parallel_tests: int | None = None
    max_memory_usage_mb: int | None = None
    max_cpu_usage_percent: float | None = None
    resource_conflict_resolution: str = "priority_based"
    """priority_based | first_come_first_serve | round_robin"""
    background_enabled: bool = True
    max_background_layers: int = 1
    background_layers: tuple[str, ...] = ()
    monitoring_interval_seconds: float = 30.0
    limits_project_written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """A service that layers need, how it is started and how it shows that it is ready."""

    name: str
    startup_timeout_seconds: float = 30.0
    health_check_endpoint: str = ""
    """host:port, host:port/path or a URL"""
    health_check_command: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    required_for_layers: tuple[str, ...] = ()
    build_required: bool = False
    provider: str = "auto"
    """native, docker, compose, external, auto, or plugin:NAME"""
    command: tuple[str, ...] = ()
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    project_written: bool = False
    """the project configures it: its absence is an environment error, not a note"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsSettings:
    """How the project's tests are found and run."""

    __test__ = False

    interpreter: str = ""
    """the Python that runs the tests; empty: found by the usual rules"""
    roots: tuple[str, ...] = ()
    """directories of a monorepo that are collected apart; empty: the project root alone"""
    recorder: bool = True
    """what tests depend on is recorded, and those whose dependencies are unchanged are proven, not run"""
    warm: bool = True
    allow_variables: tuple[str, ...] = ()
    """variables that decide what code runs and may be set by `env` all the same"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a run is configured to do, in one environment."""

    environment: str
    layers: Mapping[str, LayerSettings]
    categories: Mapping[str, CategorySettings]
    modes: Mapping[str, tuple[str, ...]]
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    services: Mapping[str, ServiceSettings] = field(default_factory=dict)
    tests: TestsSettings = field(default_factory=TestsSettings)
    plugins: tuple[str, ...] = ()
    """module:factory"""
    history: Mapping[str, Any] = field(default_factory=dict)
    monitoring: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """one line each, for the user: keys without effect and why"""
    sources: tuple[str, ...] = ()
    """the project's files that were read, relative to its root; empty: shipped defaults only"""

    def layer_of(self, category: str) -> str | None:
        """The id of the layer that holds the category, or None."""
        for layer in self.layers.values():
            if any(place.name == category for place in layer.categories):
                return layer.id
        return None
