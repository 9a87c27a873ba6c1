"""Structured logs of the components: `<log_dir>/<Component>_production.log`, JSON lines, rotated.

Rules: monitoring never raises into what it watches; a log that cannot be written is said once on stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

MOST_BYTES = 10 << 20
KEEP_FILES = 5


class ProductionMonitor:
    """Writes one component's log."""

    def __init__(self, component_name: str, log_dir: Path) -> None:
        if not component_name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"component name {component_name!r}: letters, digits, - and _ only")
        self.component = component_name
        self.path = Path(log_dir) / f"{component_name}_production.log"
        self.broken = ""

    def log(self, event: str, level: str = "info", **fields: Any) -> None:
        """Append one line: time (UTC), component, level, event and the given plain values."""
        row = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "component": self.component,
            "level": level,
            "event": event,
            **fields,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._rotate()
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row, default=str) + "\n")
        except OSError as problem:
            self._say_once(f"{self.path} cannot be written: {problem.strerror}")

    def _rotate(self) -> None:
        if not self.path.exists() or self.path.stat().st_size < MOST_BYTES:
            return
        for number in range(KEEP_FILES - 1, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            if older.exists():
                os.replace(older, self.path.with_suffix(f".log.{number + 1}"))
        os.replace(self.path, self.path.with_suffix(".log.1"))

    def _say_once(self, text: str) -> None:
        if not self.broken:
            self.broken = text
            sys.stderr.write(f"apex: monitoring: {text}\n")


def create_production_monitor(component_name: str, log_dir: Path | str) -> ProductionMonitor:
    """A monitor for one component that logs below `log_dir`."""
    return ProductionMonitor(component_name, Path(log_dir))
