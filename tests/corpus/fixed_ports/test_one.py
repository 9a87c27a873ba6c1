import socket
import time

import pytest


@pytest.mark.parametrize("number", range(6))
def test_session_server_answers(number, served):
    time.sleep(0.3)
    assert served() == 200


def test_own_port_is_free():
    with socket.create_server(("127.0.0.1", 28518)):
        time.sleep(0.2)


def test_taken_by_itself():
    with socket.create_server(("127.0.0.1", 28519)), pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", 28519))
