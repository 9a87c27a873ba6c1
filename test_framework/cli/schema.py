"""`apex schema`: the JSON Schema of every configuration file, for editors and validators."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from test_framework.cli.arguments import Parser

_WHAT = """\
Prints the JSON Schema (2020-12) that test_layers.yaml, categories.yaml, apex.yaml and [tool.apex] share.
It knows shapes, not names: whether a layer that is named exists, --validate says."""


def run(arguments: Sequence[str], prog: str) -> int:
    """Print the schema on stdout. Raises `UserError` for arguments, of which there are none."""
    Parser(prog=f"{prog} schema", description=_WHAT, allow_abbrev=False).parse_args(arguments)
    from test_framework.configuration.schema import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0
