"""What an alert may watch: the closed sets of metrics and comparisons that a rule is made of."""

from __future__ import annotations

METRICS = {
    "failure_rate": "share of a layer's finished tests that failed",
    "flaky_rate": "share of a layer's finished tests that passed only when repeated",
    "budget_used": "share of a layer's time limit that is used up; more than 1 is over budget",
    "owed_tests": "tests that a run left owed",
    "lost_lanes": "lanes that were lost",
    "service_restarts": "times a service had to be started again in one run",
    "cache_audit_misses": "tests that were taken as proven and failed when audited",
    "duration_drift": "how much slower than its history a layer is; 1.2 is a fifth slower",
    "memory_used_mb": "memory of all lanes and services together, MiB",
    "cpu_used_percent": "processor time of all lanes and services together, percent of the machine",
    "disk_free_mb": "free space where runs are recorded, MiB",
    "heartbeat_age_seconds": "time since an agent gave a sign of life",
}
"""Every metric of a rule and what it measures."""
COMPARISONS = (">=", "<=", ">", "<")
SEVERITIES = ("info", "warning", "critical")
