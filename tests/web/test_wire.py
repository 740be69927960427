"""What only a real server shows: requests that are not quite HTTP, that stop half way, or come a byte at a time."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from api_office import Api
from api_server import HOST, served


@pytest.fixture
def port(api: Api) -> Iterator[int]:
    with served(api) as number:
        yield number


def exchange(port: int, request: bytes) -> bytes:
    """What the server says until it closes; one that closes before everything was sent resets the connection."""
    said = b""
    with socket.create_connection((HOST, port), timeout=5) as line, suppress(ConnectionError):
        line.sendall(request)
        while part := line.recv(65536):
            said += part
    return said


HEAD = "POST /api/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
LIVE = "GET /api/health/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
SMUGGLED = "0\r\n\r\nGET /api/health/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
ABSOLUTE = "GET http://evil.example/api/health/live HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1:{port}\r\n\r\n"
WIRE = {
    "R42 200 kB address": ("GET /api/" + "a" * 200_000 + " HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", {400, 414}),
    "R43 100 kB header": (LIVE + "X: " + "a" * 100_000 + "\r\n\r\n", {431}),
    "R43 300 kB header": (LIVE + "X: " + "a" * 300_000 + "\r\n\r\n", {400, 431}),
    "R45 length and chunks": (HEAD + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED, {400}),
    "R45 two lengths": (HEAD + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}", {400}),
    "R45 length of letters": (HEAD + "Content-Length: two\r\n\r\n{{}}", {400}),
    "R45 negative length": (HEAD + "Content-Length: -1\r\n\r\n{{}}", {400}),
    "R45 other coding": (HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "R46 no host": ("GET /api/health/live HTTP/1.1\r\n\r\n", {400}),
    "R46 two hosts": (LIVE + "Host: evil\r\n\r\n", {400}),
    "R46 HTTP/1.0 without a host": ("GET /api/health/live HTTP/1.0\r\n\r\n", {400}),
    "not HTTP": ("\x16\x03\x01 hello\r\n\r\n", {400}),
    "blank in a header's name": ("GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", {400}),
    "absolute address": (ABSOLUTE, {400, 404}),
}


@pytest.mark.parametrize("name", WIRE)
def test_what_is_not_quite_http_is_refused(port: int, name: str) -> None:
    request, expected = WIRE[name]
    said = exchange(port, request.format(port=port).encode("latin-1"))
    if said or "300 kB" not in name:
        assert int(said.split(b" ", 2)[1]) in expected, said[:300]
        assert said.count(b"HTTP/1.1 ") == 1, "one request has one answer"
    assert b"Traceback" not in said


def test_a_body_that_comes_too_slowly_is_cut_off(api: Api) -> None:
    with served(api, first_seconds=0.3, body_seconds=0.6) as port:
        silent = exchange_slowly(port, [])
        dripping = exchange_slowly(port, [b" "] * 10)
    assert b"408" in silent.split(b"\r\n")[0]
    assert b"408" in dripping.split(b"\r\n")[0]
    assert b'"code":"SLOW"' in silent


def exchange_slowly(port: int, parts: list[bytes]) -> bytes:
    """Announces a body and sends it a part every tenth of a second."""
    with socket.create_connection((HOST, port), timeout=10) as line:
        line.sendall((HEAD.format(port=port) + "Content-Length: 100\r\n\r\n").encode())
        for part in parts:
            time.sleep(0.1)
            with suppress(OSError):
                line.sendall(part)
        return line.recv(65536)


def test_half_open_requests_do_not_keep_others_waiting(api: Api) -> None:
    with served(api, first_seconds=5, body_seconds=5) as port:
        stuck = []
        for _ in range(100):
            line = socket.create_connection((HOST, port), timeout=10)
            line.sendall((HEAD.format(port=port) + "Content-Length: 100\r\n\r\n").encode())
            stuck.append(line)
        said = exchange(port, (LIVE.format(port=port) + "Connection: close\r\n\r\n").encode())
        for line in stuck:
            line.close()
    assert said.startswith(b"HTTP/1.1 200")


def test_a_body_without_an_announced_length_is_bounded(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((HOST, port), timeout=10) as line:
        line.sendall((HEAD.format(port=port) + "Transfer-Encoding: chunked\r\n\r\n").encode())
        with suppress(OSError):
            for _ in range(40):
                line.sendall(chunk)
        said = line.recv(65536)
    assert b" 413 " in said.split(b"\r\n")[0]
