"""The shape of `monitoring`: what is watched and reported, rules of alerts, and who receives them.

Rules: a rule is one text made of a closed set of metrics and comparisons; no secret stands in a
configuration: what needs one names the environment variable that holds it.
"""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import Field
from typing_extensions import TypedDict

from test_framework.configuration.strictness import strict
from test_framework.configuration.values import (
    Address,
    Delay,
    Inside,
    Name,
    Port,
    Rule,
    Seconds,
    Text,
    Variable,
    Words,
)


@strict
class ProgressTracking(TypedDict, total=False):
    enabled: bool
    granularity: Literal["layer", "category", "test"]
    persist_progress: bool
    checkpoint_interval_seconds: Seconds


@strict
class PerformanceMonitoring(TypedDict, total=False):
    enabled: bool
    memory_monitoring: bool
    cpu_monitoring: bool
    network_monitoring: bool
    disk_monitoring: bool


@strict
class Reporting(TypedDict, total=False):
    layer_reports: bool
    timing_analysis: bool
    resource_usage_reports: bool
    dependency_analysis: bool
    report_formats: list[Literal["json", "html", "junit", "xml", "csv"]]
    report_output_dir: Inside


Severity = Literal["info", "warning", "critical"]


@strict
class Alert(TypedDict, total=False):
    """One rule: when it fires, how grave that is, and who is told."""

    when: Required[Rule]
    description: Text
    enabled: bool
    severity: Severity
    hold_seconds: Delay
    layers: list[Name]
    receivers: list[Name]


@strict
class LogReceiver(TypedDict, total=False):
    """Alerts go to the monitor's log."""

    kind: Required[Literal["log"]]
    minimum_severity: Severity


@strict
class ConsoleReceiver(TypedDict, total=False):
    """Alerts are shown in the terminal of the run."""

    kind: Required[Literal["console"]]
    minimum_severity: Severity


@strict
class CommandReceiver(TypedDict, total=False):
    """A command is started with the alert as JSON on its standard input."""

    kind: Required[Literal["command"]]
    minimum_severity: Severity
    command: Required[Words]
    timeout_seconds: Seconds


@strict
class WebhookReceiver(TypedDict, total=False):
    """The alert is posted to a URL, in the shape that Slack understands."""

    kind: Required[Literal["webhook"]]
    minimum_severity: Severity
    url: Address
    url_variable: Variable
    timeout_seconds: Seconds


@strict
class EmailReceiver(TypedDict, total=False):
    """The alert is sent through an SMTP server."""

    kind: Required[Literal["email"]]
    minimum_severity: Severity
    host: Required[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]]
    port: Port
    starttls: bool
    sender: Required[Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]]
    recipients: Required[
        Annotated[list[Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]], Field(min_length=1)]
    ]
    user_variable: Variable
    password_variable: Variable
    timeout_seconds: Seconds


Receiver = Annotated[
    LogReceiver | ConsoleReceiver | CommandReceiver | WebhookReceiver | EmailReceiver,
    Field(discriminator="kind"),
]
RECEIVERS = {
    "log": LogReceiver,
    "console": ConsoleReceiver,
    "command": CommandReceiver,
    "webhook": WebhookReceiver,
    "email": EmailReceiver,
}


@strict
class Monitoring(TypedDict, total=False):
    """What is watched while tests run, what is reported, and who is told of trouble."""

    progress_tracking: ProgressTracking
    performance_monitoring: PerformanceMonitoring
    reporting: Reporting
    alerts: dict[Name, Alert]
    receivers: dict[Name, Receiver]
