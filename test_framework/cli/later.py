"""What is known and not built yet: flags, modes and sub-commands that are refused by name, never ignored."""

from __future__ import annotations

from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

SWITCHES = (
    "cypress-headed", "queue-e2e", "no-warm",
)  # fmt: skip
VALUES = (
    "background-category", "resume",
)  # fmt: skip
CHOICES = {
    "cypress-browser": ("chrome", "firefox", "edge", "electron"),
}  # fmt: skip
MODES: tuple[str, ...] = ()
PROGRESS_MODES = ("websocket",)
COMMANDS = (
    "serve", "services", "report", "compare", "trends",
    "shadow", "simulate", "doctor", "clean",
)  # fmt: skip

FLAGS = tuple(sorted(f"--{name}" for name in (*SWITCHES, *VALUES, *CHOICES)))


def add_later(group: argparse._ArgumentGroup, hidden: str) -> None:
    """Add the flags to a parser's group; `hidden` is argparse's mark of what the help does not list."""
    for name in SWITCHES:
        group.add_argument(f"--{name}", action="store_const", const=True, help=hidden)
    for name in VALUES:
        group.add_argument(f"--{name}", help=hidden)
    for name, choices in CHOICES.items():
        group.add_argument(f"--{name}", choices=choices, help=hidden)


def refuse_later(options: argparse.Namespace) -> None:
    """Raise `UserError` that names everything asked for that is not built yet."""
    asked = [flag for flag in FLAGS if getattr(options, flag[2:].replace("-", "_")) is not None]
    if options.execution_mode in MODES:
        asked.append(f"--execution-mode {options.execution_mode}")
    if options.progress_mode in PROGRESS_MODES:
        asked.append(f"--progress-mode {options.progress_mode}")
    if asked:
        are = "is" if len(asked) == 1 else "are"
        raise UserError(
            f"{', '.join(asked)} {are} known but not built yet",
            "leave it out; see CHANGELOG.md for what is there",
        )
