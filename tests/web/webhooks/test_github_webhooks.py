"""The catalogue of deliveries of GitHub: exact status, one row in the log each, nothing done that is not believed."""

import hashlib
import hmac
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from api_office import Api, problem
from providers import Provider
from starlette.testclient import TestClient
from webhook_office import REPOSITORY, SECRET, TOPIC

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.promotions import Approval
from mlmon_dagster.lifecycle.repositories import connected
from mlmon_dagster.web.webhooks import read_webhooks

COMMIT, OTHER, NOWHERE = "a" * 40, "b" * 40, "0" * 40


def signature(content: bytes, key: str = SECRET) -> str:
    return f"sha256={hmac.new(key.encode(), content, hashlib.sha256).hexdigest()}"


STATUS = {"repository": REPOSITORY, "sha": COMMIT, "context": "ci", "state": "success", "description": "12 passed"}
PUSH = {
    "repository": REPOSITORY, "ref": "refs/heads/main", "before": COMMIT, "after": OTHER, "forced": False,
    "sender": {"login": "octocat", "type": "User"},
}  # fmt: skip
RUN = {
    "repository": REPOSITORY,
    "check_run": {"name": "ci", "head_sha": COMMIT, "status": "completed", "conclusion": "success"},
}
GOOD = json.dumps(STATUS).encode()


@dataclass(frozen=True)
class Sent:
    """A delivery of GitHub with one thing different; the default is a status that a gate asks for."""

    status: int
    said: str
    """The code of a problem, else what was done."""
    body: dict[str, Any] | bytes = field(default_factory=lambda: STATUS)
    event: str = "status"
    headers: dict[str, str | None] = field(default_factory=dict)
    changes: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def given(self, delivery: str = "11111111-aaaa-bbbb-cccc-000000000001") -> dict[str, str]:
        plain = {
            "Content-Type": "application/json",
            "X-GitHub-Event": self.event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": signature(self.content),
        }
        return {name: value for name, value in {**plain, **self.headers}.items() if value is not None}


def of(document: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**document, **changed}


def renamed(**changed: Any) -> dict[str, Any]:
    return of(STATUS, repository={**REPOSITORY, **changed})


