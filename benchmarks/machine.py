"""Names the machine and the moment of a measurement, and says whether the machine was quiet.

Rules: no host or user name appears (results may be committed); an unquiet machine is said, not forgiven.
"""

from __future__ import annotations

import os
import platform
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import usable_processors

if TYPE_CHECKING:
    from benchmarks.page import Page

QUIET_LOAD = 0.3
"""Load average of the last minute, per processor, up to which the machine counts as quiet."""
QUIET_SHARE = 0.1
"""Share of all processor time that others may take while nothing of ours runs."""
WATCHED_SECONDS = 2.0


def processor_model() -> str:
    """The processor's name as the kernel gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def slug() -> str:
    """The machine's name for a file: processor and count, nothing personal."""
    words = re.sub(r"[^a-z0-9]+", "-", processor_model().lower()).strip("-")
    return f"{words}-{usable_processors()}-processors"


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def describe(page: Page, interpreters: dict[str, str]) -> None:
    """Print the machine, the date, the interpreters (role -> version) and the load before measuring."""
    page.line(f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    page.line(
        f"- machine: {processor_model()}, {usable_processors()} usable processors, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}"
    )
    for role, version in interpreters.items():
        page.line(f"- {role}: {version}")
    one, five, _ = os.getloadavg()
    taken = taken_by_others()
    quiet = one <= QUIET_LOAD * usable_processors() and taken <= QUIET_SHARE
    page.line(
        f"- before: load average {one:.2f} (1 min), {five:.2f} (5 min); "
        f"others take {taken * 100:.0f} % of all processors"
        + ("" if quiet else " - NOT a quiet machine: read the ratios with care")
    )


def taken_by_others() -> float:
    """Share of the machine (0 to 1) that is busy or stolen by its host while this process only waits."""
    before = _processor_ticks()
    time.sleep(WATCHED_SECONDS)
    return busy_share(before, _processor_ticks())


def busy_share(before: list[int], after: list[int]) -> float:
    """What was not idle between two readings of /proc/stat (fields 4 and 5: idle, waiting for the disk)."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    whole = sum(spent)
    return (whole - spent[3] - spent[4]) / whole if whole else 0.0


def _processor_ticks() -> list[int]:
    with open("/proc/stat", encoding="utf-8") as stat:
        return [int(word) for word in stat.readline().split()[1:9]]
