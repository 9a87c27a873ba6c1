"""A client of the application: `python watch.py ADDRESS ARGUMENTS [STOP_AT]`.

Starts a run with ARGUMENTS (JSON), prints every message that the WebSocket brings as a line, and ends with the run.
When a test whose id contains STOP_AT has started, the run is stopped.
"""

from __future__ import annotations

import json
import sys
from urllib.request import Request, urlopen

from websockets.sync.client import connect


def ask(address: str, path: str, method: str, body: bytes | None = None) -> dict[str, object]:
    with urlopen(Request(f"http://{address}{path}", data=body, method=method), timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def main(address: str, arguments: str, stop_at: str = "") -> None:
    with connect(f"ws://{address}/threads/dashboard") as socket:
        ask(address, "/runs", "POST", arguments.encode())
        while True:
            text = socket.recv(timeout=60)
            message = json.loads(text)
            print(json.dumps(message), flush=True)
            if message["type"] == "run.finished":
                break
            if stop_at and message["type"] == "test.started" and stop_at in message["test"]:
                ask(address, "/runs", "DELETE")
    while (status := ask(address, "/status", "GET"))["state"] != "idle":
        pass  # the last message is sent a moment before the execution ends
    print(json.dumps(status), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
