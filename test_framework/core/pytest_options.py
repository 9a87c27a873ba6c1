"""Which of pytest's arguments can change how a test ends, and which only choose tests or show results.

Rules: pure; what is not known to be harmless matters; a word after an unknown option may be its value, and matters too.
"""

from __future__ import annotations

from collections.abc import Sequence

SWITCHES = frozenset(
    [
        "-q", "--quiet", "-v", "--verbose", "-vv", "-vvv", "-x", "--exitfirst", "-l", "--showlocals", "--no-header",
        "--no-summary", "--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first", "--sw", "--stepwise",
        "--co", "--collect-only", "--full-trace", "--force-short-summary", "--cache-clear",
    ]
)  # fmt: skip
WITH_VALUE = frozenset(
    [
        "-k", "-m", "--maxfail", "--tb", "-r", "--color", "--code-highlight", "--durations", "--durations-min",
        "--junitxml", "--junit-xml", "--junit-prefix", "--show-capture", "-n", "--numprocesses", "--dist", "--deselect",
        "--verbosity", "--lfnf", "--last-failed-no-failures",
    ]
)  # fmt: skip
GLUED = ("-k", "-m", "-r", "-n")


ARGUMENTS = "pytest arguments"
"""their name among the parts of an environment"""


SKIPPING_FILES = frozenset({"--lf", "--last-failed"})
"""switches with which pytest does not even collect some files"""


def narrow(arguments: Sequence[str]) -> bool:
    """Whether these arguments may keep files from being collected, so that nobody hears of their tests.

    Tests that are collected and then left out (-k, -m, --deselect) are counted, so they are not meant.
    """
    return bool(that_matter(arguments)) or not SKIPPING_FILES.isdisjoint(arguments)


def arguments_part(arguments: Sequence[str]) -> dict[str, str]:
    """pytest's arguments as a part of an environment."""
    return {ARGUMENTS: " ".join(that_matter(arguments))}


def that_matter(arguments: Sequence[str]) -> tuple[str, ...]:
    """The arguments without paths, choices and ways of showing."""
    kept: list[str] = []
    index = 0
    follows_unknown = False
    while index < len(arguments):
        argument = arguments[index]
        index += 1
        name = argument.partition("=")[0]
        if not argument.startswith("-"):
            if follows_unknown:
                kept.append(argument)
            follows_unknown = False
            continue
        follows_unknown = False
        if argument in SWITCHES or (name in WITH_VALUE and name != argument):
            continue
        if argument in WITH_VALUE:
            index += 1
        elif argument.startswith(GLUED) and not argument.startswith("--"):
            continue
        else:
            kept.append(argument)
            follows_unknown = "=" not in argument
    return tuple(kept)
