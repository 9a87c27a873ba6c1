"""The program: `main(argv) -> exit code`.

Rules: what needs neither asyncio, yaml, pydantic nor rich imports none of them; the project's interpreter is started
before anything heavy is imported; expected mistakes are one line and a hint on stderr.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from test_framework.cli.unchanged import answer_at_once, print_answer
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: the process's own) and return its exit code."""
    began = time.monotonic()
    open_closed_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        kept = answer_at_once(arguments, os.environ)
        if kept is not None:
            return print_answer(kept, began)
        from test_framework.cli.arguments import ANSWERS, parse

        if arguments[:1] == ["completion"]:
            from test_framework.cli.completion import complete

            return complete(arguments[1:], _program())
        if arguments[:1] in (["cache"], ["explain"], ["history"], ["init"], ["schema"], ["watch"]):
            from importlib import import_module

            return int(import_module(f"test_framework.cli.{arguments[0]}").run(arguments[1:], _program()))
        options, pytest_args = parse(arguments, _program())
        if any(getattr(options, name) for name in ANSWERS):
            from test_framework.cli.answers import answer

            return answer(options)
        from test_framework.cli import background

        if background.asked(options):
            return background.run(options, arguments)
        if options.execution_mode == "hybrid":
            background.start_beside(options, arguments)
        from test_framework.cli.run import run

        return run(options, pytest_args, arguments, began)
    except UserError as error:
        complain(error)
        return int(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except SystemExit as request:  # argparse ends so after --help and --version
        return int(request.code or 0)


def open_closed_streams() -> None:
    """Where the user closed stdin, stdout or stderr (`>&-`), put /dev/null, before a file or socket takes the place."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, fd in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            mode = "r" if fd == 0 else "w"
            stream = open(fd, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def complain(error: UserError) -> None:
    """What is wrong, then what to do, on stderr."""
    lines = [f"apex: error: {error.what}"]
    lines += [f"  {line}" for line in error.hint.splitlines()]
    sys.stderr.write("\n".join(line.encode("utf-8", "backslashreplace").decode() for line in lines) + "\n")


def _program() -> str:
    name = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "apex"
    return name if name != "__main__.py" else "apex"


def entry() -> NoReturn:
    """The command as a process: ends it without taking the interpreter apart, which nobody waits for gladly."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)
