"""Every flag of the command: the legacy runner's with name, choices, default and meaning, and ours.

Rules: argparse only; what comes after `--` is the project's pytest's; a flag whose feature is not built yet is known
and refused by name (`NOT_YET`), never ignored.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from test_framework import __version__
from test_framework.model.errors import UserError

ENVIRONMENTS = ("test", "dev", "staging", "prod", "development", "production")
PROGRESS_MODES = ("simple", "rich", "json", "console", "websocket", "silent")
FAIL_FAST_MODES = (
    "disabled",
    "first_failure",
    "category_failure",
    "critical_failure",
    "threshold_based",
    "smart_adaptive",
    "dependency_aware",
)
SPLITTING = ("time_based", "count_based", "category_based", "complexity_based", "dependency_aware", "hybrid")
LATER_MODES = ("background", "hybrid", "commit", "ci", "weekend", "development")

NOT_YET = {
    "exclude_env": "--exclude-env",
    "allow_prod": "--allow-prod",
    "real_llm": "--real-llm",
    "real_services": "--real-services",
    "max_workers": "--max-workers",
    "parallel": "--parallel",
    "pattern": "--pattern",
    "window_size": "--window-size",
    "disable_auto_split": "--disable-auto-split",
    "splitting_strategy": "--splitting-strategy",
    "resume_from": "--resume-from",
    "show_category_stats": "--show-category-stats",
    "show_layers": "--show-layers",
    "validate": "--validate",
    "cypress_headed": "--cypress-headed",
    "cypress_browser": "--cypress-browser",
    "background_e2e": "--background-e2e",
    "queue_e2e": "--queue-e2e",
    "background_category": "--background-category",
    "background_status": "--background-status",
    "background_results": "--background-results",
    "kill_background": "--kill-background",
    "background_timeout": "--background-timeout",
    "orchestration_status": "--orchestration-status",
    "master_orchestration": "--master-orchestration",
    "enable_monitoring": "--enable-monitoring",
    "websocket_thread_id": "--websocket-thread-id",
    "no_progress_streaming": "--no-progress-streaming",
    "max_parallel_layers": "--max-parallel-layers",
    "only_changed": "--only-changed",
    "shard": "--shard",
    "retries": "--retries",
    "flaky_result": "--flaky-result",
    "time": "--time",
    "ctrf": "--ctrf",
    "no_cache": "--no-cache",
    "observation": "--observation",
    "explain": "--explain",
    "resume": "--resume",
    "attach": "--attach",
    "executor": "--executor",
    "no_warm": "--no-warm",
}
LATER_SWITCHES = (
    "allow-prod", "real-llm", "real-services", "parallel", "disable-auto-split", "show-category-stats", "show-layers",
    "validate", "cypress-headed", "background-e2e", "queue-e2e", "background-status", "orchestration-status",
    "master-orchestration", "enable-monitoring", "no-progress-streaming", "no-cache", "observation", "no-warm",
)  # fmt: skip
LATER_VALUES = (
    "pattern", "window-size", "resume-from", "background-category", "background-results", "kill-background",
    "background-timeout", "websocket-thread-id", "max-parallel-layers", "max-workers", "shard", "retries", "time",
    "ctrf", "explain", "resume", "attach", "executor",
)  # fmt: skip
LATER_COMMANDS = frozenset(
    [
        "init", "status", "serve", "watch", "services", "history", "cache", "report", "compare", "trends", "explain",
        "shadow", "simulate", "schema", "doctor", "clean",
    ]
)  # fmt: skip


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes are `UserError`s, so that they look like all others."""

    def error(self, message: str) -> NoReturn:
        hint = f"{self.prog} --help lists every flag"
        _, unrecognized, words = message.partition("unrecognized arguments: ")
        if unrecognized:
            import difflib

            hint = f"what is meant for pytest goes after --, like: {self.prog} -- {words}\n{hint}"
            near = difflib.get_close_matches(words.split()[0].split("=")[0], self._option_string_actions, n=1)
            if near:
                hint = f"did you mean {near[0]}?\n{hint}"
        raise UserError(message, hint)


