"""`python -m benchmarks.configuration`: how long settings take to load, by size and by way.

Prints milliseconds, the best of five: reading and checking 200 layers with 2,000 categories, the same from
the cache, and the shipped defaults; and what a fresh interpreter pays for each. Ends with 1 where reading and
checking takes half a second or more.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
LAYERS, CATEGORIES = 200, 2_000
MOST_MILLISECONDS = 500


def write_large_project(root: Path) -> None:
    """A layer file of 200 layers in a chain and a catalogue of 2,000 categories, ten in each layer."""
    each = CATEGORIES // LAYERS
    layers, categories = ["layers:\n"], ["categories:\n"]
    for layer in range(LAYERS):
        layers.append(
            f"  layer_{layer}:\n    name: Layer {layer}\n    max_duration_minutes: {layer + 1}\n"
            f"    execution_mode: parallel\n    dependencies: [{f'layer_{layer - 1}' if layer else ''}]\n"
            "    environment_overrides:\n      staging:\n        max_duration_minutes: 9\n    categories:\n"
        )
        for category in range(layer * each, (layer + 1) * each):
            needs = f"category_{category - 1}" if category else ""
            layers.append(f"      - name: category_{category}\n        timeout_seconds: {category + 1}\n")
            categories.append(
                f"  category_{category}:\n    description: Category {category}\n    priority: LOW\n"
                f"    timeout_seconds: 60\n    dependencies: [{needs}]\n"
            )
    directory = root / "test_framework" / "config"
    directory.mkdir(parents=True)
    (directory / "test_layers.yaml").write_text("".join(layers))
    (directory / "categories.yaml").write_text("".join(categories))


def best_of_five(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def in_fresh_interpreter(root: Path, without: Path | None = None) -> float:
    code = (
        "import sys; from pathlib import Path; from test_framework.configuration.load import load_settings;"
        "load_settings(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(root)]

    def start() -> None:
        if without is not None:
            without.unlink(missing_ok=True)
        subprocess.run(command, check=True, cwd=ROOT)

    return best_of_five(start)


def main() -> int:
    from test_framework.configuration.load import load_settings

    with tempfile.TemporaryDirectory() as name:
        large, bare = Path(name, "large"), Path(name, "bare")
        bare.mkdir()
        write_large_project(large)
        cache = large / ".apex" / "cache" / "configuration"

        def afresh() -> None:
            cache.unlink(missing_ok=True)
            load_settings(large)

        afresh()
        rows = [
            (f"{LAYERS} layers, {CATEGORIES} categories: read and checked", best_of_five(afresh)),
            ("the same from the cache", best_of_five(lambda: load_settings(large))),
            ("shipped defaults", best_of_five(lambda: load_settings(bare))),
            (
                "a fresh interpreter that does nothing",
                best_of_five(lambda: subprocess.run([sys.executable, "-c", ""], check=True)),
            ),
            ("a fresh interpreter that loads the shipped defaults", in_fresh_interpreter(bare)),
            (
                "a fresh interpreter that reads and checks the large project",
                in_fresh_interpreter(large, cache),
            ),
            ("a fresh interpreter that loads the large project from the cache", in_fresh_interpreter(large)),
        ]
    print(f"CPython {platform.python_version()}, milliseconds, best of five")
    for label, milliseconds in rows:
        print(f"{milliseconds:10.1f}  {label}")
    return 0 if rows[0][1] < MOST_MILLISECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
