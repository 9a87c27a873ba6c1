"""Words that a configuration may use, apart from the classes of settings: answers without a run need no more."""

from __future__ import annotations

ENVIRONMENTS = ("test", "dev", "staging", "prod")
ENVIRONMENT_NAMES = {
    **{name: name for name in ENVIRONMENTS},
    "development": "dev",
    "production": "prod",
}
"""Every accepted name of an environment and the one it stands for."""
PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "OPTIONAL")
DEFAULT_PRIORITY = "MEDIUM"
