"""HTTP over real connections: order, keeping, sending ahead, slow clients, and the end of a server."""

import asyncio
import json
import socket
import time

import pytest

from mlmon_dagster.serving import connections

BODY = json.dumps({"bedrooms": 3, "bathrooms": 2, "sqft": 2000, "age": 10, "location_score": 7}).encode()


def _post(body=BODY, *headers):
    lines = ["POST /predict HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@pytest.fixture
def line(listening):
    with socket.create_connection(("127.0.0.1", listening.port), timeout=20) as line:
        yield line


def _read(line, count=1):
    """(status, head, JSON body) of the next answers."""
    content, found = b"", []
    while len(found) < count:
        head, end, rest = content.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) >= length:
                found.append((int(head.split()[1]), head.lower(), json.loads(rest[:length])))
                content = rest[length:]
                continue
        block = line.recv(65536)
        assert block, (content, found)
        content += block
    return found


def test_a_connection_is_kept_for_the_next_request(line):
    for _ in range(3):
        line.sendall(_post())
        ((status, head, _),) = _read(line)
        assert (status, b"connection: close" in head) == (200, False)


@pytest.mark.parametrize("kind", ["compiled", "native"])
def test_requests_sent_ahead_are_answered_in_order(line, kind):
    names = [f"r{number}" for number in range(40)]
    line.sendall(b"".join(_post(BODY, f"X-Request-Id: {name}") for name in names))
    assert [body["id"] for _, _, body in _read(line, 40)] == names


def test_what_comes_behind_good_requests_is_refused_after_they_are_answered(line):
    line.sendall(_post() + b"garbage\r\n\r\n")
    (good, _, _), (bad, head, _) = _read(line, 2)
    assert (good, bad, b"connection: close" in head) == (200, 400, True)
    assert line.recv(100) == b""


def test_a_request_may_come_byte_by_byte(line):
    for byte in _post():
        line.sendall(bytes([byte]))
    assert _read(line)[0][0] == 200


def test_a_body_may_come_in_chunks_and_after_a_question(line):
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    line.sendall(f"{head}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".encode())
    assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    half = len(BODY) // 2
    for part in (BODY[:half], BODY[half:], b""):
        line.sendall(b"%x\r\n%b\r\n" % (len(part), part))
    assert _read(line)[0][0] == 200


def test_an_offer_to_speak_something_else_is_ignored_unless_a_body_depends_on_it(line):
    line.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" * 2)
    assert [status for status, _, _ in _read(line, 2)] == [200, 200]
    line.sendall(_post(BODY, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"))
    assert _read(line)[0][0] == 400


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_wants_to_end_is_let_go(line, version):
    line.sendall(f"GET /ping HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    ((_, head, _),) = _read(line)
    assert b"connection: close" in head
    assert line.recv(100) == b""


def test_a_request_that_comes_too_slowly_is_ended(listening, line, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.05)
    line.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
    ((status, _, body),) = _read(line)
    assert (status, body["detail"]) == (408, "the request was not whole in time")
    assert line.recv(100) == b""


@pytest.mark.parametrize("first", [b"", b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_connection_that_nobody_uses_is_ended(listening, monkeypatch, first):
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", listening.port), timeout=20) as line:
        line.sendall(first)
        while line.recv(1000):
            pass


def test_a_client_that_leaves_does_no_harm(listening, line, predictor):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", listening.port)) as other:
            other.sendall(_post())
    line.sendall(_post())
    assert _read(line)[0][0] == 200


def test_a_draining_server_answers_the_last_request_and_says_so(listening, line):
    line.sendall(_post())
    _read(line)
    idle = socket.create_connection(("127.0.0.1", listening.port))
    drained = asyncio.run_coroutine_threadsafe(listening.connections.drain(0.5, 5.0), listening.loop)
    while not listening.connections.draining:
        time.sleep(0.001)
    line.sendall(_post())
    ((status, head, _),) = _read(line)
    assert (status, b"connection: close" in head) == (200, True)
    drained.result(20)
    assert idle.recv(100) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listening.port))
