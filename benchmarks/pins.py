"""Makes `pins/*.txt` anew from `pins/*.in`: exact versions with digests, for all interpreters at once.

Rules: `python -m benchmarks.pins` needs uv and an index; no address of an index is written into the files.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from benchmarks.suites import HERE, BenchmarkError, load_suites


def pin_all() -> None:
    """Resolve every suite's test dependencies. Raises `BenchmarkError` when uv is not there or fails."""
    uv = shutil.which("uv", path=f"{sys.exec_prefix}/bin") or shutil.which("uv")
    if uv is None:
        raise BenchmarkError("uv was not found; install it beside this interpreter")
    for suite in load_suites():
        wanted = HERE / "pins" / f"{suite.name}.in"
        answer = subprocess.run(
            [
                uv,
                "pip",
                "compile",
                "--quiet",
                "--upgrade",
                "--universal",
                "--python-version",
                "3.11",
                "--generate-hashes",
                "--no-header",
                "--no-emit-index-url",
                "--no-emit-find-links",
                str(wanted.relative_to(HERE)),
                "--output-file",
                str(suite.pins.relative_to(HERE)),
            ],
            cwd=HERE,
            check=False,
        )
        if answer.returncode:
            raise BenchmarkError(f"uv could not resolve {wanted}")


if __name__ == "__main__":
    pin_all()
