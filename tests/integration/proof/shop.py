"""The small project on disk: run by `traced.py`, taken in, and decided about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from test_framework.core.memory import Memory
from test_framework.core.proof import Decision, ToRun, decide
from test_framework.core.selection import Wish
from test_framework.core.settings import Settings
from test_framework.model.facts import RunFinished, TestFinished
from test_framework.model.outcome import Outcome
from test_framework.model.wire import encode
from test_framework.orchestration.gate import Gate, Request, gate, recollect, request_key
from test_framework.records.changes import Digests
from test_framework.records.dependencies import DIGESTS, load_memory
from test_framework.records.interpreter import identify
from test_framework.records.keeping import Circumstances, keep_run
from test_framework.records.present import Present, Surroundings
from test_framework.records.sources import Sources
from tests.integration.proof.project import FILES

SETTINGS = Settings(environment="test", categories={}, layers={}, modes={})
TRACED = Path(__file__).with_name("traced.py")
Outcomes = dict[str, str]


@dataclass
class Shop:
    """The project on disk, run by `traced.py`."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    roots: tuple[str, ...] = ("tests",)
    runs: int = 0

    @property
    def base(self) -> Path:
        return self.root / ".apex"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self) -> tuple[str, Outcomes | None]:
        """Run everything; the outcomes, or None where the project could not be imported."""
        self.runs += 1
        run = f"run-{self.runs:04}"
        directory = self.base / "runs" / run
        directory.mkdir(parents=True)
        subprocess.run(
            [sys.executable, str(TRACED), str(self.root), str(directory)],
            env=self.environ,
            cwd=self.root,
            capture_output=True,
            check=True,
        )
        outcomes: Outcomes | None = json.loads((directory / "outcomes.json").read_bytes())
        return run, outcomes

    def run_and_keep(self) -> Outcomes:
        self.wait_until_files_are_older()
        began, clock = time.time(), time.monotonic()
        identity = identify(sys.executable, self.environ, Digests(self.root))
        run, outcomes = self.run()
        assert outcomes is not None
        facts = (
            TestFinished(test=test, attempt=1, outcome=Outcome(outcome), category="unit", layer="unit",
                         worker="gw0", seconds=0.01)
            for test, outcome in outcomes.items()
        )  # fmt: skip
        ended = RunFinished(exit_code=0)
        lines = [encode(seq, "", 0.0, run, fact) for seq, fact in enumerate([*facts, ended])]
        (self.base / "runs" / run / "facts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        circumstances = Circumstances(
            began=began,
            ended=time.time(),
            elapsed=time.monotonic() - clock,
            identity=identity,
            request=request_key(SETTINGS, self.request()),
            roots=self.roots,
        )
        assert keep_run(self.root, self.base, run, circumstances) == []
        return outcomes

    def wait_until_files_are_older(self) -> None:
        newest = max(os.stat(self.root / path).st_ctime for path in FILES)
        while time.time() < newest + 0.05:
            os.sched_yield()

    def decide(self, memory: Memory | None = None) -> dict[str, Decision]:
        memory = memory or load_memory(self.base).memory
        digests = Digests.load(self.root, self.base / DIGESTS)
        now = Present(memory, self.surroundings(), digests, Sources.of(self.base)).now()
        assert now is not None
        return decide(memory, now)

    def to_run(self) -> dict[str, str]:
        return {test: str(one.reason) for test, one in self.decide().items() if isinstance(one, ToRun)}

    def surroundings(self) -> Surroundings:
        return Surroundings(
            root=self.root, executable=sys.executable, environ=self.environ, arguments=("-q", "tests")
        )

    def request(self) -> Request:
        return Request(wish=Wish(), surroundings=self.surroundings())

    def gate(self, request: Request | None = None) -> Gate:
        request = request or self.request()
        key = request_key(SETTINGS, request)
        return gate(recollect(request, self.base, key), key, self.root)


def make_shop(root: Path) -> Shop:
    made = Shop(root)
    for path, text in FILES.items():
        made.write(path, text)
    return made
