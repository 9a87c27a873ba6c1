"""Writes docs/COMMAND_LINE.md from the parser: python scripts/write_command_line.py (--check: only compare)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "COMMAND_LINE.md"

HEAD = """\
# The command line

`python unified_test_runner.py`, `python scripts/unified_test_runner.py` and the installed command `apex` are the same
program. This page is written from its parser (`python scripts/write_command_line.py`).

    apex [run] [flags] [-- pytest's paths and options]

What stands after `--` goes to the project's pytest; paths and node ids there run exactly those tests. Flags are never
abbreviated. A flag that nobody knows is answered with the nearest known one, a combination without meaning with the
reason (exit 4).
"""
COMMANDS = """\
## Commands

| command | meaning |
|---|---|
| `apex`, `apex run` | run tests |
| `apex watch` | run, and run again what a saved file reaches (needs watchfiles); flags as for `apex run` |
| `apex status` | the same as `--orchestration-status` |
| `apex explain TEST` | why a test would run, is proven, or was owed |
| `apex history show`, `test`, `import`, ... | what former runs say; results of other runners are taken in |
| `apex cache status`, `export`, `merge`, `clear` | what proves tests, for this checkout and for others |
| `apex init` | write a first, commented `apex.yaml` from what the repository holds |
| `apex schema` | print the JSON Schema of every configuration file |
| `apex completion bash`, `zsh`, `fish` | print the shell's completion: `eval "$(apex completion bash)"` |
"""


def page() -> str:
    """The whole page."""
    from test_framework.cli.arguments import build_parser
    from test_framework.cli.combinations import CONTRADICTIONS
    from test_framework.cli.later import COMMANDS as LATER
    from test_framework.cli.later import FLAGS, MODES, PROGRESS_MODES

    parts = [HEAD, COMMANDS]
    for group in build_parser()._action_groups:
        rows = [
            _row(each) for each in group._group_actions if each.option_strings and each.help != "==SUPPRESS=="
        ]
        if rows:
            title = str(group.title)
            parts.append("\n".join([f"## {title[0].upper()}{title[1:]}", "", "| flag | value | meaning |",
                                    "|---|---|---|", *rows, ""]))  # fmt: skip
    parts.append("## Contradictions\n\n| flags | why they do not go together |\n|---|---|")
    parts[-1] += "".join(f"\n| `{one}`, `{other}` | {why} |" for one, other, why in CONTRADICTIONS) + "\n"
    later = [f"`{flag}`" for flag in FLAGS]
    later += [f"`--execution-mode {mode}`" for mode in MODES]
    later += [f"`--progress-mode {mode}`" for mode in PROGRESS_MODES]
    later += [f"`apex {command}`" for command in LATER]
    text = "## Known, and not built yet\n\nRefused by name, never ignored:\n" + ",\n".join(later) + ".\n"
    return "\n".join([*parts, text])


def _row(action: argparse.Action) -> str:
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings)
    value = ""
    if action.nargs != 0:
        value = " ".join(filter(None, (str(action.metavar or ""), "..." if action.nargs == "+" else "")))
        if action.choices:
            value = ", ".join(f"`{each}`" for each in action.choices)
    meaning = (action.help or "").replace("%(choices)s", "one of these").replace("|", "\\|")
    return f"| {flags} | {value} | {meaning} |"


def main() -> int:
    """Write the page, or with --check say whether it is current (exit status 1: it is not)."""
    sys.path.insert(0, str(REPOSITORY))
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
