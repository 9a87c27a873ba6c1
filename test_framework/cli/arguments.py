"""Every flag of the command: the legacy runner's with name, choices, default and meaning, and ours.

Rules: argparse only; what comes after `--` is the project's pytest's; a flag whose feature is not built yet is known
and refused by name (`later`), a combination without meaning is refused with the reason (`combinations`).
"""

from __future__ import annotations

import argparse
import os

from test_framework import __version__
from test_framework.cli.background import QUESTIONS, add_background
from test_framework.cli.combinations import refuse_contradictions
from test_framework.cli.later import COMMANDS, FLAGS, MODES, PROGRESS_MODES, add_later, refuse_later
from test_framework.cli.values import count, lanes, named, positive, run_id, seconds
from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.core.production import refuse_production
from test_framework.core.splitting import HYBRID, STRATEGIES
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

SHOWN = ("simple", "rich", "json", "console", "websocket", "silent")
FAIL_FAST_MODES = (
    "disabled",
    "first_failure",
    "category_failure",
    "critical_failure",
    "threshold_based",
    "smart_adaptive",
    "dependency_aware",
)
ANSWERS = (
    "list_categories", "show_layers", "show_category_stats", "orchestration_status", "validate", "explain",
)  # fmt: skip
"""Options that are answered without a run, in the order in which several of them are answered."""
MOST_COLUMNS = 120
MOST_SHOWN = 200


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps lines that were laid out by hand; argparse's own way to the terminal's width would import shutil."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(_columns(), MOST_COLUMNS) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        import textwrap  # a flag must not be broken at its hyphens, as argparse would

        return textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes are `UserError`s, so that they look like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, f"{self.prog} --help lists every flag")

    def unrecognized(self, words: Sequence[str]) -> UserError:
        """What to say of words that are no flags of ours: the nearest flag, and where pytest's words belong."""
        import difflib
        import shlex

        from test_framework.cli.completion import COMMANDS as SUB_COMMANDS

        shown = shlex.join(word if word.isprintable() else ascii(word)[1:-1] for word in words)
        if len(shown) > MOST_SHOWN:
            shown = shown[:MOST_SHOWN] + " ..."
        hint = f"what is meant for pytest goes after --, like: {self.prog} -- {shown}"
        near = difflib.get_close_matches(
            words[0].split("=")[0][:MOST_SHOWN], self._option_string_actions, n=1
        )
        if words[0] in SUB_COMMANDS:
            hint = f"a sub-command comes first: {self.prog} {words[0]} ..."
        elif near:
            hint = f"did you mean {near[0]}?\n{hint}"
        return UserError(f"unrecognized arguments: {shown}", f"{hint}\n{self.prog} --help lists every flag")


_EPILOG = """\
Everything after -- goes to the project's pytest: paths, node ids and its own options.

  apex --execution-mode fast_feedback          the fast layer, two minutes at most
  apex --category unit                         the legacy way: a category and what it depends on
  apex -- tests/test_login.py -p no:randomly   exactly these tests
  apex watch -- tests/unit                     again whenever a file is saved
  apex status                                  what runs now, last verdicts, what is owed
  apex history show                            what was run, and how it ended
  apex cache export FILE                       what proves tests, for other checkouts and CI jobs
  apex init                                    write a commented apex.yaml for this repository
  apex schema                                  the JSON Schema of the configuration
  apex completion bash                         flags for the shell (also zsh, fish)
"""


def build_parser(prog: str = "apex") -> Parser:
    """The whole command line."""
    parser = Parser(
        prog=prog,
        usage=f"{prog} [flags] [-- pytest's paths and options]",
        allow_abbrev=False,
        formatter_class=Formatter,
        description="Netra Apex Test Orchestration System: runs a project's tests in layers with real deadlines.",
        epilog=_EPILOG,
        add_help=False,
    )
    _add_choice(parser.add_argument_group("what runs"))
    _add_layers(parser.add_argument_group("Master Orchestration System: layers"))
    add_background(parser.add_argument_group("runs in the background"))
    _add_running(parser.add_argument_group("how it runs"))
    _add_stopping(parser.add_argument_group("when it stops"))
    _add_output(parser.add_argument_group("what is shown and written"))
    _add_answers(parser.add_argument_group("answers without a run (nothing is run, whatever else is given)"))
    later = parser.add_argument_group("known, and not built yet (refused by name)")
    later.description = (
        f"{', '.join(FLAGS)}; execution modes {', '.join(MODES)}; progress mode {', '.join(PROGRESS_MODES)}"
    )
    add_later(later, argparse.SUPPRESS)
    return parser


