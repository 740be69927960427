"""Dagster's pages behind our entrance: what reaches the webserver, and what never does."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from answering import Asked, Said, answering
from api_office import ORIGIN, PASSWORD, Api, problem
from api_server import served
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from mlmon_dagster.web.app import create_app

QUERY = "query Runs { __typename }"
MUTATION = 'mutation M { deleteRun(runId: "x") { __typename } }'


@dataclass
class Upstream:
    """Stands where the Dagster webserver does, and keeps what reaches it."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    one = Upstream()

    def answer(asked: Asked) -> Said:
        one.seen.append((asked.method, asked.target, dict(asked.headers), asked.content))
        return Said(200, b"ok", {"Content-Type": "text/plain", "Set-Cookie": "stranger=1"})

    with answering(answer) as one.url:
        yield one


def behind(api: Api, upstream: str) -> Api:
    web = replace(api.web, settings=replace(api.web.settings, dagster=upstream))
    return replace(api, web=web, app=create_app(web))


@pytest.fixture
def office(api: Api, upstream: Upstream) -> Api:
    return behind(api, upstream.url)


def test_who_is_recognised_looks_at_the_pages(office: Api, upstream: Upstream) -> None:
    client = office.logged_in("sue")
    page = client.get("/dagster/runs?q=1", headers={"Authorization-Extra": "x"})
    assert (page.status_code, page.text) == (200, "ok")
    assert "stranger" not in page.headers.get("set-cookie", "")
    answer = client.post("/dagster/graphql", json={"query": QUERY, "operationName": "Runs", "variables": {}})
    assert answer.status_code == 200
    (get, where, headers, _), (post, place, _, body) = upstream.seen
    assert (get, where, post, place) == ("GET", "/dagster/runs?q=1", "POST", "/dagster/graphql")
    assert json.loads(body)["query"] == QUERY
    assert not {"cookie", "authorization", "authorization-extra", "x-csrf-token"} & set(headers)


def test_a_token_looks_too_and_keeps_its_secret(office: Api, upstream: Upstream) -> None:
    assert office.by_token("sue", "read").get("/dagster/assets").status_code == 200
    assert "authorization" not in upstream.seen[0][2]
    assert problem(office.by_token("sue", "request").get("/dagster/assets")) == (403, "SCOPE")


def test_nobody_else_does(office: Api, upstream: Upstream) -> None:
    assert problem(office.client().get("/dagster/runs")) == (401, "UNAUTHENTICATED")
    assert problem(office.logged_in("eve").get("/dagster/runs")) == (403, "DENIED")
    assert upstream.seen == []


def graphql(query: str, **more: Any) -> dict[str, Any]:
    return {"json": {"query": query, **more}}


ATTACKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mutation": ("POST", "/dagster/graphql", graphql(MUTATION)),
    "mutation beside a query": ("POST", "/dagster/graphql", graphql(QUERY + MUTATION, operationName="Runs")),
    "mutation chosen by name": ("POST", "/dagster/graphql", graphql(QUERY + MUTATION, operationName="M")),
    "mutation after a comment": ("POST", "/dagster/graphql", graphql("# query\n" + MUTATION)),
    "mutation after commas": ("POST", "/dagster/graphql", graphql(",,,\ufeff" + MUTATION)),
    "subscription": ("POST", "/dagster/graphql", graphql("subscription { __typename }")),
    "several at once": ("POST", "/dagster/graphql", {"json": [{"query": MUTATION}]}),
    "no query": ("POST", "/dagster/graphql", {"json": {"id": "persisted"}}),
    "not GraphQL": ("POST", "/dagster/graphql", graphql("{")),
    "two queries under one key": (
        "POST",
        "/dagster/graphql",
        {"content": b'{"query": "{a}", "query": "mutation {b}"}', "headers": {"Content-Type": "application/json"}},
    ),
    "by GET": ("GET", "/dagster/graphql", {"params": {"query": MUTATION}}),
    "query by GET": ("GET", "/dagster/graphql", {"params": {"query": QUERY}}),
    "by HEAD": ("HEAD", "/dagster/graphql", {"params": {"query": MUTATION}}),
    "page of GraphiQL": ("GET", "/dagster/graphql", {"headers": {"Accept": "text/html"}}),
    "in the address": ("POST", "/dagster/graphql?query=mutation{x}", graphql(QUERY)),
    "application/graphql": (
        "POST", "/dagster/graphql", {"content": MUTATION, "headers": {"Content-Type": "application/graphql"}},
    ),
    "form": ("POST", "/dagster/graphql", {"data": {"query": MUTATION}}),
    "plain text": ("POST", "/dagster/graphql", {"content": MUTATION, "headers": {"Content-Type": "text/plain"}}),
    "no content type": ("POST", "/dagster/graphql", {"content": MUTATION}),
    "foreign page": ("POST", "/dagster/graphql", {**graphql(QUERY), "headers": {"Origin": "https://evil.example"}}),
    "page without an origin": ("POST", "/dagster/graphql", {**graphql(QUERY), "headers": {"Origin": "null"}}),
    "report of an asset": ("POST", "/dagster/report_asset_materialization/prices/prod/model_deployment", {"json": {}}),
    "report of a check": ("POST", "/dagster/report_asset_check/prices", {"json": {}}),
    "report of an observation": ("POST", "/dagster/report_asset_observation/prices", {"json": {}}),
    "debug file": ("GET", "/dagster/download_debug/run", {}),
    "notebook": ("GET", "/dagster/notebook", {"params": {"path": "/etc/passwd"}}),
    "old notebook": ("GET", "/dagster/dagit/notebook", {"params": {"path": "/etc/passwd"}}),
    "PUT": ("PUT", "/dagster/graphql", graphql(QUERY)),
    "DELETE": ("DELETE", "/dagster/runs", {}),
    "longer address": ("POST", "/dagster/graphql/", graphql(QUERY)),
    "other letters": ("POST", "/dagster/GraphQL", graphql(QUERY)),
    "two slashes": ("GET", "/dagster//graphql", {"params": {"query": MUTATION}}),
    "dots": ("GET", "/dagster/x/../graphql", {"params": {"query": MUTATION}}),
    "encoded dots": ("GET", "/dagster/%2e%2e/dagster/graphql", {"params": {"query": MUTATION}}),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_reaches_the_webserver(office: Api, upstream: Upstream, name: str) -> None:
    method, path, more = ATTACKS[name]
    answer = office.logged_in("root").request(method, path, **more)
    assert answer.status_code in (401, 403, 404, 405, 415, 422), answer.text
    assert upstream.seen == []


def test_a_web_socket_is_refused(office: Api) -> None:
    client = office.logged_in("root")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/dagster/graphql"):
        pass


def test_a_webserver_out_of_reach_is_told(api: Api) -> None:
    away = behind(api, "http://127.0.0.1:1")
    assert problem(away.logged_in("root").get("/dagster/runs")) == (503, "UNAVAILABLE")


