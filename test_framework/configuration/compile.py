"""`python -m test_framework.configuration.compile`: write compiled.json afresh from the shipped YAML files.

A test proves that the committed file is fresh; run this after every change of those files or of the schema.
"""

from __future__ import annotations

import json

from test_framework.configuration.load import COMPILED, SHIPPED, compile_shipped, shipped_digest


def compiled_text() -> str:
    """The text that compiled.json should hold."""
    layers = (SHIPPED / "test_layers.yaml").read_bytes()
    categories = (SHIPPED / "categories.yaml").read_bytes()
    content = {"digest": shipped_digest(layers, categories), "mapping": compile_shipped(layers, categories)}
    return json.dumps(content, separators=(",", ":"), sort_keys=False) + "\n"


def main() -> int:
    COMPILED.write_text(compiled_text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
