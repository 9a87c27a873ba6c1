"""Writes the hash-pinned requirements of the plug-in matrix: `python tests/plugin_matrix/pin.py [--upgrade]`.

Needs uv and a package index. `requirements.txt` holds all plug-ins together; `<plugin>.txt` one of them with what it
needs, at the same versions; `pytest-<version>.txt` each pytest that versions.json names. No index is named in them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUGINS = {
    "anyio": ["anyio", "trio"],
    "asyncio": ["pytest-asyncio"],
    "benchmark": ["pytest-benchmark"],
    "cov": ["pytest-cov"],
    "django": ["pytest-django", "django"],
    "hypothesis": ["hypothesis"],
    "mock": ["pytest-mock"],
    "randomly": ["pytest-randomly"],
    "rerunfailures": ["pytest-rerunfailures"],
    "timeout": ["pytest-timeout"],
    "xdist": ["pytest-xdist"],
}
COMPILE = [
    "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-strip-extras",
]  # fmt: skip


def pin(name: str, wanted: list[str], *options: str) -> None:
    command = [*COMPILE, *options, "-", "--output-file", str(HERE / name)]
    subprocess.run(command, input="\n".join(wanted), text=True, check=True)


def main(arguments: list[str]) -> None:
    together = ["pytest", *(package for packages in PLUGINS.values() for package in packages)]
    pin("requirements.txt", together, *arguments)
    for plugin, packages in PLUGINS.items():
        pin(
            f"{plugin}.txt", ["pytest", *packages], "--constraint", str(HERE / "requirements.txt"), *arguments
        )
    versions = json.loads((HERE / "versions.json").read_text(encoding="utf-8"))
    rows = [*versions["pythons"].values(), versions["refused"]]
    for release in {release for row in rows for release in row.values()}:
        pin(f"pytest-{release}.txt", [f"pytest=={release}"], *arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