MUTATING = json.dumps({"query": MUTATION})
GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n"
POST = (
    "POST /dagster/graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nOrigin: http://127.0.0.1:{port}\r\n"
    "Content-Type: application/json\r\n"
)
SOCKET = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
QUERIED = "/dagster/graphql?query=mutation%7Bx%7D"
SMUGGLED = f"{POST}Content-Length: {len(MUTATING)}\r\n\r\n{{mutating}}"
RAW = {
    "web socket": GET.replace("close", "Upgrade").replace("{path}", "/dagster/graphql") + SOCKET + "\r\n",
    "web socket of subscriptions": GET.replace("close", "Upgrade").replace("{path}", "/dagster/graphql")
    + SOCKET + "Sec-WebSocket-Protocol: graphql-ws\r\n\r\n",
    "another protocol": GET.replace("close", "Upgrade, HTTP2-Settings").replace("{path}", QUERIED)
    + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
    "by GET": GET.replace("{path}", QUERIED) + "\r\n",
    "absolute address": GET.replace("{path}", "http://127.0.0.1:{port}" + QUERIED) + "\r\n",
    "encoded slash": GET.replace("{path}", "/dagster%2fgraphql?query=mutation%7Bx%7D") + "\r\n",
    "encoded letters": GET.replace("{path}", "/dagster/%67raphql?query=mutation%7Bx%7D") + "\r\n",
    "encoded twice": GET.replace("{path}", "/dagster/%2567raphql?query=mutation%7Bx%7D") + "\r\n",
    "dots": GET.replace("{path}", "/dagster/a/../graphql?query=mutation%7Bx%7D") + "\r\n",
    "encoded dots": GET.replace("{path}", "/dagster/%2e%2e/dagster/graphql?query=mutation%7Bx%7D") + "\r\n",
    "dots of another encoding": GET.replace("{path}", "/dagster/%c0%ae%c0%ae/graphql?query=mutation%7Bx%7D") + "\r\n",
    "backslash": GET.replace("{path}", "/dagster\\graphql?query=mutation%7Bx%7D") + "\r\n",
    "two slashes": GET.replace("{path}", "//dagster//graphql?query=mutation%7Bx%7D") + "\r\n",
    "parameter in the address": GET.replace("{path}", "/dagster/graphql;a=b?query=mutation%7Bx%7D") + "\r\n",
    "mark that was encoded": GET.replace("{path}", "/dagster/graphql%3Fquery=mutation%7Bx%7D") + "\r\n",
    "end of the address": GET.replace("{path}", "/dagster/graphql%00?query=mutation%7Bx%7D") + "\r\n",
    "line in the address": GET.replace("{path}", "/dagster/graphql%0d%0aX:y?query=mutation%7Bx%7D") + "\r\n",
    "GET with a body": GET.replace("{path}", "/dagster/graphql")
    + f"Content-Type: application/json\r\nContent-Length: {len(MUTATING)}\r\n\r\n{{mutating}}",
    "mutation in chunks": POST + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"{len(MUTATING):x}\r\n{{mutating}}\r\n0\r\n\r\n",
    "length and chunks": POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + f"Content-Length: 0\r\nContent-Length: {len(MUTATING)}\r\n\r\n{{mutating}}",
    "chunks of another spelling": POST + "Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "folded header": POST + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "method in a header": POST + "Connection: close\r\nX-HTTP-Method-Override: GET\r\n"
    + f"Content-Length: {len(MUTATING)}\r\n\r\n{{mutating}}",
    "two origins": POST + "Connection: close\r\nOrigin: https://evil.example\r\n"
    + f"Content-Length: {len(MUTATING)}\r\n\r\n{{mutating}}",
    "tunnel": "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n",
    "traced": GET.replace("GET", "TRACE").replace("{path}", "/dagster/graphql") + "\r\n",
    "other host": GET.replace("127.0.0.1:{port}", "evil.example").replace("{path}", "/dagster/graphql") + "\r\n",
}  # fmt: skip
"""What no client library sends; whoever sends it is logged in as an admin."""


def sent(port: int, request: str, cookie: str) -> bytes:
    """What the server says until it closes or falls silent."""
    text = request.replace("{port}", str(port)).replace("{cookie}", cookie).replace("{mutating}", MUTATING)
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as line, suppress(OSError):
        line.sendall(text.encode("latin-1"))
        while part := line.recv(65536):
            said += part
    return said


