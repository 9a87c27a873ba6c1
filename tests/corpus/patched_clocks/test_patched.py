import builtins
import json
import os
import socket
import time


def broken(*arguments, **options):
    raise RuntimeError("patched by a test")


def test_patches_with_monkeypatch(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", lambda: -1e9)
    monkeypatch.setattr(time, "perf_counter", lambda: 1e12)
    monkeypatch.setattr(socket, "socket", broken)
    monkeypatch.setattr(json, "dumps", broken)
    monkeypatch.setattr(json, "loads", broken)
    monkeypatch.setattr(builtins, "open", broken)
    monkeypatch.setattr(os, "write", broken)
    assert time.time() == 0.0


def test_after_monkeypatch():
    assert time.time() > 1e9


def test_patches_json_for_good():
    json.dumps = broken
    json.loads = broken
    json.JSONEncoder.encode = broken
    json.JSONEncoder.iterencode = broken
    json.encoder.c_make_encoder = None


def test_patches_sockets_for_good():
    socket.socket = broken
    socket.socketpair = broken


def test_patches_writing_for_good():
    os.write = broken
    os.read = broken
    os.fork = broken
    os.waitpid = broken


def test_patches_the_clocks_for_good():
    time.monotonic = lambda: -1e9
    time.monotonic_ns = lambda: -1
    time.sleep = broken


def test_still_fails():
    assert False


def test_still_passes():
    assert True
