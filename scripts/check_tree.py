"""Looks at every file that is or would be committed, for what must not be there: python scripts/check_tree.py

Rules: no name of a package index (locks serve any mirror), no path of one machine, no citation of what a
reader of this repository cannot look up, no source file too long to read. Prints each finding as path:line.
The patterns are written so that they do not match themselves.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MOST_LINES = 400
MOST_BYTES = 1 << 20

FORBIDDEN = {
    r"pypi[.]org|python[h]osted|npm[j]s[.]|registry[.]yarn[p]kg": "the name of a package index",
    r"/[w]ork/|/[r]oot/|/opt/(?:[p]ypi|[w]heels)": "a path of one machine",
    r"\b[s]hared/[A-Z]|\b(?:[C]ONTRACT|[D]ESIGN|[F]AULTS|[P]ERFORMANCE|[S]TYLE)[.]md": "a document not here",
    r"(?i)\b[i]ssue #?\d|\b(?:[f]ault|[g]oal) [A-GP]\d": "a number that cannot be looked up here",
    r"(?i)far[m][- ](?:bench|studio)|[.]library/": "a name that means nothing here",
}
PATTERNS = [(re.compile(pattern), meaning) for pattern, meaning in FORBIDDEN.items()]


def committed_files() -> list[Path]:
    """Tracked files, and untracked ones that are not ignored; deleted ones are left out."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True).stdout.split(b"\0")
    paths = {REPOSITORY / name.decode() for name in names if name}
    return sorted(path for path in paths if path.is_file())


def findings(path: Path) -> list[str]:
    """What is wrong with one file, each as `path:line: what it carries`."""
    content = path.read_bytes()
    place = path.relative_to(REPOSITORY)
    if len(content) > MOST_BYTES:
        return [f"{place}:1: {len(content)} bytes; {MOST_BYTES} at most"]
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return []
    found = [
        f"{place}:{number}: {meaning}: {match.group()}"
        for number, line in enumerate(lines, 1)
        for pattern, meaning in PATTERNS
        if (match := pattern.search(line))
    ]
    if path.suffix == ".py" and place.parts[0] == "test_framework" and len(lines) >= MOST_LINES:
        found.append(
            f"{place}:{len(lines)}: {len(lines)} lines; fewer than {MOST_LINES} can be read in one go"
        )
    return found


def main() -> int:
    """Print the findings; 1 if there are any."""
    files = committed_files()
    found = [finding for path in files for finding in findings(path)]
    for finding in found:
        print(finding)
    print(f"{len(files)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
