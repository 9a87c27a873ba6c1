import http.server
import threading
import time
import urllib.request

import pytest

PORT = 28517


class Server(http.server.HTTPServer):
    allow_reuse_address = True


@pytest.fixture(scope="session")
def served():
    """A server at a fixed port for the whole session, waited for without a limit, as many suites have one."""
    started = []

    def serve():
        server = Server(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler)
        started.append(server)
        server.serve_forever()

    threading.Thread(target=serve, daemon=True).start()
    while not started:
        time.sleep(0.001)
    yield lambda: urllib.request.urlopen(f"http://127.0.0.1:{PORT}/conftest.py", timeout=5).status
    started[0].shutdown()
    started[0].server_close()
