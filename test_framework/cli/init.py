"""`apex init`: a first, commented `apex.yaml` from what the repository holds.

Rules: a file that is there is never overwritten unless --force says so; files of the legacy runner are left
alone; what is written changes nothing until a line of it is switched on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from test_framework.cli.arguments import Parser
from test_framework.engine.project import find_root
from test_framework.model.errors import UserError

FILE = "apex.yaml"
_WHAT = """\
Writes a commented apex.yaml for this repository, from what it finds there.
Nothing changes until a line of it is switched on."""


def run(arguments: Sequence[str], prog: str) -> int:
    """Write or print the file. Raises `UserError` where one is there already or cannot be written."""
    parser = Parser(prog=f"{prog} init", description=_WHAT, allow_abbrev=False)
    parser.add_argument(
        "--project-root", metavar="DIR", help="the project (default: this directory's repository)"
    )
    parser.add_argument("--force", action="store_true", help="replace an apex.yaml that is there")
    parser.add_argument("--stdout", action="store_true", help="print the file, write nothing")
    options = parser.parse_args(arguments)
    root = find_root(options.project_root)
    path = root / FILE
    if not options.stdout and not options.force and os.path.lexists(path):
        raise UserError(
            f"{FILE} is there already", "nothing was changed; --force replaces it, --stdout prints a new one"
        )

    from test_framework.configuration.proposal import proposal
    from test_framework.configuration.survey import survey

    found = survey(root)
    text = proposal(found, prog)
    if options.stdout:
        sys.stdout.write(text)
        return 0
    try:
        _write(str(path), text.encode(), replace=options.force)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    sys.stdout.write(f"wrote {path}\n")
    for legacy in found.legacy:
        sys.stdout.write(f"{legacy} was left alone; what stands there comes before apex.yaml\n")
    sys.stdout.write(f"nothing changes until a line is switched on; {prog} --validate checks it\n")
    return 0


def _write(path: str, content: bytes, replace: bool) -> None:
    """Write the whole file or none, and never through a link."""
    new = f"{path}.{os.getpid()}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        if replace:
            os.replace(new, path)
        else:
            os.link(new, path)
    finally:
        if os.path.lexists(new):
            os.unlink(new)
