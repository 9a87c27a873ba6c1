"""What needs no run imports none of what a run needs: a mistake is answered at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
HEAVY = (
    "asyncio",
    "yaml",
    "pydantic",
    "rich",
    "psutil",
    "test_framework.orchestration.master_orchestration_controller",
)
LIGHTER_STILL = ("dataclasses", "inspect", "typing", "shutil", "secrets", "tempfile")
"""what only a run needs: answers and mistakes of the command line do without these too"""
# What the interpreter's own environment has imported before (a .pth file may import anything) is not ours.
ASK = (
    "import json, sys; before = set(sys.modules); from test_framework.cli.main import main; code = main(sys.argv[1:]); "
    "sys.stderr.write('\\n' + json.dumps([code, sorted(set(sys.modules) - before)]))"
)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["--list-categories"], 0),
        (["--show-layers"], 0),
        (["--show-category-stats"], 0),
        (["--orchestration-status"], 0),
        (["completion", "bash"], 0),
        (["--no-such-flag"], 4),
        (["--no-warm"], 4),
        (["--env", "prod"], 4),
        (["--category", "nonsense"], 4),
        (["--project-root", "/no/such/directory"], 4),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_answer_without_a_run_imports_nothing_heavy(tmp_path: Path, argv: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK, *argv],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    answered, modules = json.loads(done.stderr.splitlines()[-1])
    assert answered == code
    heavy = HEAVY if argv[0] in ("--category", "--project-root") else (*HEAVY, *LIGHTER_STILL)
    assert [name for name in heavy if name in modules] == []
