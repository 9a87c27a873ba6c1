from __future__ import annotations

import json

from test_framework.model.outcome import Outcome
from test_framework.sinks.result import ResultFile


def test_the_result_holds_verdict_ledger_counts_layers_and_seconds(story, tmp_path):
    path = tmp_path / "run" / "result.json"
    story.sinks = [ResultFile(path)]
    story.begin(tests=4)
    story.end("t.py::a")
    story.end("t.py::b", Outcome.FAILED)
    story.end("t.py::c", Outcome.FAILED)
    story.end("t.py::c", attempt=2)
    story.owe("t.py::\ud800", "no time left")
    story.now = 2.4
    assert not path.exists()
    story.finish("failed")
    assert json.loads(path.read_bytes()) == {
        "version": 1,
        "run": "run-1",
        "apex_version": "0.1.0",
        "mode": "fast_feedback",
        "started_at": "2026-01-02T03:04:05.678Z",
        "seconds": 2.4,
        "exit_code": 1,
        "verdict": "failed",
        "reasons": ["1 failed"],
        "ledger": {"executed": 3, "proven": 0, "owed": 1, "collected": 4},
        "deselected": 0,
        "outcomes": {"passed": 2, "failed": 1},
        "flaky": ["t.py::c"],
        "failed": ["t.py::b"],
        "collection_failures": [],
        "owed": {"no time left": 1},
        "warnings": 0,
        "alerts": [],
        "broken_sinks": {},
        "stopped": None,
        "layers": [
            {
                "layer": "fast_feedback",
                "status": "failed",
                "reason": "",
                "tests": 4,
                "done": 3,
                "failed": 1,
                "owed": 1,
                "proven": 0,
                "seconds": 2.0,
            }
        ],
    }
