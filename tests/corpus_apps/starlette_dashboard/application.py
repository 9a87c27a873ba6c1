"""A small web application that embeds the controller: starts and cancels runs, shows them over its own WebSocket.

    PROJECT=path/to/project uvicorn application:application

`POST /runs` with a JSON object of execution arguments starts a run, `DELETE /runs` stops it, `GET /status` says what is
true now, and `/threads/{name}` is a WebSocket that gets every message of the run. `/` is a page that shows it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from test_framework.model.errors import UserError
from test_framework.orchestration import create_legacy_controller

THREAD = "dashboard"
PAGE = """<!doctype html><meta charset="utf-8"><title>Runs</title><h1>Runs</h1>
<button onclick="fetch('/runs', {method: 'POST', body: '{}'})">start</button>
<button onclick="fetch('/runs', {method: 'DELETE'})">stop</button><pre id="said"></pre>
<script>
new WebSocket(`ws://${location.host}/threads/dashboard`).onmessage = event => {
  const message = JSON.parse(event.data);
  said.textContent += [message.type, message.layer, message.test, message.outcome].filter(Boolean).join(' ') + '\\n';
};
</script>"""


class Threads:
    """The application's WebSocket clients by the name of the thread that they watch."""

    def __init__(self) -> None:
        self._clients: dict[str, set[WebSocket]] = {}

    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
        for client in tuple(self._clients.get(thread_id, ())):
            await client.send_json(message)

    async def serve(self, client: WebSocket) -> None:
        await client.accept()
        clients = self._clients.setdefault(client.path_params["name"], set())
        clients.add(client)
        try:
            async for _ in client.iter_text():
                pass  # nothing is expected; this ends when the client goes
        finally:
            clients.discard(client)


threads = Threads()
controller = create_legacy_controller(
    threads, THREAD, os.environ["PROJECT"], interpreter=os.environ.get("TESTS_PYTHON")
)


class Runs:
    """At most one run at a time."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.error = ""

    def start(self, arguments: dict[str, Any]) -> None:
        self._group.create_task(self._execute(arguments))

    async def _execute(self, arguments: dict[str, Any]) -> None:
        try:
            await controller.execute_orchestration(arguments)
            self.error = ""
        except UserError as error:
            self.error = str(error.what)


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group, controller:
        application.state.runs = Runs(group)
        yield


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def start(request: Request) -> JSONResponse:
    request.app.state.runs.start(await request.json())
    return JSONResponse({"started": True}, status_code=202)


async def stop(_: Request) -> JSONResponse:
    return JSONResponse({"stopping": controller.cancel_execution("stopped from the dashboard")})


async def status(request: Request) -> JSONResponse:
    return JSONResponse({**controller.get_orchestration_status(), "error": request.app.state.runs.error})


application = Starlette(
    routes=[
        Route("/", page),
        Route("/runs", start, methods=["POST"]),
        Route("/runs", stop, methods=["DELETE"]),
        Route("/status", status),
        WebSocketRoute("/threads/{name}", threads.serve),
    ],
    lifespan=lifespan,
)
