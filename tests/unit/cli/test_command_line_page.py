from __future__ import annotations

from scripts.write_command_line import PAGE, page
from test_framework.cli.arguments import build_parser
from test_framework.orchestration.detached import HOST_FLAG


def test_the_page_about_the_command_line_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python scripts/write_command_line.py"


def test_the_page_names_every_flag() -> None:
    text = page()
    flags = [flag for action in build_parser()._actions for flag in action.option_strings]
    assert [flag for flag in flags if f"`{flag}`" not in text] == [HOST_FLAG]
