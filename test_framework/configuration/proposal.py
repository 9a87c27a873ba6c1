"""A first `apex.yaml` for a repository: everything that was found is said, nothing is switched on.

Rules: one key is active (`metadata`, which changes nothing); every proposal is a commented line, `#key` or
`#  key`, that becomes right YAML without its `#`; prose is `# text`. All of it validates, switched on or not.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_framework.configuration.survey import Survey

_MOST = 12
_SIMPLE = re.compile(r"[\w./ -]+")
_PORTS = {"postgresql": 5432, "redis": 6379, "clickhouse": 8123}
_TYPES = {"playwright": "e2e", "cypress": "e2e"}


def proposal(found: Survey, program: str = "apex") -> str:
    """The text of the file."""
    sections = {
        "layers": _layers(),
        "categories": _categories(found),
        "service_dependencies": _services(found),
        "modes": _modes(),
        "tests": _tests(found),
    }
    lines = list(_head(found, program))
    for section, text in sections.items():
        readable = section not in found.taken and not (section == "modes" and "layers" in found.taken)
        if text and readable:
            lines += ["", *text]
    return "\n".join(lines) + "\n"


def _head(found: Survey, program: str) -> Iterator[str]:
    yield "# Configuration of the test runs of this repository."
    yield "#"
    yield "# Nothing below is switched on: without a change here everything runs as it did before. To switch a line on,"
    yield "# take away its leading '#' (and that of the lines it belongs to), then check the file:"
    yield f"# {program} --validate"
    if found.legacy:
        yield "#"
        yield f"# Left alone, and read first: {', '.join(found.legacy)}."
        yield "# A section that stands there is not read from this file."
    if found.beside:
        yield "#"
        yield "# [tool.apex] in pyproject.toml is read after this file: a section that stands here is not read there."
    yield "#"
    yield "# What was found:"
    for line in _found(found):
        yield f"# - {line}"
    yield ""
    yield "metadata:"
    yield f"  description: {_quoted(f'Tests of {found.name}')}"


def _found(found: Survey) -> Iterator[str]:
    if not found.test_files:
        yield "no Python test file (test_*.py or *_test.py)"
    for category, count in sorted(found.test_files.items()):
        files = "1 test file" if count == 1 else f"{count} test files"
        yield f"{files} of the category {category or 'unit'}" + (
            "" if category else " (no directory says otherwise)"
        )
    if found.pytest_file:
        paths = [path for path in found.test_paths if path.isprintable()]
        yield f"pytest is configured in {found.pytest_file}" + (
            f", testpaths {' '.join(paths)}" if paths else ""
        )
    if found.interpreter:
        yield f"the tests run with {found.interpreter}"
    for runner, directory in found.runners:
        yield f"{runner} in {directory or 'the root'}"
    if found.compose_file:
        names = ", ".join(service.name for service in found.services[:_MOST])
        yield f"services in {found.compose_file}: {names or 'none that can be read'}"
    for service, library in found.libraries.items():
        yield f"{library}, which speaks to {service}"


def _layers() -> list[str]:
    return [
        "# Layers group categories and give them a deadline. Four are shipped, and this changes one of them. A layer",
        "# with `categories:` of its own replaces all four.",
        "#layers:",
        "#  fast_feedback:",
        "#    max_duration_minutes: 2",
    ]


def _modes() -> list[str]:
    return [
        "# Modes for --execution-mode, beside the shipped ones.",
        "#modes:",
        "#  before_push: [fast_feedback, core_integration]",
    ]


def _categories(found: Survey) -> list[str]:
    entries: dict[str, list[str]] = {}
    for directory in found.other_directories[:_MOST]:
        if _SIMPLE.fullmatch(directory):
            entries.setdefault(directory.rsplit("/", 1)[-1], [f"paths: [{_quoted(directory)}]"])
    for marker in found.markers[:_MOST]:
        entries.setdefault(marker, [f"markers: [{_quoted(marker)}]"])
    for runner, directory in found.runners[:_MOST]:
        if not directory:
            entries.setdefault(runner, [*_runner(runner)])
        elif _SIMPLE.fullmatch(directory):
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{directory}_{runner}")[-64:].lstrip("-.")
            entries.setdefault(name, [*_runner(runner), f"cwd: {_quoted(directory)}"])
    if not entries:
        return []
    return [
        "# Kinds of tests beside the shipped ones. A test belongs to the category of its marker, then of its path,",
        "# then of the innermost directory that bears a category's name, then to unit.",
        "#categories:",
        *_commented(entries),
    ]


def _runner(runner: str) -> tuple[str, str]:
    return f"runner: {runner}", f"category_type: {_TYPES.get(runner, 'functional')}"


def _services(found: Survey) -> list[str]:
    entries: dict[str, list[str]] = {}
    for service in found.services[:_MOST]:
        lines = ["provider: compose"]
        if service.port:
            lines.append(f"health_check_endpoint: localhost:{service.port}")
        entries.setdefault(service.known_as, lines)
    for name in found.libraries:
        entries.setdefault(name, [f"health_check_endpoint: localhost:{_PORTS[name]}"])
    if not entries:
        return []
    return [
        "# A service that is configured here is required by the layers that list it: where it does not come, they do",
        "# not run (exit code 12). What the shipped layers list and nobody configures is not required.",
        "#service_dependencies:",
        *_commented(entries),
    ]


def _tests(found: Survey) -> list[str]:
    roots = [root for root in found.roots if _SIMPLE.fullmatch(root)][:_MOST]
    lines = []
    if found.interpreter:
        lines.append(f"#  interpreter: {_quoted(found.interpreter)}")
    if roots:
        lines += [
            "# Each has a pytest configuration of its own:",
            f"#  roots: [{', '.join(map(_quoted, roots))}]",
        ]
    return ["# How the tests are run.", "#tests:", *lines] if lines else []


def _commented(entries: dict[str, list[str]]) -> Iterator[str]:
    for name, lines in entries.items():
        yield f"#  {_quoted(name)}:"
        for line in lines:
            yield f"#    {line}"


def _quoted(text: str) -> str:
    """As YAML wants it: plain where that is safe, else in double quotes."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and text.lower() not in ("true", "false", "null"):
        return text
    return json.dumps("".join(c if c.isprintable() else "?" for c in text), ensure_ascii=False)
