"""`--validate` says what is there or everything that is wrong; `apex init` writes what changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from test_framework.cli.main import main
from test_framework.cli.validate import validate
from test_framework.configuration.load import load_settings

LEGACY = """\
metadata: {version: "1.0.0"}
layers:
  quick:
    categories: [{name: unit}]
"""

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return put


def test_a_right_configuration_is_summed_up(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("apex.yaml", LEGACY + "modes: {mine: [quick]}\nhistory: {keep_runs: 3}\ntests: {warm: true}\n")
    assert validate(tmp_path, "staging") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:3] == [
        "the configuration is valid (environment staging)",
        "  files       apex.yaml",
        "  layers      1: quick",
    ]
    assert "mine" in next(line for line in out.splitlines() if line.startswith("  modes"))
    assert "  notes       1\n    apex.yaml:7:9: tests.warm: inert until " in out
    assert err == ""


def test_without_files_the_shipped_defaults_are_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(tmp_path, "test") == 0
    out = capsys.readouterr().out
    assert "files       none, the shipped defaults serve" in out
    assert "layers      4: fast_feedback, core_integration, service_integration, e2e_background" in out
    assert "categories  18: " in out
    assert "and 6 more" in out
    assert "notes       none" in out


def test_all_mistakes_are_printed_and_the_exit_code_is_4(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("apex.yaml", "layers:\n  a:\n    dependencies: [b]\n    categories: [{nam: x}]\n")
    assert validate(tmp_path, "test") == 4
    assert capsys.readouterr().out.splitlines() == [
        "apex.yaml:3:20: layers.a.dependencies[0]: unknown layer 'b', known: a",
        "apex.yaml:4:18: layers.a.categories[0]: the key 'name' is missing, add it",
        "apex.yaml:4:19: layers.a.categories[0].nam: unknown key; did you mean 'name'?",
        "3 mistakes in the configuration; nothing was started",
    ]


def test_in_json_it_is_one_object(tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(tmp_path, "prod", as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["environment"], len(found["layers"])) == (True, "prod", 4)
    write("apex.yaml", "x: 1\n")
    assert validate(tmp_path, "prod", as_json=True) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False
    assert found["mistakes"][0].startswith("apex.yaml:1:1: x: unknown key")


def bare(_: Write) -> None:
    """A repository of nothing."""


def python_repository(write: Write) -> None:
    write(
        "pyproject.toml",
        '[project]\ndependencies = ["psycopg[binary]>=3", "redis"]\n[tool.pytest.ini_options]\n',
    )
    write("tests/unit/test_a.py", "")
    write("tests/contract/test_b.py", "")
    write("tests/contract/deep/test_c.py", "")
    write(".venv/bin/python", "")
    write("node_modules/x/tests/unit/test_not_ours.py", "")


def markers_and_compose(write: Write) -> None:
    write(
        "pytest.ini",
        "[pytest]\ntestpaths = spec\nmarkers =\n    slow: takes long\n    smoke\n    gpu(kind): needs one\n",
    )
    write("spec/test_a.py", "")
    write(
        "docker-compose.yml",
        "services:\n  db:\n    image: docker.io/library/postgres:16\n    ports: ['5433:5432']\n"
        "  cache: {image: redis, ports: [6379]}\n  web: {build: ., ports: [{target: 80, published: 8080}]}\n",
    )


def monorepo(write: Write) -> None:
    write("services/billing/pytest.ini", "[pytest]\n")
    write("services/billing/tests/integration/test_a.py", "")
    write("services/shipping/setup.cfg", "[tool:pytest]\n")
    write("web/package.json", '{"devDependencies": {"jest": "1", "cypress": "1"}}')
    write("package.json", '{"devDependencies": {"@playwright/test": "1"}}')


def legacy(write: Write) -> None:
    write("test_framework/config/test_layers.yaml", LEGACY)
    write("tests/load/test_a.py", "")


def odd_names(write: Write) -> None:
    write("tests/a: b #c/test_a.py", "")
    write("tests/-x/test_a.py", "")
    write("tests/naïve/test_a.py", "")
    write("tests/true/test_a.py", "")
    write("a b/package.json", '{"devDependencies": {"vitest": "1"}}')
    write("broken/package.json", "{")
    write("compose.yaml", "services: [1]\n")
    write("pytest.ini", "not an ini file")
    write("setup.cfg", "[tool:pytest]\nmarkers = a-b\n  ok: x\n")


def with_table(write: Write) -> None:
    write(
        "pyproject.toml", "[tool.apex.modes]\nmine = ['fast_feedback']\n[tool.apex.metadata]\nversion = '1'\n"
    )


REPOSITORIES = [bare, python_repository, markers_and_compose, monorepo, legacy, odd_names, with_table]


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_the_written_file_validates_and_changes_nothing(
    repository: Callable[[Write], None], tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    repository(write)
    before = load_settings(tmp_path)
    assert main(["init", "--project-root", str(tmp_path)]) == 0
    after = load_settings(tmp_path)
    assert "apex.yaml" in after.sources
    assert dataclasses.replace(after, sources=before.sources) == before


def switched_on(text: str) -> str:
    """Every proposal of the file, without its leading sign; prose is `# text`."""
    return re.sub(r"(?m)^#(?=\S|  )", "", text)


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_every_proposal_validates_once_it_is_switched_on(
    repository: Callable[[Write], None], tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    repository(write)
    assert main(["init", "--project-root", str(tmp_path)]) == 0
    path = tmp_path / "apex.yaml"
    on = switched_on(path.read_text())
    assert on != path.read_text()
    path.write_text(on)
    assert validate(tmp_path, "test") == 0, capsys.readouterr().out


def proposals(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["init", "--stdout", "--project-root", str(root)]) == 0
    assert not (root / "apex.yaml").exists()
    return capsys.readouterr().out


def test_categories_libraries_and_the_interpreter_are_found(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    python_repository(write)
    text = proposals(tmp_path, capsys)
    assert "# - 1 test file of the category unit\n" in text
    assert "# - 2 test files of the category unit (no directory says otherwise)\n" in text
    assert "# - psycopg, which speaks to postgresql\n" in text
    assert "#  contract:\n#    paths: [tests/contract]\n" in text
    assert "#  postgresql:\n#    health_check_endpoint: localhost:5432\n" in text
    assert '#  interpreter: ".venv/bin/python"\n' in text


def test_markers_and_compose_services_are_found(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    markers_and_compose(write)
    text = proposals(tmp_path, capsys)
    assert "# - pytest is configured in pytest.ini, testpaths spec\n" in text
    assert "#  slow:\n#    markers: [slow]\n#  gpu:\n#    markers: [gpu]\n" in text
    assert "#  smoke:" not in text
    assert "#  postgresql:\n#    provider: compose\n#    health_check_endpoint: localhost:5433\n" in text
    assert "#  redis:\n#    provider: compose\n#    health_check_endpoint: localhost:6379\n" in text
    assert "#  web:\n#    provider: compose\n#    health_check_endpoint: localhost:8080\n" in text


def test_roots_and_runners_of_a_monorepo_are_found(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    monorepo(write)
    text = proposals(tmp_path, capsys)
    assert "#  roots: [services/billing, services/shipping]\n" in text
    assert "#  web_jest:\n#    runner: jest\n#    category_type: functional\n#    cwd: web\n" in text
    assert "#  web_cypress:\n#    runner: cypress\n#    category_type: e2e\n" in text
    assert "#  playwright:\n#    runner: playwright\n" in text


def test_legacy_files_are_left_alone_and_named(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    legacy(write)
    assert main(["init", "--project-root", str(tmp_path)]) == 0
    assert "test_framework/config/test_layers.yaml was left alone" in capsys.readouterr().out
    assert (tmp_path / "test_framework/config/test_layers.yaml").read_text() == LEGACY
    text = (tmp_path / "apex.yaml").read_text()
    assert "# Left alone, and read first: test_framework/config/test_layers.yaml.\n" in text
    assert "#layers:" not in text
    assert "#  load:\n#    paths: [tests/load]\n" in text


def test_a_file_that_is_there_is_not_overwritten(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("apex.yaml", "metadata: {mine: 1}\n")
    assert main(["init", "--project-root", str(tmp_path)]) == 4
    assert "apex.yaml is there already" in capsys.readouterr().err
    assert (tmp_path / "apex.yaml").read_text() == "metadata: {mine: 1}\n"
    assert main(["init", "--force", "--project-root", str(tmp_path)]) == 0
    assert "metadata:\n  description:" in (tmp_path / "apex.yaml").read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("apex.yaml")] == ["apex.yaml"]


def test_a_link_that_leads_nowhere_counts_as_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.symlink("nowhere", tmp_path / "apex.yaml")
    assert main(["init", "--project-root", str(tmp_path)]) == 4
    assert main(["init", "--force", "--project-root", str(tmp_path)]) == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_directory_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "apex.yaml").mkdir()
    (tmp_path / "apex.yaml" / "x").touch()
    assert main(["init", "--force", "--project-root", str(tmp_path)]) == 4
    assert "apex.yaml cannot be written: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["apex.yaml"]
