"""What one execution may be told, by the names of the command's flags.

Rules: the command and host applications say the same words: a parsed namespace, a mapping or keyword values become one
`RunOptions`; a mapping's unknown key is a mistake that is named. Imports nothing heavy: the command starts here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from test_framework.core.selection import known
from test_framework.core.splitting import HYBRID, STRATEGIES
from test_framework.model.errors import UserError

LEGACY = "legacy"
"""the mode of a run that chooses no layers"""


class RunOptions(NamedTuple):
    """One execution's options with the command's defaults. Times are seconds.

    A named tuple, since making a dataclass of so many fields costs three milliseconds of every start.
    """

    project_root: str | None = None
    python: str | None = None
    env: str = "test"
    category: str | None = None
    categories: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    execution_mode: str | None = None
    use_layers: bool = False
    keyword: str | None = None
    markers: str | None = None
    last_failed: bool = False
    failed_first: bool = False
    pattern: str | None = None
    exclude_env: str | None = None
    only_changed: str | None = None
    executor: str | None = None
    """who runs the tests: pytest (lanes of this machine) or the name of a plug-in"""
    shard: str | None = None
    """part i of n, as i/n"""
    resume_from: str | None = None
    dry_run: bool = False
    lanes: str | None = None
    """a number as text, auto, or None: as many as there are usable CPUs"""
    disable_auto_split: bool = False
    splitting_strategy: str = HYBRID
    window_size: int = 15
    """minutes after which a lane gives way to a fresh process"""
    parallel: bool = False
    max_parallel_layers: int = 3
    allow_prod: bool = False
    real_services: bool = False
    real_llm: bool = False
    background_host: str | None = None
    """the id of the run, where this process was started to be its host"""
    isolation: str = "auto"
    exit_first: bool = False
    maxfail: int = 0
    fast_fail: bool = False
    fail_fast_mode: str | None = None
    test_timeout: float | None = None
    run_timeout: float | None = None
    time: float | None = None
    grace: float = 5.0
    retries: int | None = None
    flaky_result: str = "pass"
    no_gc_tuning: bool = False
    recorder: bool | None = None
    no_cache: bool = False
    observation: bool = False
    no_coverage: bool = False
    pdb: bool = False
    progress_mode: str | None = None
    verbose: bool = False
    junitxml: str | None = None
    ctrf: str | None = None
    output: str | None = None
    no_capture: bool = False
    tb: str | None = None
    pytest_args: tuple[str, ...] = ()

    @property
    def named_categories(self) -> tuple[str, ...]:
        return self.categories or ((self.category,) if self.category else ())

    @property
    def chooses(self) -> bool:
        """Whether it says itself what runs, so that a controller's own mode does not apply."""
        return bool(self.named_categories or self.layers or self.use_layers or self.execution_mode)

    def told(self, arguments: Any) -> RunOptions:
        """These options with those of a mapping or a namespace laid on them; None leaves an option as it is.

        A mapping must hold nothing else; a namespace may (it belongs to a parser, which answers for the rest).
        Raises `UserError` for an unknown key, a value of the wrong kind, and for choices that contradict each other.
        """
        if arguments is None:
            values: Mapping[str, Any] = {}
        elif isinstance(arguments, Mapping):
            values = arguments
            for name in values:
                known("execution argument", str(name), _KINDS)
        else:
            values = {name: getattr(arguments, name) for name in _KINDS if hasattr(arguments, name)}
        changes = {name: _value(name, value) for name, value in values.items() if value is not None}
        options = self._replace(**changes)
        options.check()
        return options

    def without_choice(self) -> RunOptions:
        """The same, but for what runs."""
        return self._replace(category=None, categories=(), layers=(), use_layers=False, execution_mode=None)

    def as_arguments(self) -> dict[str, Any]:
        """Every option by name: what `told` takes back."""
        return self._asdict()

    def check(self) -> None:
        """Raises `UserError` for a strategy that nobody knows, and where two of its choices of tests contradict."""
        known("splitting strategy", self.splitting_strategy, STRATEGIES)
        chosen = [
            name
            for name, value in (
                ("execution_mode", self.execution_mode),
                ("layers", self.layers),
                ("categories", self.named_categories),
            )
            if value
        ]
        if len(chosen) > 1:
            raise UserError(
                f"{' and '.join(chosen)} contradict each other: each of them chooses what runs", "give one"
            )


_KINDS = {
    name: (kind if isinstance(kind, str) else kind.__forward_arg__, RunOptions._field_defaults[name])
    for name, kind in RunOptions.__annotations__.items()
}
"""name of an option -> (its type as it is written, its default)"""


def mode_name(mode: Enum | str | None) -> str | None:
    """A mode as the command names it: any Enum member or string; legacy and None choose no mode."""
    name = str(mode.value) if isinstance(mode, Enum) else mode
    return None if name == LEGACY else name


def _value(name: str, value: Any) -> Any:
    kind, default = _KINDS[name]
    if name == "execution_mode":
        return mode_name(value)
    if kind.startswith("tuple"):
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple | set | frozenset) or not all(
            isinstance(v, str) for v in value
        ):
            raise _wrong(name, value, "a list of words")
        return tuple(value)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise _wrong(name, value, "True or False")
        return value
    if kind.startswith(("int", "float")):
        whole = kind.startswith("int")
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not number or value < 0 or (value == 0 and default is None and not whole):
            raise _wrong(name, value, "a positive number")
        return value if whole else float(value)
    if name == "lanes":
        text = str(value)
        if text != "auto" and (not text.isdigit() or not 1 <= int(text) <= 256):
            raise _wrong(name, value, "a number from 1 to 256, or auto")
        return text
    if not isinstance(value, str) and not hasattr(value, "__fspath__"):
        raise _wrong(name, value, "text")
    return str(value)


def _wrong(name: str, value: Any, right: str) -> UserError:
    return UserError(f"execution argument {name} is {value!r}", f"it takes {right}")
