"""After a power loss the history is the old one or the new one: every write that strace saw is lost, torn or kept.

Rules: what was synchronised stays; of what was written since then to a file, all, nothing, or a part of it with its
last sector torn is on the disk. Renames, creations and removals are on the disk in their order.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from test_framework.model.outcome import Outcome
from test_framework.records.database import NAME
from test_framework.records.history import History
from tests.unit.records.test_migrations import sample
from tests.unit.records.written_runs import content_of, write_run

REPOSITORY = Path(__file__).resolve().parents[3]
ADD = (
    "import sys; from pathlib import Path; from test_framework.records.history import History; "
    "history = History(Path(sys.argv[1])); history.catch_up(); history.close()"
)
STATES_EACH = 3
SECTOR = 512
CALLS = "openat,write,pwrite64,ftruncate,rename,unlink,fsync,fdatasync,close"
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class File:
    """What is safe on the disk, and what was written since."""

    safe: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes), or (size, None) for a change of size"""

    def content(self, keep: int, torn: int | None = None) -> bytes:
        """With the first `keep` pending changes; of the last of these only `torn` bytes."""
        content = bytearray(self.safe)
        for place, (offset, data) in enumerate(self.pending[:keep], 1):
            if data is None:
                content[offset:] = b"" if len(content) > offset else bytes(offset - len(content))
                continue
            part = data[:torn] if torn is not None and place == keep else data
            content[len(content) :] = bytes(max(0, offset - len(content)))
            content[offset : offset + len(part)] = part
        return bytes(content)


class Disk:
    """Replays calls on the files below a folder."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.files = {
            str(path): File(path.read_bytes())
            for path in base.iterdir()
            if path.is_file() and not path.name.endswith("-shm")
        }
        self._open: dict[int, tuple[File, int]] = {}

    def replay(self, name: str, arguments: str, result: int) -> bool:
        """Do one call; whether it changed what is or will be on the disk."""
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
        if result < 0:
            return False
        if name in ("openat", "rename", "unlink"):
            return self._name_call(name, [text.decode() for text in texts], arguments, result)
        fd = int(arguments.partition(",")[0])
        file, position = self._open.get(fd, (None, 0))
        if file is None:
            return False
        match name:
            case "close":
                del self._open[fd]
                return False
            case "fsync" | "fdatasync":
                file.safe, file.pending = file.content(len(file.pending)), []
            case "ftruncate":
                file.pending.append((int(arguments.rpartition(",")[2]), None))
            case "pwrite64":
                file.pending.append((int(arguments.rpartition(",")[2]), texts[0][:result]))
            case "write":
                file.pending.append((position, texts[0][:result]))
                self._open[fd] = (file, position + result)
        return True

    def _name_call(self, name: str, paths: list[str], arguments: str, result: int) -> bool:
        if not paths[0].startswith(str(self.base)) or paths[0].endswith("-shm"):
            return False
        if name == "rename":
            self.files[paths[1]] = self.files.pop(paths[0])
        elif name == "unlink":
            self.files.pop(paths[0], None)
        elif Path(paths[0]).parent != self.base or "O_DIRECTORY" in arguments:
            return False
        else:
            self._open[result] = (self.files.setdefault(paths[0], File()), 0)
        return True

    def write(self, target: Path, chance: random.Random, way: int) -> None:
        """One state that the disk may be in: nothing pending (0), all of it (1), or a torn part of it."""
        for name, file in self.files.items():
            count = len(file.pending)
            keep, torn = (
                (0, None) if way == 0 else (count, None) if way == 1 else (chance.randint(0, count), SECTOR)
            )
            (target / Path(name).name).write_bytes(file.content(keep, torn))


def one_run(base: Path) -> None:
    write_run(base, 1, [("a.py::t", 1, Outcome.FAILED), ("a.py::u", 1, Outcome.PASSED)])
    History(base).close()


SITUATIONS: dict[str, Callable[[Path], object]] = {
    "making": lambda base: None,
    "adding": one_run,
    "migrating": lambda base: sample(1, base),
}


def recorded_calls(base: Path, log: Path) -> list[tuple[str, str, int]]:
    command = ["strace", "-f", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-c", ADD, str(base)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED: strace does not work here: {done.stderr[-200:]}")
    found = [_CALL.search(line) for line in log.read_text().splitlines()]
    return [(call[1], call[2], int(call[3])) for call in found if call]


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED: there is no strace here")
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_power_loss_at_any_write_leaves_the_old_history_or_the_new(
    quick_disk: Path, situation: str
) -> None:
    base = quick_disk / "base"
    base.mkdir()
    SITUATIONS[situation](base)
    write_run(base, 2, [("a.py::t", 1, Outcome.PASSED), ("b.py::v", 1, Outcome.FAILED)])
    disk = Disk(base)
    calls = recorded_calls(base, quick_disk / "log")
    expected = content_of(base / NAME)
    chance = random.Random(3)
    states = changes = 0
    for call in calls:
        if not disk.replay(*call):
            continue
        changes += 1
        for way in range(STATES_EACH):
            after = quick_disk / f"after-{changes}-{way}"
            after.mkdir()
            shutil.copytree(base / "runs", after / "runs")
            disk.write(after, chance, way)
            history = History(after, whole=True)
            history.catch_up()
            history.close()
            assert [note for note in history.notes if "from schema 1" not in note] == [], (call[0], way)
            assert content_of(history.path) == expected
            states += 1
            shutil.rmtree(after)
    final = {name: file.content(len(file.pending)) for name, file in disk.files.items()}
    assert final[str(base / NAME)] == (base / NAME).read_bytes(), (
        "the calls were not replayed as they happened"
    )
    assert states > 50
