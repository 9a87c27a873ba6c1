"""Every mistake is found, all at once, each with its place and what would be right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAYER = "layers:\n  a:\n    categories: [{name: smoke}]\n"

WRONG = {
    "unknown key of a layer": (
        "    max_duration_minute: 2\n",
        "4:5: layers.a.max_duration_minute: unknown key; did you mean 'max_duration_minutes'?",
    ),
    "negative duration": (
        "    max_duration_minutes: -2\n",
        "4:27: layers.a.max_duration_minutes: must be more than 0, found -2",
    ),
    "zero duration": (
        "    max_duration_minutes: 0\n",
        "4:27: layers.a.max_duration_minutes: must be more than 0",
    ),
    "truth as a duration": ("    max_duration_minutes: true\n", "expected a number of minutes, found true"),
    "text as a duration": (
        "    max_duration_minutes: '2'\n",
        "expected a number of minutes, found the text '2'",
    ),
    "minutes and seconds": (
        "    max_duration_minutes: 1:30\n",
        "expected a number of minutes, found the text '1:30'",
    ),
    "endless duration": (
        "    max_duration_minutes: .inf\n",
        "4:27: layers.a.max_duration_minutes: .inf is not",
    ),
    "a year of minutes": ("    max_duration_minutes: 525600\n", "must be at most 10080, found 525600"),
    "nothing as a duration": ("    max_duration_minutes:\n", "expected a number of minutes, found nothing"),
    "fraction as a number of tests": (
        "    success_criteria: {max_failures: 1.5}\n",
        "expected a whole number",
    ),
    "truth as a number of tests": ("    success_criteria: {max_failures: true}\n", "expected a whole number"),
    "percent as a share": ("    success_criteria: {min_pass_rate: 95}\n", "must be at most 1, found 95"),
    "memory with its unit": (
        "    resource_limits: {max_memory_mb: '512MB '}\n",
        "4:38: layers.a.resource_limits.max_memory_mb: expected a whole number of MiB, found the text '512MB '",
    ),
    "old truth": (
        "    fail_fast: yes\n",
        "4:16: layers.a.fail_fast: expected true or false, found the text 'yes'; write true",
    ),
    "unknown word": (
        "    execution_mode: sequental\n",
        (
            "4:21: layers.a.execution_mode: expected sequential, parallel "
            "or hybrid, found the text 'sequental'; did you mean 'sequential'?"
        ),
    ),
    "list for a mapping": ("    llm_requirements: []\n", "expected a mapping, found a list"),
    "text for a list": ("    dependencies: b\n", "expected a list, found the text 'b'"),
    "number in a list": ("    dependencies: [1]\n", "4:20: layers.a.dependencies[0]: expected text, found 1"),
    "priority out of range": ("    priority: 6\n", "4:15: layers.a.priority: must be at most 5, found 6"),
    "unknown layer": (
        "    dependencies: [b]\n",
        "4:20: layers.a.dependencies[0]: unknown layer 'b', known: a",
    ),
    "itself": ("    dependencies: [a]\n", "4:19: layers.a.dependencies: layers wait for each other: a -> a"),
    "unknown conflict": (
        "    conflicts: [smok]\n",
        "4:17: layers.a.conflicts[0]: unknown layer or category 'smok'; did you mean 'smoke'?",
    ),
    "unknown service": (
        "    required_services: [postgresq]\n",
        "unknown service 'postgresq'; did you mean 'postgresql'?",
    ),
    "unknown environment": (
        "    environment_overrides: {stagin: {}}\n",
        (
            "4:29: layers.a.environment_overrides.stagin: "
            "expected test, dev, staging, prod, development or production, found the text 'stagin'; "
            "did you mean 'staging'?"
        ),
    ),
    "one environment twice": (
        "    environment_overrides: {dev: {}, development: {}}\n",
        "4:38: layers.a.environment_overrides.development: the same environment as 'dev'",
    ),
    "unknown key in an override": (
        "    environment_overrides: {dev: {prioritty: 1}}\n",
        "did you mean 'priority'?",
    ),
    "unknown name in an override": (
        "    environment_overrides: {dev: {dependencies: [b]}}\n",
        "4:50: layers.a.environment_overrides.dev.dependencies[0]: unknown layer 'b'",
    ),
    "unknown layer in a mode": ("modes: {m: [b]}\n", "4:13: modes.m[0]: unknown layer 'b', known: a"),
    "empty mode": ("modes: {m: []}\n", "4:12: modes.m: is empty, give at least one"),
    "built-in mode": ("modes: {all: [a]}\n", "4:9: modes.all: the mode all is built in"),
    "unknown layer in a strategy": (
        "execution_config: {fail_fast_strategy: {aa: layer}}\n",
        "unknown layer 'aa'",
    ),
    "contradiction": (
        "    fail_fast: true\nexecution_config: {fail_fast_strategy: {a: disabled}}\n",
        "5:44: execution_config.fail_fast_strategy.a: disabled, but layers.a.fail_fast is true",
    ),
    "unknown background layer": (
        "execution_config: {background_execution: {background_layers: [b]}}\n",
        "unknown layer 'b'",
    ),
    "unknown section": ("layer: {}\n", "4:1: layer: unknown key; did you mean 'layers'?"),
    "services that wait for each other": (
        "service_dependencies:\n  x: {depends_on: [y]}\n  y: {depends_on: [x]}\n",
        "5:19: service_dependencies.x.depends_on: services wait for each other: x -> y -> x",
    ),
    "endpoint without a port": (
        "service_dependencies: {x: {health_check_endpoint: /health}}\n",
        "expected host:port, host:port/path or a URL such as http://host:1/x, found",
    ),
    "command with an open quote": (
        "service_dependencies: {x: {command: 'a \"b'}}\n",
        "whose quotes are closed",
    ),
    "command of numbers": ("service_dependencies: {x: {command: [1]}}\n", "expected a command"),
    "plug-in without a factory": ("plugins: [a.b]\n", "4:11: plugins[0]: expected module:factory, found"),
    "plug-in that is a path": ("plugins: ['./a.py:f']\n", "4:11: plugins[0]: expected module:factory, found"),
    "unknown metric": (
        "monitoring: {alerts: {x: {when: 'failure_rat > 0.1'}}}\n",
        "4:33: monitoring.alerts.x.when: unknown metric 'failure_rat'; did you mean 'failure_rate'?",
    ),
    "rule without a number": (
        "monitoring: {alerts: {x: {when: failure_rate > much}}}\n",
        "4:33: monitoring.alerts.x.when: expected a metric, a comparison (>, >=, < or <=) and a number",
    ),
    "rule of code": (
        "monitoring: {alerts: {x: {when: 'failure_rate > 1 or __import__(1)'}}}\n",
        "4:33: monitoring.alerts.x.when: expected a metric",
    ),
    "alert without a rule": (
        "monitoring: {alerts: {x: {severity: warning}}}\n",
        "4:23: monitoring.alerts.x: the key 'when' is missing, add it",
    ),
    "unknown severity": (
        "monitoring: {alerts: {x: {when: owed_tests > 1, severity: warn}}}\n",
        "4:59: monitoring.alerts.x.severity: expected info, warning or critical",
    ),
    "alert for nobody": (
        "monitoring: {alerts: {x: {when: owed_tests > 1, receivers: [slac]}}, receivers: {slack: {kind: log}}}\n",
        "4:61: monitoring.alerts.x.receivers[0]: unknown receiver 'slac'; did you mean 'slack'?",
    ),
    "alert on an unknown layer": (
        "monitoring: {alerts: {x: {when: owed_tests > 1, layers: [b]}}}\n",
        "4:58: monitoring.alerts.x.layers[0]: unknown layer 'b', known: a",
    ),
    "receiver without a kind": (
        "monitoring: {receivers: {x: {command: a}}}\n",
        "4:26: monitoring.receivers.x: the key 'kind' is missing, add it: log, console, command, webhook or email",
    ),
    "unknown kind of receiver": (
        "monitoring: {receivers: {x: {kind: webhok}}}\n",
        "4:36: monitoring.receivers.x.kind: expected log, console, command, webhook or email, found the text 'webhok'",
    ),
    "key of another kind of receiver": (
        "monitoring: {receivers: {x: {kind: log, comand: a}}}\n",
        "4:41: monitoring.receivers.x.comand: unknown key, known here: kind, minimum_severity",
    ),
    "command receiver without a command": (
        "monitoring: {receivers: {x: {kind: command}}}\n",
        "4:26: monitoring.receivers.x: the key 'command' is missing, add it",
    ),
    "receiver's command with an open quote": (
        'monitoring: {receivers: {x: {kind: command, command: "a \'b"}}}\n',
        "4:54: monitoring.receivers.x.command: expected a command whose quotes are closed",
    ),
    "webhook without an address": (
        "monitoring: {receivers: {x: {kind: webhook}}}\n",
        "4:26: monitoring.receivers.x: expected exactly one of url and url_variable",
    ),
    "password in a webhook's address": (
        "monitoring: {receivers: {x: {kind: webhook, url: 'https://u:p@h/x'}}}\n",
        "4:50: monitoring.receivers.x.url: expected an http or https URL without a name and password",
    ),
    "mail without recipients": (
        "monitoring: {receivers: {x: {kind: email, host: h, sender: a@b, recipients: []}}}\n",
        "4:77: monitoring.receivers.x.recipients: is empty, give at least one",
    ),
    "mail to a word": (
        "monitoring: {receivers: {x: {kind: email, host: h, sender: a@b, recipients: [me]}}}\n",
        "4:78: monitoring.receivers.x.recipients[0]: expected an e-mail address, found the text 'me'",
    ),
    "half a login": (
        "monitoring: {receivers: {x: {kind: email, host: h, sender: a@b, recipients: [a@b], user_variable: U}}}\n",
        "4:26: monitoring.receivers.x: user_variable and password_variable go together",
    ),
    "half a price": (
        "    llm_requirements: {prices: {m: {input: 1}}}\n",
        "4:33: layers.a.llm_requirements.prices.m: the key 'output' is missing, add it",
    ),
    "price as text": (
        "    llm_requirements: {prices: {m: {input: '1', output: 2}}}\n",
        "4:44: layers.a.llm_requirements.prices.m.input: expected a number, found the text '1'",
    ),
    "unknown model mode": (
        "    llm_requirements: {mode: fake}\n",
        "4:30: layers.a.llm_requirements.mode: expected",
    ),
    "history without end": (
        "history: {keep_runs: -1}\n",
        "4:22: history.keep_runs: must be at least 0, found -1",
    ),
    "variable that takes over": (
        "service_dependencies: {x: {env: {LD_PRELOAD: /x.so}}}\n",
        "4:34: service_dependencies.x.env.LD_PRELOAD: LD_PRELOAD decides what code runs; if that is meant, list it in",
    ),
    "variable that is a number": (
        "service_dependencies: {x: {env: {A: 1}}}\n",
        "4:37: service_dependencies.x.env.A: expected text, found 1",
    ),
    "two units in one duration": (
        "    max_duration_minutes: 2m\n",
        "4:27: layers.a.max_duration_minutes: expected a number of minutes",
    ),
    "memory of nothing": (
        "    resource_limits: {max_memory_mb: 0}\n",
        "4:38: layers.a.resource_limits.max_memory_mb: must be more than 0, found 0",
    ),
    "memory as a fraction": (
        "    resource_limits: {max_memory_mb: 512.5}\n",
        "4:38: layers.a.resource_limits",
    ),
    "more than the whole processor": (
        "    resource_limits: {max_cpu_percent: 150}\n",
        "4:40: layers.a.resource_limits.max_cpu_percent: must be at most 100, found 150",
    ),
    "no lane at all": (
        "    resource_limits: {max_parallel_instances: 0}\n",
        "4:47: layers.a.resource_limits.max_parallel_instances: must be at least 1, found 0",
    ),
    "negative pause": (
        "execution_config: {inter_layer_delay_seconds: -1}\n",
        "4:47: execution_config.inter_layer_delay_seconds: must be at least 0, found -1",
    ),
    "unknown report": (
        "monitoring: {reporting: {report_formats: [pdf]}}\n",
        "4:43: monitoring.reporting.report_formats[0]: expected json, html, junit, xml or csv, found the text 'pdf'",
    ),
    "root outside the project": ("tests: {roots: [../x]}\n", "expected a path inside the project"),
    "report directory outside": (
        "monitoring: {reporting: {report_output_dir: /tmp/x}}\n",
        "inside the project",
    ),
    "alerts as text": (
        "monitoring: {alerts: x}\n",
        "4:22: monitoring.alerts: expected a mapping, found the text 'x'",
    ),
    "override of an unknown layer": (
        "environments: {dev: {layer_overrides: {b: {}}}}\n",
        "unknown layer 'b'",
    ),
    "order against dependencies": (
        "    dependencies: [b]\n    execution_order: 1\n  b: {execution_order: 2, categories: [{name: x}]}\n",
        "5:22: layers.a.execution_order: 1 comes before 2 of 'b', which this layer depends on",
    ),
    "a category in two layers": (
        "  b: {categories: [{name: smoke}]}\n",
        (
            "4:27: layers.b.categories[0].name: the "
            "category 'smoke' already stands in layers.a.categories[0], keep it in one place"
        ),
    ),
    "a bad layer id": (
        "  ../b: {categories: [{name: api}]}\n",
        "4:3: layers.../b: expected a name of at most 64",
    ),
    "a layer without categories": (
        "  b: {name: B}\n",
        "4:3: layers.b: the key 'categories' is missing, add it",
    ),
    "a layer of no categories": ("  b: {categories: []}\n", "4:19: layers.b.categories: is empty"),
    "a category without a name": (
        "  b: {categories: [{}]}\n",
        "4:20: layers.b.categories[0]: the key 'name' is",
    ),
    "a category that is a word": (
        "  b: {categories: [unit]}\n",
        "4:20: layers.b.categories[0]: expected a mapping",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_in_a_layer_file_is_named_with_its_place(text, expected, write, mistakes) -> None:
    write("layers", LAYER + text)
    (line,) = mistakes()
    head = "test_framework/config/test_layers.yaml:"
    assert line.startswith(head)
    assert expected in line
    if expected[0].isdigit():
        assert line.startswith(head + expected)


WRONG_CATEGORIES = {
    "unknown key": ("timeout: 3", "2:7: categories.x.timeout: unknown key; did you mean 'timeout_seconds'?"),
    "lower-case priority": ("priority: critical", "did you mean 'CRITICAL'?"),
    "unknown dependency": (
        "dependencies: [smok]",
        "2:22: categories.x.dependencies[0]: unknown category 'smok'; did you mean 'smoke'?",
    ),
    "unknown parent": (
        "parent: uni",
        "2:15: categories.x.parent: unknown category 'uni'; did you mean 'unit'?",
    ),
    "unknown environment": (
        "requires_environment: [prod, stage]",
        "unknown environment: the text 'stage'; did you mean 'staging'?",
    ),
    "marker with a blank": (
        "markers: ['a b']",
        "expected a word of letters, digits and '_', found the text 'a b'",
    ),
    "absolute path": ("paths: [/etc]", "2:15: categories.x.paths[0]: expected a path inside the project"),
    "path that leaves": ("paths: [a/../../b]", "expected a path inside the project"),
    "unknown runner": ("runner: mocha", "expected pytest, jest, vitest, playwright, cypress or command"),
    "negative retries": ("retry_count: -1", "must be at least 0, found -1"),
    "variable that takes over": (
        "env: {PYTHONPATH: x}",
        "2:13: categories.x.env.PYTHONPATH: PYTHONPATH decides what code runs; if that is meant, list it in tests",
    ),
    "no environment at all": ("requires_environment: [null]", "unknown environment: nothing"),
    "itself": (
        "dependencies: [x]",
        "2:21: categories.x.dependencies: categories wait for each other: x -> x",
    ),
    "success as a percentage": (
        "success_rate_threshold: 95",
        "2:31: categories.x.success_rate_threshold: must be at most 1, found 95",
    ),
    "command with an open quote": (
        'command: "a \'b"',
        "2:16: categories.x.command: expected a command whose quotes",
    ),
    "empty command": ("command: []", "2:16: categories.x.command: expected a command: a list of words"),
    "bad variable": ("env: {A-B: x}", "2:13: categories.x.env.A-B: expected a word of letters"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_CATEGORIES.values(), ids=WRONG_CATEGORIES.keys())
def test_a_mistake_in_a_category_is_named_with_its_place(text, expected, write, mistakes) -> None:
    write("categories", f"categories:\n  x: {{{text}}}\n")
    (line,) = mistakes()
    head = "test_framework/config/categories.yaml:"
    assert line.startswith(head)
    assert expected in line
    if expected[0].isdigit():
        assert line.startswith(head + expected)


def test_mistakes_of_all_files_and_kinds_are_reported_at_once(write, mistakes) -> None:
    write(
        "layers",
        "layers:\n  a:\n    dependencies: [c]\n    categories:\n      - {nam: x}\n      - {name: y, p: 1}\n"
        "  b: {dependencies: [c], categories: [{name: y}]}\n",
    )
    write("categories", "categories:\n  y: {priority: high, dependencies: [z]}\n")
    write("apex.yaml", "tests:\n  warm: 1\ntests:\n  warm: 2\n")
    write("pyproject.toml", "[tool.apex]\nplugin = []\n")
    places = [line.split(": ")[0].replace("test_framework/config/", "") for line in mistakes()]
    assert places == [
        "apex.yaml:2:9",
        "apex.yaml:3:1",
        "pyproject.toml:2:1",
        "categories.yaml:2:17",
        "categories.yaml:2:38",
        "test_layers.yaml:3:20",
        "test_layers.yaml:5:9",
        "test_layers.yaml:5:10",
        "test_layers.yaml:6:19",
        "test_layers.yaml:7:22",
        "test_layers.yaml:7:46",
    ]


def test_a_long_ring_of_layers_is_named_and_does_not_exhaust_the_stack(write, mistakes) -> None:
    count = 1500
    lines = [
        f"  l{i}: {{dependencies: [l{(i + 1) % count}], categories: [{{name: c{i}}}]}}\n"
        for i in range(count)
    ]
    write("layers", "layers:\n" + "".join(lines))
    (line,) = mistakes()
    assert "layers wait for each other: l0 -> l1 -> l2" in line


def test_a_ring_made_by_an_override_is_found_at_the_override(write, mistakes) -> None:
    write(
        "layers",
        "layers:\n  a:\n    categories: [{name: x}]\n    environment_overrides:\n"
        "      staging: {dependencies: [b]}\n  b: {dependencies: [a], categories: [{name: y}]}\n",
    )
    (line,) = mistakes()
    assert "test_layers.yaml:5:31: layers.a.environment_overrides.staging.dependencies: " in line
    assert "a -> b -> a" in line


def test_a_ring_through_the_shipped_catalogue_is_found_where_the_project_wrote_it(write, mistakes) -> None:
    write("categories", "categories:\n  unit: {dependencies: [integration]}\n")
    (line,) = mistakes()
    assert line.startswith("test_framework/config/categories.yaml:2:24: categories.unit.dependencies: ")
    assert "unit -> integration -> unit" in line


def test_a_required_section_that_is_missing_is_named(write, mistakes) -> None:
    write("layers", "modes: {}\n")
    write("categories", "tests: {}\n")
    assert mistakes() == [
        "test_framework/config/categories.yaml:1:1: the key 'categories' is missing, add it",
        "test_framework/config/test_layers.yaml:1:1: the key 'layers' is missing, add it",
    ]


def test_what_is_no_readable_file_is_one_mistake(write, mistakes, tmp_path) -> None:
    (tmp_path / "apex.yaml").mkdir()
    (line,) = mistakes()
    assert line.startswith("apex.yaml:1:1: cannot be read: ")


def test_a_pipe_in_the_place_of_a_file_does_not_make_us_wait(mistakes, tmp_path) -> None:
    os.mkfifo(tmp_path / "apex.yaml")
    assert mistakes() == ["apex.yaml:1:1: cannot be read: not a regular file"]


def test_a_huge_file_is_refused_without_being_read(mistakes, tmp_path) -> None:
    with open(tmp_path / "apex.yaml", "wb") as file:
        file.truncate(100 << 20)
    assert mistakes() == ["apex.yaml:1:1: larger than 1 MiB, which no configuration needs to be"]


WRONG_TOML = {
    "unknown key": (
        "[tool.apex.tests]\nwarn = true\n",
        "2:1: tool.apex.tests.warn: unknown key; did you mean 'warm'?",
    ),
    "wrong type": (
        "[tool.apex]\ntests.warm = 1\n",
        "2:14: tool.apex.tests.warm: expected true or false, found 1",
    ),
    "inside an inline table": (
        "[tool.apex.layers]\na = { categories = [ { name = 3 } ] }\n",
        "2:31: tool.apex.layers.a.categories[0].name: expected text, found 3",
    ),
    "in a list over lines": (
        "[tool.apex.modes]\nm = [\n  'fast_feedback',\n  'fast_fedback',\n]\n",
        "4:3: tool.apex.modes.m[1]: unknown layer 'fast_fedback'; did you mean 'fast_feedback'?",
    ),
    "in an array of tables": (
        "[[tool.apex.layers.a.categories]]\nname = 'x'\n[[tool.apex.layers.a.categories]]\nnam = 'y'\nname = 'z'\n",
        "4:1: tool.apex.layers.a.categories[1].nam: unknown key; did you mean 'name'?",
    ),
    "a date": (
        "[tool.apex.metadata]\nday = 2025-08-27\n",
        "2:7: tool.apex.metadata.day: a date or time is no value here, write text",
    ),
    "a number without end": (
        "[tool.apex.history]\nkeep_runs = " + "9" * 50 + "\n",
        "2:13: tool.apex.history.keep_runs: the number is too large or too long",
    ),
    "given twice": ("[tool.apex.tests]\nwarm = true\nwarm = false\n", "not valid TOML: "),
    "behind a text that looks like a table": (
        '[tool.apex.metadata]\na = """\n[tool.apex.tests]\nwarm = 1\n"""\n[tool.apex.tests]\nwarm = 2\n',
        "7:8: tool.apex.tests.warm: expected true or false, found 2",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_TOML.values(), ids=WRONG_TOML.keys())
def test_a_mistake_in_pyproject_is_named_with_its_place(text, expected, write, mistakes) -> None:
    write("pyproject.toml", text)
    (line,) = mistakes()
    assert line.startswith("pyproject.toml:" + (expected if expected[0].isdigit() else ""))
    assert expected in line


HOSTILE = r"""
import resource, sys, time
from pathlib import Path
from test_framework.configuration.load import load_settings
from test_framework.model.errors import UserError
from tests.unit.configuration.test_yaml_reading import BROKEN
root = Path(sys.argv[1])
def refused(raw):
    (root / "apex.yaml").write_bytes(raw)
    start = time.process_time()
    try:
        load_settings(root)
    except UserError as error:
        return time.process_time() - start, error.what
    raise SystemExit(f"accepted: {raw[:80]!r}")
refused(b"warm: up")
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (100 << 20),) * 2)
more = [b"a: " + b"{b: " * 100_000, b"- " * 500_000, b"a: &a [" + b"*a," * 1000, b"? " * 100_000, b"&a " * 100_000]
more += [b"a: |\n" + b" x\n" * 300_000, b"a: " + b"x" * 900_000, b"\t" * 1_000_000, b"a" * 1_000_000 + b": 1"]
worst = max(refused(raw) for raw in [raw for raw, _ in BROKEN.values()] + more)
print(worst[0])
assert worst[0] < float(sys.argv[2]), worst
"""


def test_no_hostile_file_takes_a_second_or_a_hundred_megabytes(tmp_path) -> None:
    allowed = 5.0  # one second of a machine that does nothing else
    repository = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(tmp_path), str(allowed)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_ring_of_categories_that_a_project_adds_to_is_named(write, mistakes) -> None:
    write(
        "apex.yaml",
        "categories:\n  a: {dependencies: [b]}\n  b: {dependencies: [c]}\n  c: {dependencies: [a]}\n",
    )
    (line,) = mistakes()
    assert line.startswith(
        "apex.yaml:2:21: categories.a.dependencies: categories wait for each other: a -> b -> c -> a, "
    )