def build_parser(prog: str = "apex") -> Parser:
    parser = Parser(
        prog=prog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Netra Apex Test Orchestration System: runs a project's tests in layers with real deadlines.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"apex {__version__}")
    _add_choice(parser.add_argument_group("what runs"))
    _add_running(parser.add_argument_group("how it runs"))
    _add_output(parser.add_argument_group("what is shown and written"))
    _add_orchestration(parser.add_argument_group("Master Orchestration System"))
    _add_later(parser.add_argument_group("known, and not built yet (refused by name)"))
    return parser


_EPILOG = """\
Everything after -- goes to the project's pytest: paths, node ids and its own options.

  apex --execution-mode fast_feedback          the fast layer, two minutes at most
  apex --category unit                         the legacy way: a category and what it depends on
  apex -- tests/test_login.py -p no:randomly   exactly these tests
"""


def _add_choice(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--category", metavar="NAME", help="one category, with what it depends on")
    group.add_argument(
        "--categories", nargs="+", metavar="NAME", help="several categories, with what they depend on"
    )
    group.add_argument(
        "-k", dest="keyword", metavar="EXPR", help="only tests whose names match (pytest's -k)"
    )
    group.add_argument(
        "-m", dest="markers", metavar="EXPR", help="only tests whose marks match (pytest's -m)"
    )
    group.add_argument(
        "--lf", "--last-failed", dest="last_failed", action="store_true", help="only what failed last"
    )
    group.add_argument(
        "--ff", "--failed-first", dest="failed_first", action="store_true", help="what failed last first"
    )
    group.add_argument("--list-categories", action="store_true", help="print the categories and end")
    group.add_argument("--dry-run", action="store_true", help="collect, print the plan and end")


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--project-root", metavar="DIR", help="the project to test (default: this directory's repository)"
    )
    group.add_argument("--python", metavar="EXE", help="the interpreter of the project's tests")
    group.add_argument("--env", choices=ENVIRONMENTS, default="test", help="environment (default: test)")
    group.add_argument(
        "-n",
        "--numprocesses",
        "--workers",
        dest="lanes",
        metavar="N",
        help="lanes (default: usable CPUs; auto)",
    )
    group.add_argument(
        "--isolation",
        choices=("auto", "fork", "spawn"),
        default="auto",
        help="how lanes are made (default: auto: forked, or spawned where forking is unsafe)",
    )
    group.add_argument(
        "-x", "--exitfirst", dest="exit_first", action="store_true", help="stop after the first failure"
    )
    group.add_argument("--maxfail", type=_count, default=0, metavar="N", help="stop after N failures")
    group.add_argument("--fast-fail", action="store_true", help="stop after the first failure (legacy name)")
    group.add_argument("--fail-fast-mode", choices=FAIL_FAST_MODES, help="when failures stop the run")
    group.add_argument("--test-timeout", type=_seconds, metavar="SECONDS", help="limit of each test")
    group.add_argument("--run-timeout", type=_seconds, metavar="SECONDS", help="limit of the whole run")
    group.add_argument(
        "--grace", type=_seconds, default=5.0, metavar="SECONDS", help="time to end when told to (5)"
    )
    group.add_argument(
        "--no-gc-tuning", action="store_true", help="leave the garbage collector of the tests alone"
    )
    group.add_argument(
        "--no-coverage", action="store_true", help="accepted: coverage is only measured if pytest is told to"
    )
    group.add_argument("--pdb", action="store_true", help="debugger on failure: one lane, in this terminal")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--progress-mode", choices=PROGRESS_MODES, help="default: console on a terminal, else simple"
    )
    group.add_argument(
        "--verbose", "-v", action="store_true", help="a line per test; everything that is owed"
    )
    group.add_argument("--junitxml", metavar="PATH", help="write a JUnit XML report")
    group.add_argument("--output", metavar="DIR", help="write reports into this directory")
    group.add_argument(
        "-s", dest="no_capture", action="store_true", help="show what tests print (pytest's -s)"
    )
    group.add_argument(
        "--tb", choices=("auto", "long", "short", "line", "native", "no"), help="traceback style"
    )


def _add_orchestration(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--execution-mode", metavar="MODE", help="fast_feedback, nightly, or a configured mode"
    )
    group.add_argument(
        "--use-layers", action="store_true", help="run every layer that is not a background layer"
    )
    group.add_argument("--layers", nargs="+", metavar="LAYER", help="only these layers")


def _add_later(group: argparse._ArgumentGroup) -> None:
    flag = {"action": "store_const", "const": True, "default": None, "help": argparse.SUPPRESS}
    value = {"default": None, "help": argparse.SUPPRESS}
    for name in LATER_SWITCHES:
        group.add_argument(f"--{name}", **flag)  # type: ignore[arg-type]
    for name in LATER_VALUES:
        group.add_argument(f"--{name}", **value)  # type: ignore[arg-type]
    group.add_argument("--only-changed", nargs="?", const="HEAD", **value)  # type: ignore[arg-type]
    group.add_argument("--exclude-env", choices=ENVIRONMENTS, **value)  # type: ignore[arg-type]
    group.add_argument("--splitting-strategy", choices=SPLITTING, **value)  # type: ignore[arg-type]
    group.add_argument("--cypress-browser", choices=("chrome", "firefox", "edge", "electron"), **value)  # type: ignore[arg-type]
    group.add_argument("--flaky-result", choices=("pass", "fail"), **value)  # type: ignore[arg-type]
    names = ", ".join(sorted(flag for flag in NOT_YET.values()))
    group.description = f"{names}; execution modes {', '.join(LATER_MODES)}; progress mode websocket"


def parse(argv: Sequence[str], prog: str = "apex") -> tuple[argparse.Namespace, list[str]]:
    """Our options, and what stands after `--` for pytest. Raises `UserError`."""
    arguments = list(argv)
    if arguments and arguments[0] in LATER_COMMANDS:
        raise UserError(f"`{prog} {arguments[0]}` is not built yet", "today there is: apex run (the default)")
    if arguments and arguments[0] == "run":
        del arguments[0]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = build_parser(prog).parse_args(arguments[:cut])
    refuse_later(options)
    check(options)
    return options, arguments[cut + 1 :]


def refuse_later(options: argparse.Namespace) -> None:
    asked = [flag for name, flag in NOT_YET.items() if getattr(options, name) is not None]
    if options.execution_mode in LATER_MODES:
        asked.append(f"--execution-mode {options.execution_mode}")
    if options.progress_mode == "websocket":
        asked.append("--progress-mode websocket")
    if asked:
        are = "is" if len(asked) == 1 else "are"
        raise UserError(
            f"{', '.join(asked)} {are} known but not built yet",
            "leave it out; see CHANGELOG.md for what is there",
        )


def check(options: argparse.Namespace) -> None:
    """Combinations without meaning. Raises `UserError` that says why."""
    if options.category and options.categories:
        raise UserError(
            "--category and --categories say the same thing twice", "name all of them after --categories"
        )
    named = options.category or options.categories
    if options.execution_mode and named:
        raise UserError(
            "--execution-mode runs layers, --category runs categories: together they have no meaning",
            "choose one; --layers names the layers of a layered run",
        )
    if options.layers and named:
        raise UserError("--layers and --category contradict each other", "choose layers or categories")
    if options.layers and options.execution_mode:
        raise UserError("--layers and --execution-mode both choose the layers", "choose one")
    if options.exit_first and options.maxfail > 1:
        raise UserError(f"-x means --maxfail 1, and --maxfail {options.maxfail} was given too", "choose one")
    if options.pdb and options.lanes not in (None, "1"):
        raise UserError("--pdb needs the terminal for itself: it runs one lane", "leave out -n, or --pdb")
    if options.pdb and options.progress_mode == "json":
        raise UserError("--pdb and --progress-mode json both need stdout", "choose one")
    if options.lanes is not None and options.lanes != "auto":
        if not options.lanes.isdigit() or not 1 <= int(options.lanes) <= 256:
            raise UserError(f"-n takes a number from 1 to 256 or auto, not {options.lanes!r}")


def _seconds(text: str) -> float:
    """Seconds as a number, or with a unit: 90, 1.5, 90s, 2m, 1h."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        value = float(number) * unit
    except ValueError:
        value = -1.0
    if not 0.0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; 90, 1.5, 90s, 2m and 1h are")
    return value


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)