def cookie_at(port: int) -> str:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    connection.request("POST", "/api/session", json.dumps({"name": "root", "password": PASSWORD}), headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def refused_on_the_wire(port: int) -> None:
    cookie = cookie_at(port)
    for name, request in RAW.items():
        said = sent(port, request, cookie)
        codes = [int(line.split(b" ")[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert codes, name
        assert all(400 <= code < 500 for code in codes), (name, codes, said[:200])


def test_nothing_that_is_sent_by_hand_reaches_the_webserver(office: Api, upstream: Upstream) -> None:
    with served(office) as port:
        refused_on_the_wire(port)
    assert upstream.seen == []


DEFINITIONS = """
import dagster as dg
from pathlib import Path

@dg.asset
def deployed():
    Path(__file__).with_name("effect").write_text("done")

@dg.sensor(asset_selection="deployed", default_status=dg.DefaultSensorStatus.STOPPED)
def watcher(context):
    return dg.SkipReason("nothing")

defs = dg.Definitions([deployed], sensors=[watcher])
"""

INTROSPECTION = (
    "{ __schema { mutationType { fields { name args { name type { kind name ofType { kind name } } } } } } }"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The shipped set-up: a read-only Dagster webserver under /dagster, and its folder."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "dagster_webserver", "--read-only", "--path-prefix", "/dagster", "-h", "127.0.0.1",
        "-p", str(port), "-f", str(folder / "definitions.py"), "-d", str(folder),
    ]  # fmt: skip
    environ = {**os.environ, "DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, folder)
        yield url, folder
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    import httpx

    for _ in range(240):
        assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
        try:
            if httpx.get(f"{url}/dagster/server_info", timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise AssertionError("the webserver did not start")


def _argument(kind: dict[str, Any], name: str) -> str:
    inner = kind.get("ofType") or kind
    simple = {"String": '"x"', "ID": '"x"', "Int": "1", "Boolean": "true", "Float": "1.0"}
    if inner.get("kind") == "LIST":
        return f"{name}: []"
    return f"{name}: {simple.get(inner.get('name') or '', '{}')}"


@pytest.mark.slow
def test_no_mutation_of_a_real_webserver_is_carried_out_through_our_door(api: Api, running: tuple[str, Path]) -> None:
    url, folder = running
    office = behind(api, url)
    client = office.logged_in("root")
    assert client.get("/dagster/").status_code == 200
    answer = client.post("/dagster/graphql", json={"query": INTROSPECTION})
    fields = answer.json()["data"]["__schema"]["mutationType"]["fields"]
    assert len(fields) > 30
    before = _state(client, folder)
    for one in fields:
        arguments = ", ".join(_argument(argument["type"], argument["name"]) for argument in one["args"])
        call = f"mutation {{ {one['name']}{f'({arguments})' if arguments else ''} {{ __typename }} }}"
        for refused in (
            client.post("/dagster/graphql", json={"query": call}),
            client.get("/dagster/graphql", params={"query": call}),
            client.post("/dagster/graphql", content=call, headers={"Content-Type": "application/graphql"}),
        ):
            assert refused.status_code in (403, 405, 415), (one["name"], refused.text)
    for kind in ("materialization", "check", "observation"):
        assert client.post(f"/dagster/report_asset_{kind}/deployed", json={}).status_code == 405
    assert _state(client, folder) == before


@pytest.mark.slow
def test_nothing_that_is_sent_by_hand_changes_a_running_stack(api: Api, running: tuple[str, Path]) -> None:
    """Our server on a real port before a real webserver, attacked by somebody who is logged in."""
    url, folder = running
    office = behind(api, url)
    before = _state(office.logged_in("root"), folder)
    with served(office) as port:
        refused_on_the_wire(port)
        page = sent(port, GET.replace("{path}", "/dagster/server_info") + "\r\n", cookie_at(port))
        assert b"dagster_webserver_version" in page
    assert _state(office.logged_in("root"), folder) == before


@pytest.mark.slow
def test_the_webserver_itself_is_read_only_too(running: tuple[str, Path]) -> None:
    """The second lock, for whoever reaches it past our door."""
    import httpx

    url, _ = running
    launch = 'mutation { deleteRun(runId: "x") { __typename } }'
    answer = httpx.get(f"{url}/dagster/graphql", params={"query": launch}, headers={"Origin": "https://evil.example"})
    assert "UnauthorizedError" in answer.text
    reported = httpx.post(f"{url}/dagster/report_asset_materialization/deployed", json={})
    assert reported.status_code == 401, reported.text


def _state(client: TestClient, folder: Path) -> dict[str, Any]:
    query = (
        "{ runsOrError { ... on Runs { results { runId } } } "
        "assetsOrError { ... on AssetConnection { nodes { key { path } assetMaterializations { timestamp } } } } }"
    )
    found: dict[str, Any] = client.post("/dagster/graphql", json={"query": query}).json()
    assert "errors" not in found, found
    assert ORIGIN
    return {**found, "effect": (folder / "effect").exists()}
