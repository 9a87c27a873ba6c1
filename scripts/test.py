"""Runs all tests of this repository: python scripts/test.py [pytest's options]

Rules: sets up what is missing (.venv-dev from requirements-dev.lock) as the command itself does; a Python
that has everything already is used as it is. Parses on interpreters that are too old, so that it can say so.
"""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(HERE)
LOCK = "requirements-dev.lock"
DIRECTORIES = (".venv-dev", os.path.join(".apex", "venv-dev"))


def main():
    """Become pytest on the whole of tests/; 4 where no environment can be set up."""
    if sys.version_info < (3, 11) or os.name != "posix":
        sys.stderr.write(
            "test: this is Python %d.%d on %s; Python 3.11 or newer on Linux is needed\n"
            % (sys.version_info[0], sys.version_info[1], sys.platform)
        )
        return 4
    sys.path[:] = [REPOSITORY] + [entry for entry in sys.path if entry not in (HERE, REPOSITORY)]
    from test_framework import bootstrap

    needed = (*bootstrap.NEEDED, "hypothesis", "hatchling", "importlinter", "mypy", "ruff")
    python = sys.executable
    if bootstrap.missing(needed):
        python = bootstrap.Setup(REPOSITORY, DIRECTORIES, LOCK, needed).interpreter()
        if isinstance(python, int):
            return python
    os.chdir(REPOSITORY)
    return bootstrap.enter(python, ["-m", "pytest", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