SIGNATURE = "X-Hub-Signature-256"
GITHUB = {
    "W01 no signature": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: None}),
    "W02 wrong": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: "sha256=" + "0" * 64}),
    "W02 other secret": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: signature(GOOD, "another secret")}),
    "W02 no letters": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: "sha256="}),
    "W03 only SHA-1": Sent(
        401,
        "UNAUTHENTICATED",
        headers={SIGNATURE: None, "X-Hub-Signature": f"sha1={hmac.new(SECRET.encode(), GOOD, 'sha1').hexdigest()}"},
    ),
    "W04 SHA-1 under the other name": Sent(
        401, "UNAUTHENTICATED", headers={SIGNATURE: f"sha1={hmac.new(SECRET.encode(), GOOD, 'sha1').hexdigest()}"}
    ),
    "W05 capitals": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: signature(GOOD).upper().replace("SHA", "sha")}),
    "W06 two in one": Sent(401, "UNAUTHENTICATED", headers={SIGNATURE: f"{signature(GOOD)}, {signature(GOOD)}"}),
    "W07 written anew": Sent(
        401, "UNAUTHENTICATED", json.dumps(STATUS, indent=1).encode(), headers={SIGNATURE: signature(GOOD)}
    ),
    "W10 no number": Sent(400, "DELIVERY", headers={"X-GitHub-Delivery": None}),
    "W10 number with blanks": Sent(400, "DELIVERY", headers={"X-GitHub-Delivery": "a b c d e f g"}),
    "W10 no event": Sent(400, "EVENT", headers={"X-GitHub-Event": None}),
    "W12 no repository": Sent(422, "INPUT", {"zen": "x"}),
    "W12 repository without a number": Sent(422, "INPUT", renamed(id="4711")),
    "W12 number is a truth value": Sent(422, "INPUT", renamed(id=True)),
    "W12 not an object": Sent(422, "INPUT", b"[]"),
    "W12 empty": Sent(422, "INPUT", b""),
    "W13 unknown event": Sent(202, "ignored", event="star"),
    "W14 ping": Sent(200, "pong", {"zen": "Keep it logically awesome."}, event="ping"),
    "W15 more than 1 MB": Sent(413, "BODY", b'{"a": "' + b"x" * 1_100_000 + b'"}'),
    "W16 cut": Sent(400, "NOT_JSON", b"{"),
    "W16 key twice": Sent(422, "DUPLICATE_KEY", b'{"sha": 1, "sha": 2}'),
    "W17 form": Sent(415, "TYPE", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    "W18 gzip": Sent(415, "ENCODING", headers={"Content-Encoding": "gzip"}),
    "W19 text": Sent(415, "TYPE", headers={"Content-Type": "text/plain"}),
    "W20 status": Sent(200, "noted", changes=True),
    "W20 status of nothing that a gate asks for": Sent(202, "ignored", of(STATUS, context="lint")),
    "W20 check run": Sent(200, "noted", RUN, event="check_run", changes=True),
    "W20 check run without a run": Sent(422, "INPUT", {"repository": REPOSITORY}, event="check_run"),
    "W21 renamed": Sent(200, "noted", renamed(full_name="acme/house-prices"), changes=True),
    "W22 same name, other number": Sent(403, "REPOSITORY", renamed(id=666)),
    "W22 other repository": Sent(202, "ignored", renamed(id=666, full_name="evil/prices")),
    "W23 pull request from a fork": Sent(
        202, "ignored", {"repository": REPOSITORY, "action": "opened"}, event="pull_request"
    ),
    "W24 push": Sent(200, "noted", PUSH, event="push"),
    "W24 push to another branch": Sent(202, "ignored", of(PUSH, ref="refs/heads/feature"), event="push"),
    "W25 force push": Sent(200, "alerted", of(PUSH, forced=True), event="push", changes=True),
    "W26 branch removed": Sent(200, "alerted", of(PUSH, after=NOWHERE, deleted=True), event="push", changes=True),
    "W27 tag": Sent(202, "ignored", of(PUSH, ref="refs/tags/main"), event="push"),
    "W28 no ref": Sent(422, "INPUT", of(PUSH, ref=None), event="push"),
    "W29 short commit": Sent(422, "INPUT", of(STATUS, sha="abc1234")),
    "W29 short commit pushed": Sent(422, "INPUT", of(PUSH, after="abc1234"), event="push"),
    "W30 pushed by a bot": Sent(200, "noted", of(PUSH, sender={"login": "x[bot]", "type": "Bot"}), event="push"),
    "W31 unknown sender": Sent(200, "noted", of(PUSH, sender={"login": "stranger"}), event="push"),
    "W33 deployment_status": Sent(202, "ignored", {"repository": REPOSITORY}, event="deployment_status"),
    "W34 review": Sent(
        202, "ignored", {"repository": REPOSITORY, "review": {"state": "approved"}}, event="pull_request_review"
    ),
    "W35 review of an older commit": Sent(
        202,
        "ignored",
        {"repository": REPOSITORY, "action": "submitted", "review": {"state": "approved", "commit_id": OTHER}},
        event="pull_request_review",
    ),
    "W37 review dismissed": Sent(
        202, "ignored", {"repository": REPOSITORY, "action": "dismissed"}, event="pull_request_review"
    ),
    "W49 what somebody wrote": Sent(
        200, "noted", of(STATUS, description="<script>\u202e\U0001f4a5\x1b[31m"), changes=True
    ),
}


@pytest.mark.parametrize("name", GITHUB)
def test_a_delivery_of_github(
    request: pytest.FixtureRequest, shared: tuple[Api, Provider], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sent, number = GITHUB[name], f"11111111-{list(GITHUB).index(name):04}"
    office: Api = request.getfixturevalue("office") if sent.changes else shared[0]
    before = office.length
    with caplog.at_level(logging.INFO, "mlmon.webhooks"):
        answer = office.client().post("/api/webhooks/github", content=sent.content, headers=sent.given(number))
    found = problem(answer) if answer.status_code >= 400 else (answer.status_code, answer.json()["status"])
    assert found == (sent.status, sent.said)
    assert len([row for row in caplog.records if row.name == "mlmon.webhooks"]) == 1
    assert (office.length > before) is sent.changes
    with office.governance.ledger.read() as reading:
        assert reading.find(Approval) == (), "nothing that GitHub says is consent"


def post(office: Api, sent: Sent, delivery: str) -> Any:
    return office.client().post("/api/webhooks/github", content=sent.content, headers=sent.given(delivery))


def test_w09_a_delivery_that_comes_again_changes_nothing_however_many_come_at_once(office: Api) -> None:
    sent = Sent(200, "noted")
    assert post(office, sent, "11111111-0001").json() == {"status": "noted"}
    length = office.length
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: post(office, sent, "11111111-0001"), range(8)))
    assert {(one.status_code, one.json()["status"]) for one in again} == {(200, "duplicate")}
    assert office.length == length


