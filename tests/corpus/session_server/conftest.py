import http.server
import threading

PORT = 28521


def pytest_sessionstart(session):
    """A server for the whole session at a fixed port: a second session beside this one cannot start."""
    server = http.server.HTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler)
    session.config.server = server
    threading.Thread(target=server.serve_forever, daemon=True).start()


def pytest_sessionfinish(session):
    session.config.server.shutdown()
    session.config.server.server_close()
