"""The command line of the Netra Apex Test Orchestration System: python scripts/unified_test_runner.py

Rules: parses on interpreters that are too old, so that it can say so; everything else is in test_framework.
"""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(HERE)


def main():
    """Run the command; its exit code."""
    if sys.version_info < (3, 11) or os.name != "posix":
        sys.stderr.write(
            "apex: this is Python %d.%d on %s; Python 3.11 or newer on Linux is needed\n"
            "  name one, for example: python3.11 scripts/unified_test_runner.py\n"
            % (sys.version_info[0], sys.version_info[1], sys.platform)
        )
        return 4
    sys.path[:] = [REPOSITORY] + [entry for entry in sys.path if entry not in (HERE, REPOSITORY)]
    from test_framework.bootstrap import start

    return start(REPOSITORY)


if __name__ == "__main__":
    sys.exit(main())
