"""The command line of the Netra Apex Test Orchestration System: python scripts/unified_test_runner.py

Rules: parses on interpreters that are too old, so that it can say so; everything else is in test_framework. What the
old runner offered to its importers is found there when it is asked for: MASTER_ORCHESTRATION_AVAILABLE,
should_use_orchestration(args) and, to be awaited, execute_orchestration_mode(args).
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


def __getattr__(name):
    """The old runner's names, imported when they are asked for: the command itself needs none of them."""
    if name not in (
        "MASTER_ORCHESTRATION_AVAILABLE",
        "should_use_orchestration",
        "execute_orchestration_mode",
    ):
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    if REPOSITORY not in sys.path:
        sys.path.append(REPOSITORY)
    from test_framework.cli import embedding

    if name == "MASTER_ORCHESTRATION_AVAILABLE":
        return embedding.orchestration_available()
    return getattr(embedding, name)


if __name__ == "__main__":
    sys.exit(main())
