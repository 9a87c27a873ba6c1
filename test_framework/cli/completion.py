"""`apex completion SHELL`: flags and their values for the shell, made from the parser itself.

Rules: what is not built yet is not offered; the text is complete in itself, the shell never starts the command to
complete a word.
"""

from __future__ import annotations

import sys

from test_framework.cli.arguments import build_parser
from test_framework.cli.later import MODES, PROGRESS_MODES
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

SHELLS = ("bash", "zsh", "fish")
COMMANDS = ("run", "status", "watch", "history", "cache", "init", "schema", "completion")
PROGRAMS = ("apex", "unified_test_runner.py")
_DIRECTORIES = frozenset({"--project-root", "--output"})
_FILES = frozenset({"--python", "--junitxml", "--ctrf"})
_FREE_MODES = (
    "fast_feedback",
    "nightly",
    "commit",
    "development",
    "ci",
    "weekend",
    "all",
    "background",
    "hybrid",
)


class Offer:
    """One flag: its spellings, what it means, and what may stand behind it."""

    def __init__(self, action: argparse.Action) -> None:
        self.flags = action.option_strings
        self.meaning = (action.help or "").split(":")[0].split(" (")[0].replace("'", "").replace("%", "")
        refused = (*MODES, *PROGRESS_MODES) if "--progress-mode" in self.flags else ()
        self.values = tuple(str(each) for each in action.choices or () if each not in refused)
        if "--execution-mode" in self.flags:
            self.values = _FREE_MODES
        self.takes_value = action.nargs != 0
        self.directory = bool(_DIRECTORIES.intersection(self.flags))
        self.file = bool(_FILES.intersection(self.flags))


def offers() -> list[Offer]:
    """Every flag that works, in the order of the help."""
    parser = build_parser()
    return [
        Offer(action) for action in parser._actions if action.option_strings and action.help != "==SUPPRESS=="
    ]


def complete(arguments: Sequence[str], prog: str) -> int:
    """Print the completion of the shell that `arguments` name. Raises `UserError`."""
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise UserError(
            f"`{prog} completion` takes one of {', '.join(SHELLS)}",
            f'for bash: eval "$({prog} completion bash)" in ~/.bashrc',
        )
    makers = {"bash": bash, "zsh": zsh, "fish": fish}
    sys.stdout.write(makers[arguments[0]](offers()))
    return 0


def bash(flags: Sequence[Offer]) -> str:
    """A completion function for bash; `eval` it."""
    every = " ".join(flag for offer in flags for flag in offer.flags)
    cases = []
    for offer in flags:
        if offer.values:
            words = f'compgen -W "{" ".join(offer.values)}" -- "$word"'
        elif offer.directory:
            words = 'compgen -d -- "$word"'
        elif offer.file:
            words = 'compgen -f -- "$word"'
        elif offer.takes_value:
            words = "true"
        else:
            continue
        cases.append(f"        {'|'.join(offer.flags)}) COMPREPLY=($({words})); return ;;")
    return f"""\
_apex() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="" each
    (( COMP_CWORD > 0 )) && before="${{COMP_WORDS[COMP_CWORD-1]}}"
    COMPREPLY=()
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $each == -- ]] && {{ COMPREPLY=($(compgen -f -- "$word")); return; }}
    done
    case "$before" in
{chr(10).join(cases)}
        completion) COMPREPLY=($(compgen -W "{" ".join(SHELLS)}" -- "$word")); return ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "{every} --" -- "$word"))
    elif (( COMP_CWORD == 1 )); then
        COMPREPLY=($(compgen -W "{" ".join(COMMANDS)}" -- "$word"))
    fi
}}
complete -F _apex {" ".join(PROGRAMS)}
"""


def zsh(flags: Sequence[Offer]) -> str:
    """A completion function for zsh; a file `_apex` in a directory of $fpath, or `eval` it after compinit."""
    lines = []
    for offer in flags:
        meaning = offer.meaning.replace("[", "(").replace("]", ")").replace(":", " ")
        value = ""
        if offer.values:
            value = f":value:({' '.join(offer.values)})"
        elif offer.directory:
            value = ":directory:_files -/"
        elif offer.file:
            value = ":file:_files"
        elif offer.takes_value:
            value = ":value: "
        others = f"({' '.join(offer.flags)})" if len(offer.flags) > 1 else ""
        lines += [f"        '{others}{flag}[{meaning}]{value}'" for flag in offer.flags]
    lines.append(f"        '1::command:({' '.join(COMMANDS)})'")
    lines.append("        '*:path:_files'")
    arguments = " \\\n".join(lines)
    return f"""\
#compdef {" ".join(PROGRAMS)}
_apex() {{
    _arguments -s \\
{arguments}
}}
compdef _apex {" ".join(PROGRAMS)}
"""


def fish(flags: Sequence[Offer]) -> str:
    """Completions for fish; a file apex.fish in ~/.config/fish/completions, or `source` it."""
    lines = []
    for program in PROGRAMS:
        lines.append(f"complete -c {program} -f")
        lines.append(f"complete -c {program} -n __fish_use_subcommand -a '{' '.join(COMMANDS)}'")
        lines.append(
            f"complete -c {program} -n '__fish_seen_subcommand_from completion' -a '{' '.join(SHELLS)}'"
        )
        for offer in flags:
            spellings = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in offer.flags
            )
            value = ""
            if offer.values:
                value = f" -x -a '{' '.join(offer.values)}'"
            elif offer.directory:
                value = " -x -a '(__fish_complete_directories)'"
            elif offer.file:
                value = " -r -F"
            elif offer.takes_value:
                value = " -x"
            lines.append(f"complete -c {program} {spellings}{value} -d '{offer.meaning}'")
    return "\n".join(lines) + "\n"
