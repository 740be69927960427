"""The command line against a running server: the same commands, answers and exit codes as on this machine."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from answering import Asked, Said, answering
from command_line import CAST, PIPELINE, Answer, Office
from governed import version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.identity import add_account, issue_token
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.settings import read_settings
from mlmon_dagster.web.app import create_app
from mlmon_dagster.web.server import _listen, open_web

PASSWORD = "correct horse battery"


class Remote:
    """`mlmon` on a machine that has nothing but the address of a server."""

    def __init__(self, folder: Path, url: str, server: Office, tokens: dict[str, str]) -> None:
        self.folder, self.url, self.server, self.tokens = folder, url, server, tokens

    def __call__(self, *arguments: str, who: str | None = None, **environ: str) -> Answer:
        token = {"MLMON_TOKEN": self.tokens[who]} if who else {}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "MLMON_TIMEOUT": "5"}
        return Office(self.folder)(*arguments, MLMON_URL=self.url, **token, **home, **environ)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "pipelines" / "prices").mkdir(parents=True)
    (folder / "pipelines" / "prices" / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    listener = _listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    web = open_web(read_settings({}, folder), url)
    governance = web.premises.governance
    grant_role(governance, "root", "admin", actor="root")
    tokens = {}
    for name, role in {**CAST, "root": "admin"}.items():
        grant_role(governance, name, role, actor="root")
        add_account(web.identity, name, PASSWORD if name in ("sue", "pia") else None, actor="root")
        tokens[name] = issue_token(web.identity, name, ["read", "request", "operate", "admin"], 1, actor="root").text
    here = Office(folder)
    register_model(governance, here.declared.pipeline, version(1), actor=MACHINE)
    server = uvicorn.Server(uvicorn.Config(create_app(web), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Remote(tmp_path_factory.mktemp("laptop"), url, here, tokens)
    server.should_exit = True
    thread.join()


def test_a_version_is_promoted_and_approved_from_a_laptop(remote: Remote) -> None:
    asked = remote("promote", "prices", "--to", "dev", "--reason", "first", "--json", who="mia")
    assert asked.code == 0, asked.err
    assert asked.document["requester"] == "mia"
    assert asked.document["gate"]["open"] is True
    started = open_promotion(remote.server.governance, remote.server.declared, asked.document["id"])
    finish_deployment(remote.server.governance, started.id, "http://127.0.0.1:9")
    shown = remote("deployments", "--json", who="mia").document
    assert [(one["id"], one["health"]) for one in shown] == [(started.id, "nothing serves")]
    staging = remote("promote", "prices", "--to", "staging", who="mia")
    assert "✓ live in dev" in staging.out
    assert "receipt: entry" in staging.out
    [waiting] = remote("promotions", "--json", who="sue").document
    refused = remote("approve", waiting["id"], who="sue")
    assert refused.code == 3
    assert "a token cannot approve" in refused.err
    logged_in = _with_password(remote, "login", "sue", "--password-stdin")
    assert logged_in.code == 0, logged_in.err
    assert "model_sponsor in *" in logged_in.out
    approved = remote("approve", waiting["id"], "--reason", "reviewed", "--json", who="mia")
    assert approved.code == 0, approved.err
    assert "promotion.approved" in remote("audit", "list", "prices", who="root").out
    assert remote("promotions", "show", waiting["id"]).code == 0
    assert remote("login", "--out").code == 0
    assert remote("promotions").code == 3


def _with_password(remote: Remote, *arguments: str) -> Answer:
    import io
    import sys

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
        return remote(*arguments)


def test_alerts_locks_members_and_the_log_answer_from_a_laptop(remote: Remote) -> None:
    pipeline = remote.server.declared.pipeline
    alert = raise_alert(remote.server.governance, pipeline, "dev", "inputs", window="2026-01-05", reason="drift")
    assert alert.id in remote("alerts", who="max").out
    assert remote("alerts", "ack", alert.id, who="max").code == 0
    resolved = remote("alerts", "resolve", alert.id, "--reason", "repaired", "--json", who="max")
    assert resolved.document["state"] == "resolved"
    assert remote("lock", "prices", "model_registry", who="pia").code == 0
    assert remote("unlock", "prices", "model_registry", "--reason", "new", who="pia").code == 0
    assert remote("members", "grant", "new", "ml_engineer", "--project", "pricing", who="root").code == 0
    assert "new" in remote("members", "list", who="sue").out
    assert remote("members", "revoke", "new", "ml_engineer", "--project", "pricing", who="root").code == 0
    assert "unbroken" in remote("audit", "verify", who="root").out


@pytest.mark.parametrize(
    ("arguments", "who", "code", "said"),
    [
        (("members", "grant", "mia", "admin"), "mia", 3, "mia may not grant or revoke roles"),
        (("approve", "promotion-999"), "pia", 3, "a token cannot approve"),
        (("alerts", "ack", "alert-999"), "max", 2, "no alert"),
        (("promote", "nothing", "--to", "dev"), "mia", 2, "nothing"),
        (("promote", "prices", "--to", "dev", "--as", "pia"), "mia", 2, "not --as"),
        (("rollback", "prices", "--environment", "prod", "--reason", "x"), "pia", 4, "nothing to roll back"),
        (("audit", "rebuild"), "root", 2, "unset MLMON_URL"),
        (("unlock", "prices", "data_ingestion", "--reason", "x"), "pia", 4, "not locked"),
    ],
)
def test_refusals_have_the_same_exit_codes(
    remote: Remote, arguments: tuple[str, ...], who: str, code: int, said: str
) -> None:
    answer = remote(*arguments, who=who)
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({}, 3, "mlmon login"),
        ({"MLMON_TOKEN": "mlm_aaaaaaaa_" + "a" * 43}, 3, "not valid"),
        ({"MLMON_TOKEN": "nonsense"}, 3, "not valid"),
        ({"MLMON_URL": "http://127.0.0.1:1", "MLMON_TOKEN": "x"}, 5, "cannot be reached"),
        ({"MLMON_URL": "http://mlmon.invalid", "MLMON_TOKEN": "x"}, 2, "https://"),
        ({"MLMON_URL": "https://mlmon.invalid", "MLMON_TOKEN": "x"}, 5, "cannot be reached"),
        ({"MLMON_URL": "ftp://x", "MLMON_TOKEN": "x"}, 2, "not the address of a server"),
        ({"MLMON_TIMEOUT": "soon", "MLMON_TOKEN": "x"}, 2, "MLMON_TIMEOUT"),
    ],
)
def test_what_leads_to_no_server_is_told(remote: Remote, environ: dict[str, str], code: int, said: str) -> None:
    given = {"MLMON_URL": remote.url, "HOME": str(remote.folder / "nobody"), "MLMON_TIMEOUT": "5", **environ}
    answer = Office(remote.folder)("alerts", XDG_CONFIG_HOME="", **given)
    assert (answer.code, said in answer.err) == (code, True), answer.err


def test_a_server_that_is_busy_is_waited_for_as_long_as_the_time_allows(tmp_path: Path) -> None:
    asked = []

    def answer(request: Asked) -> Said:
        asked.append(request.path)
        if len(asked) == 2:
            return Said(200, {"items": [], "next": None})
        return Said(503, {"detail": "busy", "code": "UNAVAILABLE"}, {"Retry-After": "0"})

    with answering(answer) as url:
        answered = Office(tmp_path)("alerts", MLMON_URL=url, MLMON_TOKEN="x", HOME=str(tmp_path))
    assert (answered.code, len(asked)) == (0, 2), answered.err
