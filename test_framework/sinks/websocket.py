"""A run's facts for a host's WebSocket clients, through the host's own manager.

Rules: the manager is any object with `async send_to_thread(thread_id, message)`, or `async broadcast(message)` where no
thread is named. Facts go out in order, each as a dict; routine ones beyond `AT_ONCE` a tick, or beyond `MOST_WAITING`,
are counted in one `progress` message instead, whose `first_seq` and `seq` say which they were. A manager that raises or
stalls is given up and named once; the run waits for nobody but at its end, and then `LAST_SECONDS` at most.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.facts import Stamped
from test_framework.model.outcome import BAD, Verdict
from test_framework.model.wire import VERSION
from test_framework.sinks.fan_out import describe

AT_ONCE = 50
"""routine facts that are sent one by one between two ticks (about ten a second)"""
MOST_WAITING = 1000
STALL_SECONDS = 10.0
"""one message may take so long; then the manager is given up"""
LAST_SECONDS = 2.0
_ROUTINE = (f.TestStarted, f.TestFinished, f.TestOwed, f.SubtestFinished, f.WarningRecorded)
_LANDMARKS = (
    f.RunStarted, f.RunPlanned, f.LayerStarted, f.LayerFinished, f.CategoryStarted, f.CategoryFinished,
    f.CancelRequested, f.RunFinished,
)  # fmt: skip
Send = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(slots=True)
class _Counted:
    """Facts that are told as numbers only."""

    first_seq: int
    seq: int = 0
    types: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, stamped: Stamped) -> None:
        self.seq = stamped.seq
        self.types[stamped.fact.WIRE_TYPE] += 1
        if isinstance(stamped.fact, f.TestFinished):
            self.outcomes[stamped.fact.outcome.value] += 1


class WebSocketStream:
    """Sends one run's facts to one thread of a manager, from a task of the running event loop."""

    name = "websocket"

    def __init__(
        self,
        manager: Any,
        thread_id: str | None,
        on_failure: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_failure(name, message)` is called at most once."""
        self._send = sender(manager, thread_id)
        self._on_failure = on_failure
        self._clock = clock
        self._waiting: deque[Stamped | _Counted] = deque()
        self._allowance = AT_ONCE
        self._state: RunState | None = None
        self._sending_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken = False

    def start(self) -> None:
        """Begin to send, in the running event loop; what was handed in before waits for this."""
        self._task = asyncio.get_running_loop().create_task(self._deliver(), name="apex-websocket")

    def handle(self, stamped: Stamped, state: RunState) -> None:
        if self._broken:
            return
        self._state = state
        if self._kept_whole(stamped.fact):
            self._waiting.append(stamped)
        else:
            last = self._waiting[-1] if self._waiting else None
            if not isinstance(last, _Counted):
                last = _Counted(stamped.seq)
                self._waiting.append(last)
            last.add(stamped)
        self._idle.clear()
        self._filled.set()

    def tick(self, state: RunState) -> None:
        del state
        self._allowance = AT_ONCE
        since = self._sending_since
        if since is not None and self._clock() - since > STALL_SECONDS:
            self._give_up(f"it stalled: one message took more than {STALL_SECONDS:.0f} s")

    def close(self, state: RunState, verdict: Verdict) -> None:
        """The rest goes out in `finish`, which may wait."""

    async def drained(self) -> None:
        """Wait until everything was sent, `LAST_SECONDS` at most; then the manager is given up."""
        if self._task is None or self._broken:
            return
        idle = asyncio.ensure_future(self._idle.wait())
        done, _ = await asyncio.wait(
            {idle, self._task}, timeout=LAST_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        idle.cancel()
        if not done:
            self._give_up(f"{len(self._waiting) + 1} messages were not taken within {LAST_SECONDS:g} s")

    async def finish(self) -> None:
        """Send the rest, then let go of the manager."""
        await self.drained()
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=LAST_SECONDS)

    def stop(self) -> None:
        """Send nothing more and say nothing about it."""
        self._broken = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _kept_whole(self, fact: f.Fact) -> bool:
        if isinstance(fact, _LANDMARKS):
            return True
        if len(self._waiting) >= MOST_WAITING:
            return False
        if not isinstance(fact, _ROUTINE) or (isinstance(fact, f.TestFinished) and fact.outcome in BAD):
            return True
        self._allowance -= 1
        return self._allowance >= 0

    async def _deliver(self) -> None:
        try:
            while True:
                while self._waiting:
                    message = self._message(self._waiting.popleft())
                    self._sending_since = self._clock()
                    await self._send(message)
                    self._sending_since = None
                self._idle.set()
                self._filled.clear()
                await self._filled.wait()
        except Exception as error:  # noqa: BLE001 - somebody else's code raises anything
            self._give_up(describe(error))

    def _message(self, entry: Stamped | _Counted) -> dict[str, Any]:
        if isinstance(entry, Stamped):
            message: dict[str, Any] = json.loads(entry.line)
            message.pop("crc", None)
            return message
        layers = self._state.layers if self._state is not None else {}
        return {
            "v": VERSION,
            "type": "progress",
            "run": self._state.run if self._state is not None else "",
            "first_seq": entry.first_seq,
            "seq": entry.seq,
            "coalesced": dict(entry.types),
            "outcomes": dict(entry.outcomes),
            "layers": {
                name: {"tests": layer.tests, "done": layer.done, "failed": layer.bad, "owed": layer.owed}
                for name, layer in layers.items()
            },
        }

    def _give_up(self, message: str) -> None:
        if self._broken:
            return
        self.stop()
        self._on_failure(self.name, message)


def sender(manager: Any, thread_id: str | None) -> Send:
    """How one message reaches the manager's clients. Raises `UserError` for a manager that cannot do it."""
    if thread_id is not None:
        send_to_thread = getattr(manager, "send_to_thread", None)
        if not callable(send_to_thread):
            raise UserError(
                f"websocket_manager {type(manager).__name__} has no send_to_thread",
                "it needs: async def send_to_thread(self, thread_id, message)",
            )
        return lambda message: send_to_thread(thread_id, message)
    broadcast = getattr(manager, "broadcast", None)
    if not callable(broadcast):
        raise UserError(
            f"websocket_manager {type(manager).__name__} has no broadcast, and no thread_id was given",
            "give a thread_id, or a manager with: async def broadcast(self, message)",
        )
    send: Send = broadcast
    return send
