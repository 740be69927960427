"""The catalogue of bad requests: exact status and code, no traceback, nothing repeated, no entry in the audit log."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from api_office import Api, problem

PROMOTE = "/api/promotions"
GOOD = {"pipeline": "prices", "environment": "dev", "version": 1, "reason": "fine"}
SECRET = "canary-5f3759df"
"""Stands in every bad value that is text: no answer may repeat it."""


def text(**changed: Any) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


@dataclass(frozen=True)
class Bad:
    """A request to promote, with one thing wrong."""

    body: bytes
    answer: tuple[int, str]
    headers: dict[str, str] = field(default_factory=dict)


DEEP_OBJECT = b'{"a":' * 5_000 + b"1" + b"}" * 5_000

BODIES = {
    "R01 empty": Bad(b"", (422, "INPUT")),
    "R02 cut": Bad(b"{", (400, "NOT_JSON")),
    "R03 list": Bad(b"[]", (422, "INPUT")),
    "R03 null": Bad(b"null", (422, "INPUT")),
    "R03 text": Bad(b'"promote"', (422, "INPUT")),
    "R04 two values": Bad(b"{} {}", (400, "NOT_JSON")),
    "R05 NaN": Bad(b'{"version": NaN}', (422, "NOT_A_NUMBER")),
    "R06 Infinity": Bad(b'{"version": Infinity}', (422, "NOT_A_NUMBER")),
    "R06 -Infinity": Bad(b'{"version": -Infinity}', (422, "NOT_A_NUMBER")),
    "R07 1e400": Bad(b'{"version": 1e400}', (422, "NUMBER")),
    "R08 key twice": Bad(b'{"pipeline": "prices", "pipeline": "other"}', (422, "DUPLICATE_KEY")),
    "R09 unknown field": Bad(text(force=True), (422, "INPUT")),
    "R10 number in quotes": Bad(text(version="1"), (422, "INPUT")),
    "R10 fraction for a whole number": Bad(text(version=1.0), (422, "INPUT")),
    "R11 truth value for a number": Bad(text(version=True), (422, "INPUT")),
    "R12 number for a text": Bad(text(reason=1), (422, "INPUT")),
    "R13 null for a text": Bad(text(pipeline=None), (422, "INPUT")),
    "R14 2^63": Bad(text(version=2**63), (422, "NUMBER")),
    "R14 2^31": Bad(text(version=2**31), (422, "INPUT")),
    "R14 zero": Bad(text(version=0), (422, "INPUT")),
    "R14 negative": Bad(text(version=-1), (422, "INPUT")),
    "R15 5,000 digits": Bad(b'{"version": ' + b"1" * 5_000 + b"}", (400, "NUMBER")),
    "R16 5,000 digits after the point": Bad(b'{"version": 0.' + b"1" * 5_000 + b"}", (422, "NUMBER")),
    "R17 lone surrogate": Bad(b'{"reason": "\\ud800"}', (422, "SURROGATE")),
    "R17 lone surrogate in a key": Bad(b'{"\\udfff": 1}', (422, "SURROGATE")),
    "R17 NUL": Bad(b'{"reason": "a\\u0000b"}', (422, "NUL")),
    "R18 invalid UTF-8": Bad(b'{"reason": "\xff\xfe"}', (400, "NOT_JSON")),
    "R18 overlong UTF-8": Bad(b'{"reason": "\xc0\xaf"}', (400, "NOT_JSON")),
    "R19 UTF-16": Bad(json.dumps(GOOD).encode("utf-16"), (400, "NOT_JSON")),
    "R19 UTF-16 without a mark": Bad(json.dumps(GOOD).encode("utf-16-le"), (400, "NOT_JSON")),
    "R20 byte order mark": Bad(b"\xef\xbb\xbf" + text(), (400, "NOT_JSON")),
    "R21 100,000 deep lists": Bad(b"[" * 100_000 + b"]" * 100_000, (400, "TOO_DEEP")),
    "R21 21 deep": Bad(b'{"reason": ' + b"[" * 20 + b"]" * 20 + b"}", (400, "TOO_DEEP")),
    "R22 5,000 deep objects": Bad(DEEP_OBJECT, (400, "TOO_DEEP")),
    "R23 20 MB": Bad(b'{"reason": "' + b"x" * 20_000_000 + b'"}', (413, "BODY")),
    "R24 long reason": Bad(text(reason="x" * 2_001), (422, "INPUT")),
    "R25 blank name": Bad(text(pipeline="  "), (422, "INPUT")),
    "R25 empty name": Bad(text(pipeline=""), (422, "INPUT")),
    "R25 long name": Bad(text(pipeline="a" * 65), (422, "INPUT")),
    "R25 name with a slash": Bad(text(pipeline="../prices"), (422, "INPUT")),
    "R25 capitals": Bad(text(environment="DEV"), (422, "INPUT")),
    "R25 unknown environment": Bad(text(environment=f"qa-{SECRET}"), (422, "INPUT")),
    "R26 zero width": Bad(text(reason="a\u200bb"), (422, "INPUT")),
    "R26 right to left": Bad(text(reason="a\u202eb"), (422, "INPUT")),
    "R26 right to left name": Bad(text(pipeline="pri\u202eces"), (422, "INPUT")),
    "R26 homoglyph": Bad(text(pipeline="pric\u0435s"), (422, "INPUT")),
    "R26 escape": Bad(text(reason="\x1b[31mred"), (422, "INPUT")),
    "R31 text/plain": Bad(text(), (415, "TYPE"), {"Content-Type": "text/plain"}),
    "R31 no type": Bad(text(), (415, "TYPE"), {"Content-Type": ""}),
    "R32 json in a longer name": Bad(text(), (415, "TYPE"), {"Content-Type": "application/json-patch+json"}),
    "R33 form": Bad(b"pipeline=prices", (415, "TYPE"), {"Content-Type": "application/x-www-form-urlencoded"}),
    "R33 multipart": Bad(text(), (415, "TYPE"), {"Content-Type": "multipart/form-data; boundary=x"}),
    "R34 gzip": Bad(text(), (415, "ENCODING"), {"Content-Encoding": "gzip"}),
    "R35 latin-1": Bad(text(), (415, "TYPE"), {"Content-Type": "application/json; charset=latin-1"}),
    "R35 utf-7": Bad(text(), (415, "TYPE"), {"Content-Type": "application/json; charset=utf-7"}),
    "R49 unknown pipeline": Bad(text(pipeline="nothing"), (404, "MISSING")),
    "R49 unknown version": Bad(text(version=99), (404, "MISSING")),
    "R54 empty key": Bad(text(), (422, "INPUT"), {"Idempotency-Key": ""}),
    "R54 long key": Bad(text(), (422, "INPUT"), {"Idempotency-Key": "k" * 201}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_and_changes_nothing(registered: Api, name: str) -> None:
    bad, before = BODIES[name], registered.length
    client = registered.by_token("mia", "request")
    before = registered.length
    answer = client.post(PROMOTE, content=bad.body, headers={"Content-Type": "application/json", **bad.headers})
    assert problem(answer) == bad.answer
    assert SECRET not in answer.text
    assert len(answer.content) < 2_000
    assert registered.length == before


QUERIES = {
    "R39 limit -1": ("/api/promotions", {"limit": "-1"}, (422, "INPUT")),
    "R39 limit 0": ("/api/promotions", {"limit": "0"}, (422, "INPUT")),
    "R39 limit 1e9": ("/api/promotions", {"limit": "1e9"}, (422, "INPUT")),
    "R40 limit 501": ("/api/promotions", {"limit": "501"}, (422, "INPUT")),
    "R40 limit +1": ("/api/promotions", {"limit": "+1"}, (422, "INPUT")),
    "R41 limit 1_0": ("/api/promotions", {"limit": "1_0"}, (422, "INPUT")),
    "R41 limit with blanks": ("/api/promotions", {"limit": " 7 "}, (422, "INPUT")),
    "R41 other digits": ("/api/promotions", {"limit": "٧"}, (422, "INPUT")),
    "R41 empty": ("/api/promotions", {"limit": ""}, (422, "INPUT")),
    "R44 unknown parameter": ("/api/promotions", {"sort": "id"}, (422, "INPUT")),
    "R44 twice": ("/api/promotions", [("limit", "1"), ("limit", "2")], (422, "INPUT")),
    "R44 unknown state": ("/api/promotions", {"state": "happy"}, (422, "INPUT")),
    "R44 unknown environment": ("/api/alerts", {"environment": "qa"}, (422, "INPUT")),
    "R55 forged cursor": ("/api/promotions", {"cursor": "AAAA"}, (400, "CURSOR")),
    "R27 window": ("/api/monitoring/drift/prices", {"environment": "dev", "since": "yesterday"}, (422, "INPUT")),
    "R27 environment missing": ("/api/monitoring/drift/prices", {}, (422, "INPUT")),
    "R27 NUL in a filter": ("/api/audit-logs", {"actor": "a\x00b"}, (422, "INPUT")),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_bad_query_is_refused(api: Api, name: str) -> None:
    path, query, expected = QUERIES[name]
    assert problem(api.by_token("root", "read").get(path, params=query)) == expected


PATHS = {
    "R37 NUL": ("/api/promotions/%00", 404),
    "R37 new line": ("/api/promotions/promotion-1%0a", 404),
    "R38 invalid UTF-8": ("/api/promotions/%ff%fe", 404),
    "R38 overlong slash": ("/api/pipelines/%c0%af", 404),
    "R36 parent": ("/api/pipelines/..%2f..%2fetc%2fpasswd", 404),
    "R36 other case": ("/API/promotions", 404),
    "R36 slash at the end": ("/api/promotions/", 404),
    "R36 two slashes": ("/api//promotions", 404),
    "R36 no number": ("/api/audit-logs/one", 422),
    "R36 number zero": ("/api/audit-logs/0", 422),
    "R36 large number": ("/api/audit-logs/999999999", 404),
    "R36 identifier": ("/api/promotions/1;drop table", 422),
    "R36 unknown": ("/api/promotions/promotion-999", 404),
    "R42 long": ("/api/promotions/" + "a" * 60_000, 414),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_bad_address_leads_nowhere(api: Api, name: str) -> None:
    path, status = PATHS[name]
    answer = api.by_token("root", "read").get(path, follow_redirects=False)
    assert problem(answer)[0] == status


def test_a_long_query_is_refused(api: Api) -> None:
    assert problem(api.by_token("root").get(f"/api/promotions?cursor={'a' * 60_000}")) == (414, "TARGET")


def test_large_headers_are_refused(api: Api) -> None:
    assert problem(api.by_token("root").get("/api/promotions", headers={"X-Large": "a" * 100_000})) == (431, "HEADERS")
    many = {f"X-Large-{number}": "a" * 1_000 for number in range(100)}
    assert problem(api.by_token("root").get("/api/promotions", headers=many)) == (431, "HEADERS")


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "testserver:81", "127.0.0.1", ""])
def test_a_host_that_is_not_ours_is_refused(api: Api, host: str) -> None:
    status, code = problem(api.by_token("root", "read").get("/api/promotions", headers={"Host": host}))
    assert (status, code) in ((421, "HOST"), (400, "HOST"))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "LOCK"])
def test_a_method_that_a_route_does_not_have_is_refused(api: Api, method: str) -> None:
    answer = api.by_token("root").request(method, "/api/promotions")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_a_database_out_of_reach_is_told_at_once(api: Api) -> None:
    """Nothing listens at that port; where it is and how one gets in is nobody's business."""
    from dataclasses import replace

    from mlmon_dagster.adapters.database.credentials import DatabaseCredentials
    from mlmon_dagster.adapters.database.engine import open_engine
    from mlmon_dagster.adapters.database.ledger import DatabaseLedger

    client = api.by_token("root", "read")
    engine = open_engine(f"postgresql+psycopg2://mlmon:{SECRET}@127.0.0.1:1/mlmon")
    governance = replace(api.governance, ledger=DatabaseLedger(engine))
    premises = replace(api.web.premises, governance=governance)
    identity = replace(api.web.identity, governance=governance, credentials=DatabaseCredentials(engine))
    api.app.state.web = replace(api.web, premises=premises, identity=identity)
    for answer in (client.get("/api/promotions"), client.get("/api/session")):
        assert problem(answer) == (503, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) <= 2
        assert SECRET not in answer.text
        assert "127.0.0.1" not in answer.text
    ready = client.get("/api/health/ready")
    assert (ready.status_code, ready.json()["dependencies"]["database"]) == (503, "unavailable")
    assert client.get("/api/health/live").status_code == 200
