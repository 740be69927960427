"""What callers get from a router, whatever the versions behind it do."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from dataclasses import replace

import pytest
from routed import World, ok

from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.ports import Guard

FAILURE = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}"
REFUSAL = b"HTTP/1.1 422 Unprocessable\r\ncontent-length: 2\r\n\r\n{}"


def named(name: str) -> object:
    return lambda head, body: ok({"by": name})


@pytest.fixture
def one(world: World) -> World:
    """One version is live."""
    world.add("a", named("a"))
    world.apply(world.routes.switched("a", keep=True))
    return world


@pytest.fixture
def two(one: World) -> World:
    """A live version and a candidate with half of the traffic."""
    one.add("b", named("b"))
    one.apply(replace(one.routes.shifted("b", 50), guard=Guard(minimum_requests=1000)))
    return one


def by(world: World, count: int, *headers: str) -> Counter[str]:
    return Counter(json.loads(world.predict(*headers)[1])["by"] for _ in range(count))


def test_a_request_goes_on_as_it_came_with_an_id_of_its_own(one: World) -> None:
    assert one.predict("x-more: 1", body=b'{"a": 1}') == (200, b'{"by": "a"}')
    head, body = one.versions["a"].asked[0]
    assert body == b'{"a": 1}'
    assert b"x-more: 1" in head
    assert head.startswith(b"POST /predict HTTP/1.1\r\nhost: x")
    assert head.count(b"x-request-id: ") == 1
    one.predict("X-Request-Id: mine")
    assert one.versions["a"].asked[1][0].lower().count(b"x-request-id: mine") == 1


def test_requests_on_a_kept_connection_are_answered_in_order_also_when_sent_ahead(one: World) -> None:
    numbers = iter(range(100))
    one.versions["a"].answer = lambda head, body: ok(next(numbers))
    request = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    answer = one.send(request * 40 + request.replace(b"host", b"connection: close\r\nhost"))
    assert [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == list(
        range(41)
    )


def test_a_chunked_body_arrives_whole(one: World) -> None:
    raw = b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    one.send(raw + b'3\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\n\r\n')
    head, body = one.versions["a"].asked[0]
    assert (body, b"transfer-encoding" in head.lower(), b"content-length: 8" in head) == (b'{"a": 1}', False, True)


def test_a_request_that_arrives_byte_by_byte_arrives_whole(one: World) -> None:
    raw = b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    with one.connect() as line:
        for place in range(len(raw)):
            line.sendall(raw[place : place + 1])
        assert line.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert one.versions["a"].asked[0][1] == b"{}"


def test_a_client_that_waits_for_continue_is_told_to_go_on(one: World) -> None:
    with one.connect() as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"{}")
        assert line.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_head_and_http_1_0_are_answered(one: World) -> None:
    one.versions["a"].answer = lambda head, body: b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert one.send(b"HEAD /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").endswith(
        b"content-length: 5\r\n\r\n"
    )
    one.versions["a"].answer = lambda head, body: ok()
    assert one.send(b"GET /ping HTTP/1.0\r\n\r\n").endswith(b'{"prediction": 1.0}')
    assert b" HTTP/1.1\r\n" in one.versions["a"].asked[1][0]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_reaches_nobody(one: World, raw: bytes, status: int) -> None:
    answer = one.send(raw)
    assert int(answer.split()[1]) == status
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == status
    assert one.versions["a"].asked == []


def test_a_body_beyond_the_limit_is_refused(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.routing.front.BODY_BYTES", 100_000)
    assert one.predict(body=b"x" * 100_001)[0] == 413
    assert one.versions["a"].asked == []


def test_a_large_answer_is_passed_on_piece_by_piece(one: World) -> None:
    large = ok("x" * 5_000_000)
    one.versions["a"].answer = lambda head, body: large
    assert one.predict()[1] == large.partition(b"\r\n\r\n")[2]
    assert one.predict()[0] == 200


def test_shares_split_the_requests(two: World) -> None:
    two.apply(two.routes.shifted("b", 10))
    assert 1 <= by(two, 150)["b"] <= 40  # 15 expected; outside with a probability below 1e-6
    assert two.traffic()["a"]["share"] == 90


def test_the_same_key_meets_the_same_version_and_stays_when_the_share_grows(two: World) -> None:
    two.apply(replace(two.routes.shifted("b", 30), sticky="X-Customer"))
    first = {key: by(two, 3, f"x-customer: {key}") for key in range(40)}
    assert all(len(seen) == 1 for seen in first.values())
    assert len({next(iter(seen)) for seen in first.values()}) == 2
    two.apply(two.routes.shifted("b", 60))
    for key, seen in first.items():
        if "b" in seen:
            assert by(two, 1, f"x-customer: {key}") == Counter("b")


def test_a_version_that_ends_connections_costs_no_caller_an_answer(two: World) -> None:
    two.versions["b"].answer = lambda head, body: ConnectionError()
    assert by(two, 40) == Counter(a=40)
    asked = [head for name in "ab" for head, _ in two.versions[name].asked]
    ids = Counter(head.partition(b"x-request-id: ")[2].partition(b"\r\n")[0] for head in asked)
    assert len(ids) == 40  # tried twice, a request keeps its id
    assert two.traffic()["b"]["failed"] == len(two.versions["b"].asked) > 0


def test_a_version_that_fails_costs_no_caller_an_answer(two: World) -> None:
    two.versions["b"].answer = lambda head, body: FAILURE
    assert by(two, 30) == Counter(a=30)
    assert two.traffic()["b"]["failed"] == len(two.versions["b"].asked) > 0


def test_a_failure_of_the_only_version_is_the_answer(one: World) -> None:
    one.versions["a"].answer = lambda head, body: FAILURE
    assert one.predict() == (500, b"{}")


def test_the_guard_takes_the_traffic_from_a_version_that_fails_and_does_not_forget(two: World) -> None:
    two.versions["b"].answer = lambda head, body: FAILURE
    two.apply(replace(two.routes, guard=Guard(error_rate=0.05, minimum_requests=5)))
    assert by(two, 40) == Counter(a=40)
    seen = two.traffic()
    assert (seen["a"]["share"], seen["b"]["share"]) == (100, 0)
    assert "5 of 5 requests failed (100.0%, accepted below 5%)" in seen["b"]["tripped"]
    asked = len(two.versions["b"].asked)
    two.apply(two.routes.shifted("b", 90))
    assert by(two, 10) == Counter(a=10)
    assert len(two.versions["b"].asked) == asked


def test_the_guard_sees_that_a_version_refuses_what_the_live_one_takes(two: World) -> None:
    two.versions["b"].answer = lambda head, body: REFUSAL
    statuses = Counter(two.predict()[0] for _ in range(80))
    assert 5 < statuses[422] < 30
    assert "requests refused, more than of the live version" in two.traffic()["b"]["tripped"]


def test_the_guard_lets_mistakes_of_callers_be(two: World) -> None:
    for name in "ab":
        two.versions[name].answer = lambda head, body: REFUSAL
    assert Counter(two.predict()[0] for _ in range(80)) == Counter({422: 80})
    assert two.traffic()["b"]["tripped"] is None


def test_a_request_waits_for_a_version_that_is_being_started_again(one: World) -> None:
    old = one.versions["a"].server
    one.loop.call_soon_threadsafe(old.close)
    threading.Event().wait(0.05)
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(one.predict()))
    thread.start()
    threading.Event().wait(0.4)
    assert answers == []
    one.versions["a"].port = 0
    one.do(one.versions["a"].start())
    one.publish("a")
    thread.join(10)
    assert answers == [(200, b'{"by": "a"}')]


def test_a_request_is_not_kept_for_ever(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.routing.router.PATIENCE_SECONDS", 0.3)
    one.loop.call_soon_threadsafe(one.versions["a"].server.close)
    threading.Event().wait(0.05)
    status, body = one.predict()
    assert (status, json.loads(body)["detail"]) == (503, "no version answers at present; it is being started again")


def test_a_version_that_stays_silent_is_asked_nothing_more(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.routing.router.SILENT_SECONDS", 0.3)
    silent = two.versions["b"]
    silent.answer = lambda head, body: None
    raw = b"POST /predict HTTP/1.1\r\nhost: x\r\nx-request-id: %d\r\ncontent-length: 2\r\n\r\n{}"
    with contextlib.ExitStack() as lines:
        for number in range(100):  # until one of them is its
            if silent.asked:
                break
            lines.enter_context(two.connect()).sendall(raw % number)
            threading.Event().wait(0.02)
        threading.Event().wait(0.8)
        before = len(silent.asked)
        for _ in range(40):
            assert by(two, 2) == Counter(a=2)
            threading.Event().wait(0.04)
        assert len(silent.asked) == before


@pytest.mark.parametrize("lost", ["hangs", "gone"])
def test_a_client_that_says_how_long_it_waits_waits_no_longer(one: World, lost: str) -> None:
    if lost == "hangs":
        one.versions["a"].answer = lambda head, body: None
    else:
        one.loop.call_soon_threadsafe(one.versions["a"].server.close)
    with one.connect() as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\nx-deadline-ms: 200\r\ncontent-length: 2\r\n\r\n{}")
        answer = line.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert b"the answer took longer than the 200 ms that the client waits" in answer
        line.sendall(b"GET /router/metrics HTTP/1.1\r\nhost: x\r\n\r\n")  # the connection goes on
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_what_comes_after_the_client_has_left_goes_to_nobody(one: World) -> None:
    async def late(head: bytes, body: bytes) -> bytes:
        await asyncio.sleep(0.3 if b"slow" in body else 0)
        return ok({"by": body.decode()})

    one.versions["a"].answer = late
    raw = b"POST /predict HTTP/1.1\r\nhost: x\r\n%bcontent-length: 4\r\n\r\n%b"
    with one.connect() as line:
        line.sendall(raw % (b"x-deadline-ms: 100\r\n", b"slow"))
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 504 ")
        threading.Event().wait(0.4)  # its answer comes
        line.sendall(raw % (b"", b"next"))
        assert line.recv(1 << 16).endswith(b'{"by": "next"}')


def test_a_version_that_hangs_is_passed_over(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.routing.router.ANSWER_SECONDS", 0.5)
    two.versions["b"].answer = lambda head, body: None
    assert by(two, 12) == Counter(a=12)
    assert two.traffic()["b"]["failed"] > 0


def test_a_shadow_is_asked_the_same_and_nobody_gets_its_answer(two: World) -> None:
    two.versions["a"].answer = lambda head, body: ok({"prediction": 10.0, "by": "a"})
    two.versions["b"].answer = lambda head, body: ok({"prediction": 10.5, "by": "b"})
    two.apply(two.routes.shadowed("b"))
    assert by(two, 20) == Counter(a=20)
    seen = two.traffic()["b"]
    assert (seen["role"], seen["share"], seen["compared"], seen["differing"]) == ("shadow", 0, 20, 20)
    assert seen["mean_difference"] == pytest.approx(0.5)
    head, body = two.versions["b"].asked[-1]
    assert b"x-mlmon-shadow: 1" in head
    assert body == b"{}"
    assert head.partition(b"x-request-id")[2] == two.versions["a"].asked[-1][0].partition(b"x-request-id")[2]


def test_a_shadow_that_hangs_or_ends_connections_harms_nobody(two: World) -> None:
    two.apply(replace(two.routes.shadowed("b"), guard=Guard(minimum_requests=5)))
    two.versions["b"].answer = lambda head, body: None
    assert by(two, 10) == Counter(a=10)
    two.versions["b"].answer = lambda head, body: ConnectionError()
    assert by(two, 10) == Counter(a=10)


def test_a_version_that_leaves_finishes_its_requests(two: World) -> None:
    release = threading.Event()
    two.apply(two.routes.switched("b", keep=True))

    def slow(head: bytes, body: bytes) -> bytes:
        release.wait(5)
        return ok({"by": "b"})

    two.versions["b"].answer = slow
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(two.predict()))
    thread.start()
    threading.Event().wait(0.1)
    release.set()
    two.apply(two.routes.switched("a", keep=False))
    thread.join(10)
    assert answers == [(200, b'{"by": "b"}')]
    assert ask(two.folder / "router", ["busy", "b"])["busy"] == 0
    assert by(two, 5) == Counter(a=5)


def test_the_router_tells_its_own_numbers_to_prometheus(two: World) -> None:
    by(two, 10)
    text = two.send(b"GET /router/metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").decode()
    assert 'mlmon_router_share_percent{deployment="a",version="1",role="live"} 50' in text
    assert "# TYPE mlmon_router_retried_total counter\nmlmon_router_retried_total 0" in text
    assert sum(len(one.asked) for one in two.versions.values()) == 10


def test_latencies_below_a_millisecond_are_measured(one: World) -> None:
    for _ in range(20):
        one.send(b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
    seen = one.traffic()["a"]
    assert seen["requests"] == 20
    assert 0.01 < seen["latency_ms"] <= seen["latency_p99_ms"]  # the loop's own clock would say 0 or whole milliseconds
