"""The executor for pytest: a zygote that collected once, and lanes forked from it (or spawned, where that is unsafe).

Rules: everything happens in the event loop's own thread; the zygote waits for forked lanes and the keeper for
spawned ones; a busy lane's pipe is read a few dozen times a second, a waiting lane's at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any

from test_framework.core.instructions import Force
from test_framework.engine.executor import Collection, Listener, SessionEnd
from test_framework.engine.gathering import Gathering, no_pytest, no_python
from test_framework.engine.lane_link import LaneLink, ending, oom_kills
from test_framework.engine.output import OutputLog
from test_framework.engine.output_reader import OutputReader
from test_framework.engine.processes import Keeper, Zygote, open_process
from test_framework.engine.requests import LaneRequest
from test_framework.engine.sweeps import Sweeps

READ_EVERY_SECONDS = 0.025
SESSION_END_SECONDS = 120.0
EXIT_SECONDS = 10.0
"""how long the project's interpreter may take for its exit handlers after the session's end"""


class PytestLanes:
    """See `engine.executor.Executor`."""

    def __init__(self, keeper: Keeper, zygote: Zygote, request: LaneRequest, output: OutputLog) -> None:
        self.keeper = keeper
        self.zygote = zygote
        self.request = request
        self._output = OutputReader(output)
        self._loop = asyncio.get_running_loop()
        self._listener: Listener | None = None
        self._links: dict[int, LaneLink] = {}
        self._spawned: dict[int, tuple[Zygote, LaneLink]] = {}
        self._generations: dict[int, int] = {}
        self._hungry: set[int] = set()
        self._lanes = 1
        self._asks = False
        self._again = False
        self._worker: dict[str, Any] = {}
        self._unborn = ""
        """how a spawned lane ended before it could run a test: another one would end so too"""
        self._pid = 0  # of the first interpreter
        self._became = False
        """the session that collected is a lane itself"""
        self._gathering = Gathering()
        self._collected: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._session: asyncio.Future[int] = self._loop.create_future()
        self._gone = asyncio.Event()
        """the first interpreter has ended"""
        self._summary: list[str] = []
        self._sweeps = Sweeps(keeper)
        self._isolation = "fork"
        self._digest = ""
        self._closed = False
        self._send(zygote, request.session(quiet=False))
        self._watch(zygote)
        self._loop.add_reader(keeper.control, self._keeper_said)

    # -- collection -------------------------------------------------------------------------------------------

    @staticmethod
    def _send(zygote: Zygote, message: Mapping[str, Any], fds: list[int] | None = None) -> None:
        try:
            zygote.send(message, fds or ())
        except (BrokenPipeError, ConnectionResetError):
            return  # its end is noticed by the keeper

    def _watch(self, zygote: Zygote) -> None:
        zygote.control.setblocking(False)
        self._loop.add_reader(zygote.control, self._zygote_said, zygote)
        self._output.watch(zygote.output)

    async def collect(self) -> Collection:
        told = await self._collected
        if told["type"] == "no_pytest":
            raise no_pytest(self.request.interpreter, told["message"])
        if told["type"] == "ended":
            output = self._output.log.tail(6000).strip()
            if not self._gathering.python and int(told["status"]) >= 0:
                raise no_python(self.request.interpreter, int(told["status"]), output)
            raise self._gathering.ended(int(told["status"]), str(told.get("how", "")), output)
        self._digest = told["digest"]
        self._worker = told["worker"]
        collection = self._gathering.collection(told, self.request.isolation)
        self._isolation = collection.isolation
        return collection

    def _zygote_said(self, zygote: Zygote) -> None:
        try:
            message, fds = zygote.receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            message, fds = None, []
        if message is None:
            self._loop.remove_reader(zygote.control)
            return
        if zygote.number:
            self._spawned_said(zygote, message)
        else:
            self._first_said(message, fds)

    def _first_said(self, message: dict[str, Any], fds: list[int]) -> None:
        if self._gathering.take(message):
            return
        match message["type"]:
            case "collected" | "no_pytest":
                self._gathering.collecting = ""
                if not self._collected.done():
                    self._collected.set_result(message)
            case "forked":
                self._forked(message, fds)
            case "ended":
                link = self._links.get(message["lane"])
                if link is not None and link.generation == message["generation"]:
                    self._lane_ended(link, message["status"])
            case "plugin_broke":
                if self._listener is not None:
                    self._listener.executor_lost(f"a plug-in broke on a test's report: {message['message']}")
            case "summary":
                self._summary += message["rows"]
            case "session_finished":
                if not self._session.done():
                    self._session.set_result(message["status"])

    # -- lanes ------------------------------------------------------------------------------------------------

    def begin(self, listener: Listener, lanes: int, asks: bool) -> None:
        self._again = self._listener is not None
        self._listener = listener
        self._lanes = lanes
        self._asks = asks

    def open_lane(self, lane: int) -> None:
        generation = self._generations[lane] = self._generations.get(lane, 0) + 1
        forks, terminal = self._isolation == "fork", self.zygote.output is None
        link = self._links[lane] = LaneLink(lane, generation, own_output=forks and not terminal)
        self._output.watch(link.output)
        message = self._lane_message(link)
        if forks:
            self._send(self.zygote, {"op": "fork", **message}, link.their_ends)
            link.handed_over()
        elif self._isolation == "inline" or (self._unborn and not self._became):
            self._became = True
            self._send(self.zygote, {"op": "become", **message}, link.their_ends)
            link.handed_over()
            self._spawned[0] = (self.zygote, link)
            if self._unborn:
                self._has_process(link, self._pid, open_process(self._pid))
        else:
            reading, writing = os.pipe2(os.O_CLOEXEC)
            if not self._became:
                self._send(self.zygote, {"op": "listen", **message}, [reading])
            os.close(reading)
            link.their_ends.append(writing)
            environment, session = self.request.spawned(lane, self._lanes, self._worker)
            zygote = self.keeper.spawn(self.request.interpreter, environment)
            self._spawned[zygote.number] = (zygote, link)
            self._send(zygote, session)
            self._watch(zygote)
        self._read_soon(link, 0.0)

    def _lane_message(self, link: LaneLink) -> dict[str, Any]:
        birth = {"lane": link.lane, "generation": link.generation, "run": self.request.run}
        return {**birth, "lanes": self._lanes, "asks": self._asks, "again": self._again}

    def _spawned_said(self, zygote: Zygote, message: dict[str, Any]) -> None:
        entry = self._spawned.get(zygote.number)
        if entry is None or message["type"] != "collected":
            return
        link = entry[1]
        if message["digest"] != self._digest:
            link.spoiled = "collected other tests than the first session did: collection is not repeatable"
            zygote.control.shutdown(socket.SHUT_RDWR)
            return
        self._send(zygote, {"op": "become", **self._lane_message(link)}, link.their_ends)
        link.handed_over()

    def _forked(self, message: dict[str, Any], fds: list[int]) -> None:
        link = self._links.get(message["lane"])
        if link is None or link.generation != message["generation"]:
            for fd in fds:
                os.close(fd)
            return
        self._has_process(link, message["pid"], fds[0])

    def _has_process(self, link: LaneLink, pid: int, pidfd: int) -> None:
        link.pid, link.pidfd = pid, pidfd
        self._sweeps.ours.add(pid)
        if self._listener is not None:
            self._listener.lane_started(link.lane, link.generation, pid)

    def tell_lane(self, lane: int, message: dict[str, Any]) -> None:
        link = self._links.get(lane)
        if link is not None:
            link.send(message)

    def stop_lane(self, lane: int, force: Force, index: int, why: str, message: str) -> None:
        link = self._links.get(lane)
        if link is None:
            return
        if force is Force.INTERRUPT:
            link.clear_stack()
        link.stop(force, index, why, message)
        if link.pidfd < 0 and force >= Force.TERMINATE and link.lane not in self._hungry:
            # A spawned lane that is still collecting: close its socket, and it ends.
            for zygote, each in self._spawned.values():
                if each is link and zygote.number:
                    zygote.control.close()

    def hungry(self, lane: int, hungry: bool) -> None:
        if hungry and lane not in self._hungry:
            self._hungry.add(lane)
            link = self._links.get(lane)
            if link is not None and link.open:
                self._loop.add_reader(link.results, self._read_lane, link)
        elif not hungry:
            self._hungry.discard(lane)

    def _read_soon(self, link: LaneLink, delay: float) -> None:
        self._loop.call_later(delay, self._wait_for_lane, link)

    def _wait_for_lane(self, link: LaneLink) -> None:
        if link.open:
            self._loop.add_reader(link.results, self._read_lane, link)

    def _read_lane(self, link: LaneLink) -> None:
        """Read what a lane wrote; leave its pipe alone for a moment, unless the lane waits for an answer."""
        if not link.open:
            return
        messages = link.read()
        self._tell(link, messages)
        if not messages:
            self._loop.remove_reader(link.results)
            self._read_soon(link, READ_EVERY_SECONDS)
        elif link.lane not in self._hungry and link.has_results:
            self._loop.remove_reader(link.results)
            self._read_soon(link, READ_EVERY_SECONDS)
        link.push()
        if self._listener is not None and messages:
            self._listener.batch_over()

    def _tell(self, link: LaneLink, messages: list[list[Any]]) -> None:
        if self._listener is None:
            return
        for message in messages:
            if message[0] == "z":
                link.said_goodbye = True
            elif message[0] in ("p", "f"):
                link.has_results = True
            self._listener.lane_said(link.lane, message)

    def _lane_ended(self, link: LaneLink, status: int) -> None:
        if not link.open:
            return  # it was given up already, with the interpreter or the keeper that it hung on
        self._loop.remove_reader(link.results)
        self._tell(link, link.read_all())
        oom = oom_kills() > link.ooms
        reason = link.spoiled or ending(status, link.said_goodbye, oom)
        stack = link.stack() if reason else ""
        unborn = self._isolation == "spawn" and reason and link.their_ends
        self._links.pop(link.lane, None)
        self._hungry.discard(link.lane)
        pid, output = link.pid, link.without_output()
        self._output.keep(output)
        link.close()
        if pid and self._isolation != "inline":
            self._sweeps.ask(session=pid).add_done_callback(lambda _: self._output.release(output))
        if self._listener is not None:
            if unborn and not self._unborn:
                self._unborn = reason
                text = (
                    f"lanes cannot be sessions of their own ({reason}): the one that collected runs the tests"
                )
                self._listener.degraded(text)
            self._listener.lane_ended(link.lane, reason, stack, oom and "memory" in reason)
            self._listener.batch_over()

    # -- the keeper -------------------------------------------------------------------------------------------

    def _keeper_said(self) -> None:
        message = self.keeper.receive()
        if message is None:
            self._loop.remove_reader(self.keeper.control)
            self.zygote.kill()
            self._all_lost("the keeper process is gone")
            return
        match message["type"]:
            case "spawned":
                self._process_spawned(message)
            case "exited":
                self._process_exited(message)
            case "swept":
                self._sweeps.swept(message, self._listener)

    def _process_spawned(self, message: dict[str, Any]) -> None:
        entry = self._spawned.get(message["id"])
        if not message["id"]:
            self._pid = message["pid"]
            self.zygote.born(self._pid)
        elif entry is not None:
            self._has_process(entry[1], message["pid"], open_process(message["pid"]))

    def _process_exited(self, message: dict[str, Any]) -> None:
        entry = self._spawned.pop(message["id"], None)
        if entry is not None:
            zygote, link = entry
            self._output.read(zygote.output)
            if zygote.number:
                self._forget(zygote)
            self._lane_ended(link, message["status"])
        if message["id"]:
            return
        for last_message, fds in self.zygote.last_messages():
            self._first_said(last_message, fds)
        self._output.read(self.zygote.output)
        status = message["status"]
        how = ending(status, True, False) if os.WIFSIGNALED(status) else ""
        code = os.waitstatus_to_exitcode(status) if not how else -1
        self._gone.set()
        if not self._collected.done():
            self._collected.set_result({"type": "ended", "status": code, "how": how})
            return
        if not self._session.done():
            self._session.set_result(code)
        if self._links and not self._became:
            self._all_lost(f"the project's pytest session is gone: {how or f'exit status {code}'}")

    def _all_lost(self, reason: str) -> None:
        if self._closed:
            return
        if self._listener is not None:
            self._listener.executor_lost(reason)  # first, so that no lane is opened in place of the lost ones
        for link in list(self._links.values()):
            link.stop(Force.KILL, 0, "", "")
            self._loop.remove_reader(link.results)
            self._tell(link, link.read_all())
            self._links.pop(link.lane, None)
            self._output.forget(link.output)
            link.close()
            if self._listener is not None:
                self._listener.lane_ended(link.lane, reason, "", False)
        if self._listener is not None:
            self._listener.batch_over()
        if not self._collected.done():
            self._collected.set_result({"type": "ended", "status": -1, "how": reason})
        self._gone.set()
        if not self._session.done():
            self._session.set_result(-1)

    # -- the end ----------------------------------------------------------------------------------------------

    async def end_session(self, failed: int) -> SessionEnd:
        self._send(self.zygote, {"op": "finish", "failed": failed})
        try:
            status = await asyncio.wait_for(asyncio.shield(self._session), SESSION_END_SECONDS)
        except TimeoutError:
            return SessionEnd(
                -1, f"the project's pytest session did not end within {SESSION_END_SECONDS:.0f} s"
            )
        with contextlib.suppress(TimeoutError):  # exit handlers that hang are ended by `close`
            await asyncio.wait_for(self._gone.wait(), EXIT_SECONDS)
        return SessionEnd(status, "".join(self._summary))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for link in list(self._links.values()):
            self._loop.remove_reader(link.results)
            self._output.forget(link.output)
            link.close()
        self._links.clear()
        await asyncio.wait([self._sweeps.ask(everything=True)], timeout=10.0)
        self._output.release()
        self._loop.remove_reader(self.keeper.control)
        for zygote in (self.zygote, *(each for each, _ in self._spawned.values())):
            self._forget(zygote)
        self.keeper.control.close()
        await asyncio.to_thread(self.keeper.wait)

    def _forget(self, zygote: Zygote) -> None:
        if zygote.control.fileno() >= 0:
            self._loop.remove_reader(zygote.control)
        self._output.forget(zygote.output)
        zygote.close()
