"""Fixtures of suites written for xdist, where xdist itself is not installed.

Rules: names and values are xdist's own.
"""

from __future__ import annotations

from typing import Any

import pytest


class WorkerFixtures:
    """A plug-in to be registered."""

    @pytest.fixture(scope="session")
    def worker_id(self, request: Any) -> str:
        """The lane's name as xdist would say it, `master` outside of one."""
        worker = getattr(request.config, "workerinput", None)
        return str(worker["workerid"]) if worker else "master"

    @pytest.fixture(scope="session")
    def testrun_uid(self, request: Any) -> str:
        """The run's id, the same in all lanes."""
        worker = getattr(request.config, "workerinput", None)
        return str(worker["testrunuid"]) if worker else ""