def _add_choice(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--category", metavar="NAME", type=named, help="one category, with what it depends on, each once")
    add("--categories", metavar="NAME", type=named, nargs="+", help="several categories, likewise")
    add(
        "--pattern",
        metavar="P",
        help="only tests whose id contains P, or matches it as a glob; never a shell's",
    )
    add(
        "--only-changed",
        metavar="REF",
        nargs="?",
        const="HEAD",
        help="only tests that a change since the commit REF can reach (default: HEAD, so what is not committed)",
    )
    add("--shard", metavar="I/N", help="only the I-th of N parts, the same on every machine: 1/4 up to 4/4")
    add("-k", dest="keyword", metavar="EXPR", help="only tests whose names match (pytest's -k)")
    add("-m", dest="markers", metavar="EXPR", help="only tests whose marks match (pytest's -m)")
    add("--lf", "--last-failed", dest="last_failed", action="store_true", help="only what failed last")
    add("--ff", "--failed-first", dest="failed_first", action="store_true", help="what failed last first")
    add(
        "--resume-from",
        metavar="CAT",
        type=named,
        help="continue an ended run: this category and what comes after it",
    )
    add(
        "--exclude-env", metavar="ENV", choices=tuple(ENVIRONMENT_NAMES),
        help="leave out tests marked for this environment",
    )  # fmt: skip
    add("--dry-run", action="store_true", help="collect, print the plan and end")


def _add_layers(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--execution-mode",
        metavar="MODE",
        help="fast_feedback, nightly, commit, development, ci, weekend, all, background, hybrid, or a configured mode",
    )
    add("--use-layers", action="store_true", help="run every layer that is not a background layer")
    add("--layers", nargs="+", metavar="LAYER", type=named, help="these layers alone")
    add(
        "--master-orchestration",
        action="store_true",
        help="layers instead of categories: alone it means --execution-mode fast_feedback",
    )
    add("--max-parallel-layers", metavar="N", type=positive, default=3, help="layers at the same time (3)")
    add(
        "--enable-monitoring",
        action="store_true",
        help="accepted; the production log is always written, alerts are not built yet, and the run says so",
    )
    add(
        "--websocket-thread-id",
        metavar="ID",
        help="the host application's thread; without a host it has no effect",
    )
    add(
        "--no-progress-streaming",
        action="store_true",
        help="no live view: results are told when they are final",
    )


def _add_running(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--project-root", metavar="DIR", help="the project to test (default: this directory's repository)")
    add("--python", metavar="EXE", help="the interpreter of the project's tests")
    add(
        "--env", metavar="ENV", choices=tuple(ENVIRONMENT_NAMES), default="test",
        help="%(choices)s (default: test)",
    )  # fmt: skip
    add("--allow-prod", action="store_true", help="without it nothing runs against prod")
    add(
        "-n", "--numprocesses", "--workers", dest="lanes", metavar="N", type=lanes,
        help="lanes over which tests are spread, or auto (usable CPUs)",
    )  # fmt: skip
    add("--disable-auto-split", action="store_true", help="divide no file between lanes")
    add(
        "--splitting-strategy", choices=STRATEGIES, default=HYBRID,
        help="how a file's tests are divided between lanes: %(choices)s (default: hybrid)",
    )  # fmt: skip
    add(
        "--window-size", type=positive, default=15, metavar="MIN",
        help="minutes after which a lane gives way to a fresh process (default: 15)",
    )  # fmt: skip
    add("--parallel", action="store_true", help="categories side by side, not one after another")
    add(
        "--max-workers", metavar="N", type=positive,
        help="workers of JavaScript runners; without effect until there are some",
    )  # fmt: skip
    add(
        "--isolation",
        choices=("auto", "fork", "spawn"),
        default="auto",
        help="how lanes are made (auto: forked, or spawned where forking is unsafe)",
    )
    add(
        "--executor", metavar="NAME", help="who runs the tests: pytest (the default), or a plug-in's executor"
    )
    add("--no-coverage", action="store_true", help="measure no coverage, whatever the project's options say")
    add(
        "--recorder",
        action="store_const",
        const=True,
        help="record what tests depend on, so that they can be proven (the default)",
    )
    add(
        "--no-recorder",
        dest="recorder",
        action="store_const",
        const=False,
        help="do not record it: nothing is proven, by this run or the next",
    )
    add(
        "--real-services",
        action="store_true",
        help="start the services that the layers list: configured ones, PostgreSQL and Redis by themselves",
    )
    add(
        "--real-llm",
        action="store_true",
        help="run the tests that need a real language model too (told by TEST_LLM_MODE=real)",
    )
    add("--background-host", metavar="ID", type=run_id, help=argparse.SUPPRESS)
    add("--no-cache", action="store_true", help="run every test, whatever is proven")
    add("--observation", action="store_true", help="choose tests, run all of them, and compare")
    add("--no-gc-tuning", action="store_true", help="leave the garbage collector of the tests alone")
    add("--pdb", action="store_true", help="debugger on failure: one lane, in this terminal")


def _add_stopping(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-x", "--exitfirst", dest="exit_first", action="store_true", help="stop after the first failure")
    add("--maxfail", type=count, default=0, metavar="N", help="stop after N failures (0: never)")
    add("--fast-fail", action="store_true", help="stop after the first failure (legacy name)")
    add(
        "--fail-fast-mode", metavar="MODE", choices=FAIL_FAST_MODES,
        help="when failures stop the run: %(choices)s (default: category_failure; layers have strategies of their own)",
    )  # fmt: skip
    add("--test-timeout", type=seconds, metavar="TIME", help="limit of each test: 90, 1.5, 90s, 2m, 1h")
    add("--run-timeout", type=seconds, metavar="TIME", help="limit of the whole run")
    add(
        "--time",
        type=seconds,
        metavar="TIME",
        help="run what is most telling in this time; the rest is owed",
    )
    add(
        "--retries",
        type=count,
        metavar="N",
        help="run a bad test up to N times more (default: as its category says)",
    )
    add(
        "--flaky-result", metavar="RESULT", choices=("pass", "fail"), default="pass",
        help="%(choices)s: what a test that passes only when retried means for the run (pass)",
    )  # fmt: skip
    add("--grace", type=seconds, default=5.0, metavar="TIME", help="time to end when told to (5)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--progress-mode", metavar="MODE", choices=SHOWN,
        help="%(choices)s (default: console on a terminal, else simple)",
    )  # fmt: skip
    add("-v", "--verbose", action="store_true", help="a line per test; everything that is owed")
    add("--junitxml", metavar="PATH", help="write a JUnit XML report")
    add("--ctrf", metavar="PATH", help="write a CTRF JSON report")
    add("--output", metavar="DIR", help="write reports into this directory")
    add("-s", dest="no_capture", action="store_true", help="show what tests print (pytest's -s)")
    add(
        "--tb", metavar="STYLE", choices=("auto", "long", "short", "line", "native", "no"),
        help="tracebacks: %(choices)s",
    )  # fmt: skip


def _add_answers(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-h", "--help", action="help", help="print this and end")
    add("--version", action="version", version=f"apex {__version__}", help="print the version and end")
    add("--list-categories", action="store_true", help="the categories, by priority")
    add("--show-layers", action="store_true", help="the layers and modes, with limits and categories")
    add("--show-category-stats", action="store_true", help="tests, failures and durations as last seen")
    add("--orchestration-status", action="store_true", help="what runs now, last verdicts, what is owed")
    add("--validate", action="store_true", help="check the configuration (4 on a mistake)")
    add("--explain", metavar="TEST", help="why a test would run, is proven or was owed")


def parse(argv: Sequence[str], prog: str = "apex") -> tuple[argparse.Namespace, list[str]]:
    """Our options, and what stands after `--` for pytest. Raises `UserError`."""
    arguments = list(argv)
    first = arguments[0] if arguments else ""
    if first in COMMANDS:
        raise UserError(
            f"`{prog} {first}` is not built yet",
            "today there is: apex run (the default), watch, status, history, cache, explain, init, schema, completion",
        )
    if first == "run":
        del arguments[0]
    elif first == "status":
        arguments[0] = "--orchestration-status"
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = build_parser(prog)
    options, strangers = parser.parse_known_args(arguments[:cut])
    if strangers:
        raise parser.unrecognized(strangers)
    refuse_later(options)
    refuse_contradictions(options)
    if not any(getattr(options, name) for name in (*ANSWERS, *QUESTIONS)):
        refuse_production(options.env, options.allow_prod)
    _complete(options)
    return options, arguments[cut + 1 :]


def _complete(options: argparse.Namespace) -> None:
    """What one flag says about another's value."""
    if options.master_orchestration and not (
        options.execution_mode
        or options.layers
        or options.use_layers
        or options.category
        or options.categories
    ):
        options.execution_mode = "fast_feedback"
    if options.no_progress_streaming and options.progress_mode is None:
        options.progress_mode = "simple"


def without_effect(options: argparse.Namespace) -> list[str]:
    """What was asked for and changes nothing in this run, one line each: the run says so."""
    notes = []
    if options.max_workers is not None:
        notes.append("--max-workers has no effect: there are no JavaScript runners yet")
    if options.enable_monitoring:
        notes.append("--enable-monitoring has no effect: the log is always written, alerts are not built yet")
    if options.websocket_thread_id is not None:
        notes.append("--websocket-thread-id has no effect: no host application listens on a WebSocket")
    return notes


def _columns() -> int:
    text = os.environ.get("COLUMNS", "")
    if text.isdigit() and int(text) > 0:
        return max(int(text), 60)
    try:
        return max(os.get_terminal_size(1).columns, 60)
    except (OSError, ValueError):
        return 100
