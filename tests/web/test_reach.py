"""How far somebody reaches: into other projects, into our network, into the time of others."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from api_office import Api, problem
from api_server import HOST, served
from governed import Clock, deployed

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.identity.keys import Keys
from mlmon_dagster.adapters.identity.notifications import Topics
from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.adapters.report.compliance import compliance_page
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.lifecycle.locks import set_lock
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.lifecycle.projects import save_project

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Something of everything, in the project `pricing`."""
    from api_office import staffed

    home = tmp_path_factory.mktemp("stride")
    database = open_database(f"sqlite:///{home}/mlmon.db")
    one = staffed(database, Clock(), home)
    outputs = Outputs(FileObjectStore(home / "store"))
    premises = replace(one.web.premises, outputs=lambda: outputs, page=compliance_page)
    one.app.state.web = replace(one.web, premises=premises)
    deployed(one.governance, one.ours, "prod")
    raise_alert(one.governance, one.ours.pipeline, "dev", "inputs", window=None, reason="drift")
    set_lock(one.governance, one.ours.pipeline, "model_registry", actor="root")
    save_project(one.governance, "pricing", actor="root")
    Desk(premises, "root").reports.compliance("pricing")
    yield replace(one, web=one.app.state.web)
    database.close()


def filled(api: Api, path: str) -> str:
    """The address with identifiers of what is there."""
    noun = path.split("/")[2].rstrip("s")
    with api.governance.ledger.read() as reading:
        lines = reading.entries(project="pricing")
    ids = [line.entry.subject for line in lines if line.entry.subject.startswith(f"{noun}-")]
    values = {"id": ids[-1] if ids else "token000", "pipeline": "prices", "number": "1", "name": "pricing"}
    values["seq"] = str(lines[-1].seq)
    return re.sub(r"{(\w+)}", lambda found: values[found[1]], path)


def routes(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    paths = api.client().get("/openapi.json").json()["paths"]
    return [(method.upper(), path, one) for path, methods in paths.items() for method, one in methods.items()]


BODIES: dict[str, dict[str, Any]] = {
    "/api/pipelines/{pipeline}": {"text": "pipeline: prices"},
    "/api/pipelines/{pipeline}/run": {"stages": ["data_ingestion"], "window": "2026-01-05"},
    "/api/pipelines/{pipeline}/lock": {"stage": "data_ingestion"},
    "/api/pipelines/{pipeline}/unlock": {"stage": "model_registry", "reason": "x"},
    "/api/models/{pipeline}/promote": {"environment": "dev"},
    "/api/projects/{name}": {"description": "mine"},
}
QUERIES = {
    "/api/monitoring/drift/{pipeline}": "?environment=dev",
    "/api/monitoring/performance/{pipeline}": "?environment=dev",
}


def test_an_object_of_another_project_is_not_there_whatever_is_sent(api: Api) -> None:
    """Every route of an object, called by an admin of another project: it is not there, not even forbidden."""
    client, before, tried = api.logged_in("eve"), api.length, 0
    for method, path, _ in routes(api):
        if "{" not in path or path.startswith(("/api/tokens", "/api/people")):
            continue
        body = BODIES.get(path, {} if path.endswith("/approve") else {"reason": "x"}) if method in UNSAFE else None
        query = QUERIES.get(path, "?reason=x" if method == "DELETE" else "")
        given = {"If-Match": "*"} if method in ("PUT", "DELETE") else {}
        answer = client.request(
            method, filled(api, path) + query, json=body if method != "DELETE" else None, headers=given
        )
        assert problem(answer)[0] in ((404,) if method == "GET" else (403, 404)), (method, path, answer.text)
        tried += 1
    assert tried > 30
    assert api.length == before
    with api.governance.ledger.read() as reading:
        assert all(one.state == "deployed" for one in reading.find(Promotion))


def test_two_hundred_silent_connections_keep_nobody_waiting(api: Api) -> None:
    """Two hundred connections that send a header and fall silent; somebody else is answered as ever."""
    import http.client

    head = "POST /api/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    with served(api, first_seconds=5, body_seconds=5) as port:
        stuck = []
        for number in range(200):
            line = socket.create_connection((HOST, port), timeout=10)
            whole = head.replace("{port}", str(port)) + "Content-Length: 100\r\n\r\n"
            line.sendall(whole.encode() if number % 2 else whole[:40].encode())
            stuck.append(line)
        connection = http.client.HTTPConnection(HOST, port, timeout=20)
        for _ in range(5):
            connection.request("GET", "/api/health/live")
            assert connection.getresponse().read() == b'{"status":"live"}'
        for line in stuck:
            line.close()


INSIDE = (
    "http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/latest", "http://127.0.0.1/", "http://localhost/",
    "http://0.0.0.0/", "http://[::1]/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/",
    "http://[::ffff:127.0.0.1]/", "https://10.0.0.1/", "https://192.168.0.1/", "https://metadata.google.internal/",
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "https://sns.eu-central-1.amazonaws.com.evil.example/",
    "https://sns.eu-central-1.amazonaws.com@evil.example/", "https://evil.example/sns.eu-central-1.amazonaws.com/",
    "https://evil.example#sns.eu-central-1.amazonaws.com", "https://sns.eu-central-1.amazonaws.com:8443/",
    "https://sns.eu-central-1.amazonaws.com\\@evil.example/", "https://sns.eu central.amazonaws.com/",
    "https://SNS.eu-central-1.amazonaws.com.evil.example/", "https://xn--sns-9na.amazonaws.com.evil.example/",
    "http://sns.eu-central-1.amazonaws.com/", "//sns.eu-central-1.amazonaws.com/", "https://s3.amazonaws.com/bucket/",
    "https://127.0.0.1.nip.io/",
)  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_addresses_in_a_message_lead_nowhere_but_to_sns(api: Api, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Addresses that come with a message lead nowhere but to SNS: no connection is opened, no name is looked up."""

    def connect(*_: object, **__: object) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "getaddrinfo", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    topics, now = Topics(frozenset({TOPIC})), api.governance.now()
    message = {
        "Type": "SubscriptionConfirmation", "MessageId": "1", "TopicArn": TOPIC, "Message": "x", "Token": "t",
        "Timestamp": now.isoformat(), "SubscribeURL": url, "SignatureVersion": "2", "Signature": "",
        "SigningCertURL": f"{url}SimpleNotificationService-0123456789abcdef.pem",
    }  # fmt: skip
    with pytest.raises(MlmonError):
        topics.notification(message, Keys(), now)
    from mlmon_dagster.adapters.identity.notifications import SUBSCRIPTION, Notification

    confirmed = f"{url}?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
    with pytest.raises(MlmonError):
        topics.confirm(Notification(SUBSCRIPTION, "1", TOPIC, "x", now, confirmed))


def test_every_change_answers_with_a_receipt(api: Api) -> None:
    """Every unsafe route but logging in and out answers with a receipt, or says that it changes nothing by itself."""
    without = {
        "DELETE /api/session", "POST /api/session", "POST /api/session/alb", "POST /api/session/confirm",
        "POST /api/session/actions", "POST /api/tokens", "DELETE /api/tokens/{id}", "POST /api/webhooks/github",
        "POST /api/webhooks/sns", "POST /api/integrations/github/sync",
    }  # fmt: skip
    document = api.client().get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for method, path, one in routes(api):
        if method not in UNSAFE or f"{method} {path}" in without:
            continue
        done = next(answer for code, answer in one["responses"].items() if code.startswith("2"))
        name = done["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert "receipt" in schemas[name]["properties"], (method, path)
