"""[tool.apex] is read with the limits of YAML and with positions that a reader can use."""

from __future__ import annotations

from test_framework.configuration.toml_reading import read_toml

TEXT = b"""\
[project]
name = "apex"

[tool.apex.tests]
warm = false
roots = ["a", "b"]

# warm = true
[[tool.apex.layers.quick.categories]]
name = "smoke"

[[tool.apex.layers.quick.categories]]
name = "unit"
filters = { include_patterns = ["x"], exclude_patterns = [] }

[tool.apex.layers.quick]
max_duration_minutes = 2
"success_criteria".min_pass_rate = 0.5
"""


def test_values_and_positions_are_found() -> None:
    document = read_toml("pyproject.toml", TEXT)
    assert document is not None
    assert document.mistakes == []
    assert document.data["tests"] == {"warm": False, "roots": ["a", "b"]}
    assert document.locate(("tests", "warm"), "key") == (5, 1)
    assert document.locate(("tests", "warm"), "value") == (5, 8)
    assert document.locate(("tests", "roots", 1), "value") == (6, 15)
    assert document.locate(("layers", "quick", "categories", 1, "name"), "key") == (13, 1)
    assert document.locate(("layers", "quick", "max_duration_minutes"), "key") == (17, 1)
    assert document.locate(("layers", "quick", "success_criteria", "min_pass_rate"), "key") == (18, 20)
    include = ("layers", "quick", "categories", 1, "filters", "include_patterns")
    assert document.locate(include, "key") == (14, 13)


def test_a_file_without_our_table_is_no_document() -> None:
    assert read_toml("pyproject.toml", b"[project]\nname = 'x'\n") is None
    assert read_toml("pyproject.toml", b"[project]\nname = 'apex'\n") is None
    assert read_toml("pyproject.toml", b"tool = 3\napex = 1\n") is None


def test_broken_toml_is_one_mistake_at_its_line() -> None:
    document = read_toml("pyproject.toml", b"[tool.apex]\na = = 1\n")
    assert document is not None
    (mistake,) = document.mistakes
    assert str(mistake).startswith("pyproject.toml:2:5: not valid TOML: ")


def test_endless_numbers_deep_nesting_and_wrong_tables_are_mistakes() -> None:
    def mistakes(raw: bytes) -> list[str]:
        document = read_toml("p.toml", raw)
        assert document is not None
        return [str(mistake) for mistake in document.mistakes]

    assert mistakes(b"[tool.apex]\n\nx = nan\n") == ["p.toml:3:5: tool.apex.x: nan is not a finite number"]
    (deep,) = mistakes(b"[tool.apex]\nx = " + b"[" * 40 + b"]" * 40)
    assert deep.startswith("p.toml:2:25: tool.apex.x[0]")
    assert deep.endswith("more than 20 levels")
    (wrong,) = mistakes(b"tool.apex = 3\n")
    assert "expected a table, found 3" in wrong
    assert mistakes(b"[tool.apex]\nx = " + b"[" * 5000 + b"]" * 5000)