def test_w11_the_same_event_under_another_number_changes_nothing(office: Api) -> None:
    for number in range(3):
        post(office, Sent(200, "noted"), f"11111111-000{number}")
    with office.governance.ledger.read() as reading:
        [found] = reading.find(Finding)
        assert len(reading.entries(action="finding.reported")) == 1
    assert (found.about, found.name, found.passed, found.found_by) == (COMMIT, "ci", True, "machine:github")


def test_a_status_that_turns_is_the_one_that_counts(office: Api) -> None:
    for number, state in enumerate(("pending", "success", "failure")):
        post(office, Sent(200, "noted", of(STATUS, state=state)), f"11111111-000{number}")
        with office.governance.ledger.read() as reading:
            found = [one.passed for one in reading.find(Finding)]
        assert found == ([] if state == "pending" else [state == "success"])


def test_w21_the_new_name_is_kept_and_the_old_one_in_files_still_counts(office: Api) -> None:
    post(office, Sent(200, "noted", renamed(full_name="acme/house-prices")), "11111111-0001")
    with office.governance.ledger.read() as reading:
        [found] = connected(reading).values()
        assert len(reading.find(Finding)) == 1
    assert (found.name, found.called("acme/prices"), found.id) == ("acme/house-prices", True, "4711")
    assert problem(post(office, Sent(403, "", renamed(id=666)), "11111111-0002")) == (403, "REPOSITORY")
    refused = office.by_token("root", "read").get("/api/audit-logs", params={"action": "access.refused"}).json()
    assert "REPOSITORY" in refused["items"][0]["subject"]


def test_w25_a_rewritten_branch_closes_the_gates_until_a_person_looks(office: Api) -> None:
    post(office, Sent(200, "alerted", of(PUSH, forced=True), event="push"), "11111111-0001")
    with office.governance.ledger.read() as reading:
        [alert] = reading.find(Alert)
    assert (alert.severity, alert.open, alert.environment) == ("critical", True, None)
    assert "octocat rewrote acme/prices main" in alert.reason


def test_w47_a_delivery_whose_work_failed_is_done_when_it_comes_again(office: Api) -> None:
    class Broken:
        def __call__(self) -> Any:
            raise InputError("the folder cannot be read")

    whole = office.web.premises.pipelines
    office.app.state.web = replace(office.web, premises=replace(office.web.premises, pipelines=Broken()))
    assert post(office, Sent(200, ""), "11111111-0001").status_code == 422
    office.app.state.web = replace(office.web, premises=replace(office.web.premises, pipelines=whole))
    assert post(office, Sent(200, ""), "11111111-0001").json() == {"status": "noted"}


def test_w45_too_many_are_told_to_come_later(office: Api) -> None:
    from mlmon_dagster.web.rates import Buckets, Rate

    office.app.state.web = replace(office.web, requests=Buckets(Rate(5, 0.001)))
    found = [post(office, Sent(200, ""), f"11111111-00{number}") for number in range(8)]
    assert [one.status_code for one in found] == [200] * 5 + [429] * 3
    assert "retry-after" in found[-1].headers


def test_a_signature_that_comes_twice_is_refused(office: Api) -> None:
    """W06: two lines of one header reach a proxy and us in different ways."""
    sent = Sent(200, "noted")
    headers = [*sent.given().items(), (SIGNATURE, signature(GOOD))]
    client: TestClient = office.client()
    assert problem(client.post("/api/webhooks/github", content=GOOD, headers=headers)) == (401, "UNAUTHENTICATED")


def test_numbers_of_deliveries_are_not_kept_for_ever(office: Api) -> None:
    from mlmon_dagster.governance.access import Used

    post(office, Sent(200, "noted"), "11111111-0001")
    office.clock.pass_(days=31)
    post(office, Sent(200, "noted"), "11111111-0002")
    assert [one.id for one in office.web.identity.credentials.find(Used)] == ["delivery|github|11111111-0002"]


@pytest.mark.parametrize("path", ["/api/webhooks/github", "/api/webhooks/sns"])
def test_a_webhook_that_is_not_declared_is_not_there(api: Api, path: str) -> None:
    assert problem(api.client().post(path, json={})) == (404, "MISSING")


@pytest.mark.parametrize(
    "environ",
    [
        {"MLMON_GITHUB_WEBHOOK_SECRET": ""},
        {"MLMON_GITHUB_WEBHOOK_SECRET": "short"},
        {"MLMON_SNS_TOPICS": ""},
        {"MLMON_SNS_TOPICS": "alarms"},
        {"MLMON_SNS_TOPICS": TOPIC, "MLMON_SNS_URL": "http://example.com"},
    ],
)
def test_half_declared_webhooks_are_refused_at_start(environ: dict[str, str]) -> None:
    with pytest.raises(InputError) as refusal:
        read_webhooks(environ)
    assert "short" not in refusal.value.message
