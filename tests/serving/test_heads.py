"""Heads that are known are not read again: what is answered is the same as if they were."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.serving.connections import Connections
from mlmon_dagster.serving.heads import HEADS, KnownHeads, head_of
from mlmon_dagster.serving.messages import Answer, Request
from mlmon_dagster.serving.protocol import HttpConnection

HEAD = "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}Content-Length: {length}\r\n\r\n"


def _message(path="/predict", body=b"{}", more=""):
    return HEAD.format(path=path, more=more, length=len(body)).encode() + body


class _Echo:
    """Answers with what it was asked."""

    def __init__(self):
        self.asked = []

    def body_limit(self, path):
        return 1_000

    def count(self, request, status):
        pass

    def handle(self, request, reply):
        self.asked.append((request.method, request.path, request.query, dict(request.headers), bytes(request.body)))
        reply(Answer(request.body))


class _Written(asyncio.Transport):
    def __init__(self):
        self.content, self.closed = b"", False

    def write(self, data):
        self.content += data

    def close(self):
        self.closed = True

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def _fed(chunks, *, forgetful):
    """(what was asked, what was written, whether the connection was ended)."""

    async def feed():
        echo, written = _Echo(), _Written()
        connections = Connections(echo)
        connections.date = b"now"
        connections.usual_head = b"HTTP/1.1 200 OK\r\n"
        connection = HttpConnection(echo, connections)
        connection.connection_made(written)
        for chunk in chunks:
            if forgetful:
                connections.heads._known.clear()
            connection.data_received(chunk)
            await asyncio.sleep(0)
        for _ in chunks:
            await asyncio.sleep(0)
        known = len(connections.heads._known)
        await connections.drain(0, 0)
        return echo.asked, written.content, written.closed, known

    return asyncio.run(feed())


MESSAGES = st.sampled_from(
    [
        _message(body=b'{"a": 1}'),
        _message(body=b'{"a": 2}'),
        _message("/invocations?x=1", b'{"a": 22}'),
        _message(body=b"ends\r\n\r\nlike a head"),
        _message(body=b""),
        _message(more="X-Request-Id: one\r\n"),
        _message(more="Expect: 100-continue\r\n"),
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        _message(more="Upgrade: h2c\r\nConnection: Upgrade\r\n"),
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.integers(1, 3), st.data())
def test_however_requests_come_they_are_answered_as_if_every_head_were_read(messages, times, data):
    chunks = []
    for message in messages * times:
        cut = data.draw(st.one_of(st.just(0), st.integers(0, len(message))))
        chunks += [one for one in (message[:cut], message[cut:]) if one]
    joined = data.draw(st.lists(st.integers(0, len(chunks) - 1), max_size=2))
    for place in sorted(set(joined), reverse=True):
        chunks[place : place + 2] = [b"".join(chunks[place : place + 2])]
    assert _fed(chunks, forgetful=False)[:3] == _fed(chunks, forgetful=True)[:3]


def test_a_head_that_comes_again_is_known_and_each_body_is_its_own():
    bodies = [b'{"a": %d}' % number for number in range(5)]
    asked, _, _, known = _fed([_message(body=body) for body in bodies], forgetful=False)
    assert [one[-1] for one in asked] == bodies
    assert known == 1


def test_heads_that_never_come_twice_in_a_row_are_not_kept():
    messages = [_message(more=f"X-Request-Id: {number}\r\n") for number in range(5)]
    assert _fed(messages, forgetful=False)[-1] == 0


def test_what_is_more_than_one_plain_request_is_not_kept():
    plain = Request("POST", "/predict", b"", {b"host": b"x"}, b"{}")
    whole = _message()
    assert head_of(whole, plain) == whole[:-2]
    assert head_of(whole + whole, plain) is None
    for headers in ({b"transfer-encoding": b"chunked"}, {b"expect": b"100-continue"}):
        assert head_of(whole, Request("POST", "/predict", b"", headers, b"{}")) is None
    assert head_of(_message(more=f"X-Long: {'x' * 2_000}\r\n"), plain) is None
    assert head_of(whole, Request("GET", "/predict", b"", {}, b"{}")) is None


def test_only_so_many_heads_are_kept():
    heads, request = KnownHeads(), Request("POST", "/predict", b"", {}, b"{}")
    for number in range(HEADS + 10):
        heads.keep(b"POST %d\r\n\r\n" % number, request)
    assert heads.request(b"POST 0\r\n\r\n{}") is None
    assert heads.request(b"POST %d\r\n\r\n{}" % (HEADS + 9)) is not None
