"""The expected mistakes of users and surroundings: one line, then what to do; never a traceback."""

from __future__ import annotations

from test_framework.model.exit_codes import ExitCode


class UserError(Exception):
    """Something the user can mend.

    `what` says what is wrong (and where), `hint` what to do; `exit_code` is the command's exit code.
    """

    def __init__(self, what: str, hint: str = "", exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.exit_code = exit_code
