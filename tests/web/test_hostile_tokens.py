"""Signed tokens of load balancers and workflows: one good one comes in, and none of its many twisted twins does."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
from api_office import ORIGIN, PASSWORD, Api, problem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from providers import Provider, provider

from mlmon_dagster.lifecycle.identity import link_identity
from mlmon_dagster.lifecycle.provided import GITHUB
from mlmon_dagster.web.providers import read_providers

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mlmon/50dc6c495c0c9188"
ISSUER = "https://idp.example.com"
KID = "3f1b2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
WORKFLOW = "acme/house/.github/workflows/promote-to-prod.yml@refs/heads/main"
OTHER_EC, OTHER_RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)

Make = Callable[[Provider], str]


@pytest.fixture
def world() -> Iterator[Provider]:
    with provider() as one:
        one.documents[f"/keys/{KID}"] = one.public_pem
        one.documents["/.well-known/jwks"] = one.key_set("k1")
        yield one


@pytest.fixture
def office(api: Api, world: Provider) -> Api:
    environ = {
        "MLMON_ALB_ARN": ARN,
        "MLMON_ALB_ISSUER": ISSUER,
        "MLMON_ALB_CLIENT": "client-1",
        "MLMON_ALB_KEYS_URL": f"{world.url}/keys",
        "MLMON_ACTIONS_REPOSITORIES": "100/200",
        "MLMON_ACTIONS_WORKFLOWS": WORKFLOW,
        "MLMON_ACTIONS_ISSUER": world.url,
        "MLMON_ACTIONS_AUDIENCE": "mlmon:test",
    }
    web = replace(api.web, providers=read_providers(environ, "mlmon/test"))
    api.app.state.web = web
    link_identity(web.identity, "pia", ISSUER, "subject-1", actor="root")
    link_identity(web.identity, "mia", GITHUB, "583231", actor="root")
    return replace(api, web=web)


def balancer(
    world: Provider, header: dict[str, Any] | None = None, key: Any = None, algorithm: str = "ES256", **claims: Any
) -> str:
    """The token of `x-amzn-oidc-data`; a claim or header that is `None` is left out."""
    head = {
        "kid": KID,
        "signer": ARN,
        "iss": ISSUER,
        "client": "client-1",
        "exp": int(time.time()) + 120,
        **(header or {}),
    }
    body = {"sub": "subject-1", "iss": ISSUER, "exp": int(time.time()) + 120, "email": "pia@example.com", **claims}
    return jwt.PyJWS().encode(json.dumps(_given(body)).encode(), key or world.ec_key, algorithm, headers=_given(head))


def workflow(
    world: Provider, header: dict[str, Any] | None = None, key: Any = None, algorithm: str = "RS256", **claims: Any
) -> str:
    """The token of a workflow run."""
    now = int(time.time())
    body = {
        "iss": world.url, "aud": "mlmon:test", "sub": "repo:acme/house:environment:prod", "jti": "run-1", "iat": now,
        "nbf": now, "exp": now + 300, "repository": "acme/house", "repository_id": "100", "repository_owner_id": "200",
        "job_workflow_ref": WORKFLOW, "event_name": "workflow_dispatch", "ref": "refs/heads/main", "sha": "a" * 40,
        "actor": "octocat", "actor_id": "583231", "run_id": "77", "environment": "prod", **claims,
    }  # fmt: skip
    return jwt.encode(_given(body), key or world.rsa_key, algorithm, headers=_given({"kid": "k1", **(header or {})}))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def twisted(token: str, part: int, **changed: Any) -> str:
    """The token with another header or body under the old signature."""
    parts = token.split(".")
    raw = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = base64.urlsafe_b64encode(json.dumps({**raw, **changed}).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def unsigned(token: str, algorithm: str = "none") -> str:
    return ".".join(twisted(token, 0, alg=algorithm).split(".")[:2]) + "."


def confused(world: Provider, token: str, secret: bytes) -> str:
    """Signed with the public key as if it were a shared secret."""
    import hashlib
    import hmac

    head = twisted(token, 0, alg="HS256").rsplit(".", 1)[0]
    signature = base64.urlsafe_b64encode(hmac.new(secret, head.encode(), hashlib.sha256).digest()).rstrip(b"=")
    return f"{head}.{signature.decode()}"


BALANCER: dict[str, Make] = {
    "unsigned": lambda w: unsigned(balancer(w)),
    "None": lambda w: unsigned(balancer(w), "None"),
    "key as secret": lambda w: confused(w, balancer(w), w.public_pem),
    "other key": lambda w: balancer(w, key=OTHER_EC),
    "RS256": lambda w: balancer(w, key=OTHER_RSA, algorithm="RS256"),
    "ES384": lambda w: balancer(w, key=ec.generate_private_key(ec.SECP384R1()), algorithm="ES384"),
    "other subject": lambda w: twisted(balancer(w), 1, sub="subject-2"),
    "expired": lambda w: balancer(w, exp=int(time.time()) - 61),
    "no exp": lambda w: balancer(w, exp=None),
    "exp as text": lambda w: balancer(w, exp="tomorrow"),
    "other issuer": lambda w: balancer(w, iss="https://evil.example"),
    "no issuer": lambda w: balancer(w, iss=None),
    "empty issuer": lambda w: balancer(w, iss=""),
    "list of issuers": lambda w: balancer(w, iss=[ISSUER, "https://evil.example"]),
    "no subject": lambda w: balancer(w, sub=None),
    "empty subject": lambda w: balancer(w, sub=""),
    "number as subject": lambda w: balancer(w, sub=1),
    "other signer": lambda w: balancer(w, {"signer": ARN.replace("mlmon", "evil")}),
    "no signer": lambda w: balancer(w, {"signer": None}),
    "other client": lambda w: balancer(w, {"client": "client-2"}),
    "no client": lambda w: balancer(w, {"client": None}),
    "no kid": lambda w: balancer(w, {"kid": None}),
    "path as kid": lambda w: balancer(w, {"kid": "../../../etc/passwd"}),
    "address as kid": lambda w: balancer(w, {"kid": "http://evil.example/key"}),
    "query as kid": lambda w: balancer(w, {"kid": KID + "?x=1"}),
    "new line in kid": lambda w: balancer(w, {"kid": KID + "\n"}),
    "unknown kid": lambda w: balancer(w, {"kid": KID.replace("3", "4")}),
    "capital kid": lambda w: balancer(w, {"kid": KID.upper()}),
    "critical": lambda w: balancer(w, {"crit": ["x"], "x": 1}),
    "not before": lambda w: balancer(w, nbf=int(time.time()) + 3600),
    "issued later": lambda w: balancer(w, iat=int(time.time()) + 3600),
    "key in the header": lambda w: balancer(w, {"jwk": {"kty": "EC"}}, key=OTHER_EC),
    "key elsewhere": lambda w: balancer(w, {"jku": "http://evil.example"}, key=OTHER_EC),
    "signature cut": lambda w: balancer(w)[:-10],
    "no signature": lambda w: balancer(w).rsplit(".", 1)[0] + ".",
    "two parts": lambda w: balancer(w).rsplit(".", 1)[0],
    "five parts": lambda w: balancer(w) + ".a.b",
    "empty": lambda w: "",
    "dots": lambda w: "...",
    "long": lambda w: balancer(w, padding="x" * 20_000),
    "not base64": lambda w: "!" + balancer(w),
    "list as header": lambda w: base64.urlsafe_b64encode(b"[]").decode() + "." + balancer(w).split(".", 1)[1],
    "workflow's token": lambda w: workflow(w),
}

ACTIONS: dict[str, Make] = {
    "unsigned": lambda w: unsigned(workflow(w)),
    "key as secret": lambda w: confused(w, workflow(w), w.key_set("k1")),
    "other key": lambda w: workflow(w, key=OTHER_RSA),
    "ES256": lambda w: workflow(w, key=OTHER_EC, algorithm="ES256"),
    "PS256": lambda w: workflow(w, algorithm="PS256"),
    "RS512": lambda w: workflow(w, algorithm="RS512"),
    "unknown kid": lambda w: workflow(w, {"kid": "k2"}),
    "path as kid": lambda w: workflow(w, {"kid": "../k1"}),
    "no kid": lambda w: workflow(w, {"kid": None}),
    "expired": lambda w: workflow(w, exp=int(time.time()) - 61),
    "no exp": lambda w: workflow(w, exp=None),
    "no iat": lambda w: workflow(w, iat=None),
    "no nbf": lambda w: workflow(w, nbf=None),
    "no jti": lambda w: workflow(w, jti=None),
    "no sub": lambda w: workflow(w, sub=None),
    "not before": lambda w: workflow(w, nbf=int(time.time()) + 3600),
    "other audience": lambda w: workflow(w, aud="sts.amazonaws.com"),
    "audience of another deployment": lambda w: workflow(w, aud="mlmon:other"),
    "no audience": lambda w: workflow(w, aud=None),
    "other issuer": lambda w: workflow(w, iss="https://token.actions.evil.example"),
    "other repository": lambda w: workflow(w, repository_id="101"),
    "recycled name": lambda w: workflow(w, repository_owner_id="201"),
    "number as repository": lambda w: workflow(w, repository_id=100),
    "no repository": lambda w: workflow(w, repository_id=None),
    "list as repository": lambda w: workflow(w, repository_id=["100"]),
    "pull request": lambda w: workflow(w, event_name="pull_request"),
    "pull request target": lambda w: workflow(w, event_name="pull_request_target"),
    "issue comment": lambda w: workflow(w, event_name="issue_comment"),
    "workflow run": lambda w: workflow(w, event_name="workflow_run"),
    "no event": lambda w: workflow(w, event_name=None),
    "other workflow": lambda w: workflow(w, job_workflow_ref=WORKFLOW.replace("promote-to-prod", "own")),
    "workflow of a branch": lambda w: workflow(w, job_workflow_ref=WORKFLOW.replace("main", "feature")),
    "workflow in capitals": lambda w: workflow(w, job_workflow_ref=WORKFLOW.upper()),
    "no workflow": lambda w: workflow(w, job_workflow_ref=None),
    "tag": lambda w: workflow(w, ref="refs/tags/v1"),
    "merge ref": lambda w: workflow(w, ref="refs/pull/1/merge"),
    "no actor": lambda w: workflow(w, actor_id=None),
    "number as actor": lambda w: workflow(w, actor_id=583231),
    "other body": lambda w: twisted(workflow(w), 1, actor_id="1"),
    "critical": lambda w: workflow(w, {"crit": ["b64"], "b64": False}),
    "load balancer's token": lambda w: balancer(w),
    "session cookie": lambda w: "a" * 43,
}  # fmt: skip


def enter(office: Api, token: str) -> Any:
    return office.client(Origin=ORIGIN).post("/api/session/alb", headers={"x-amzn-oidc-data": token})


def exchange(office: Api, token: str) -> Any:
    return office.client().post("/api/session/actions", headers={"Authorization": f"Bearer {token}"})


def refusals(office: Api) -> int:
    with office.governance.ledger.read() as reading:
        return len(reading.entries(action="access.refused"))


@pytest.mark.parametrize("name", BALANCER)
def test_no_twisted_token_of_a_load_balancer_comes_in(office: Api, world: Provider, name: str) -> None:
    token = BALANCER[name](world).replace("\n", "")
    before = refusals(office)
    answer = enter(office, token)
    assert problem(answer) in ((401, "UNAUTHENTICATED"), (400, "NOT_JSON"))
    assert "set-cookie" not in answer.headers
    assert all(path.startswith("/keys/") and ".." not in path for path in world.asked)
    assert refusals(office) == before + 1


@pytest.mark.parametrize("name", ACTIONS)
def test_no_twisted_token_of_a_workflow_comes_in(office: Api, world: Provider, name: str) -> None:
    before = refusals(office)
    assert problem(exchange(office, ACTIONS[name](world))) == (401, "UNAUTHENTICATED")
    assert set(world.asked) <= {"/.well-known/jwks"}
    assert refusals(office) == before + 1


def test_whom_the_load_balancer_recognised_comes_in_as_long_as_it_says_so(office: Api, world: Provider) -> None:
    token = balancer(world)
    answer = enter(office, token)
    assert (answer.status_code, answer.json()["name"]) == (201, "pia")
    cookie = f"mlmon={answer.cookies['mlmon']}"
    asking = office.client(Cookie=cookie)
    assert asking.get("/api/session", headers={"x-amzn-oidc-data": token}).json()["method"] == "alb"
    assert problem(asking.get("/api/session")) == (401, "UNAUTHENTICATED")
    link_identity(office.web.identity, "sue", ISSUER, "subject-2", actor="root")
    other = balancer(world, sub="subject-2")
    assert problem(asking.get("/api/session", headers={"x-amzn-oidc-data": other})) == (401, "UNAUTHENTICATED")
    assert world.asked == [f"/keys/{KID}"], "the key is fetched once"


def test_whom_the_load_balancer_recognised_approves_for_prod_with_a_password(office: Api, world: Provider) -> None:
    """The load balancer's own session may be days old: it does not say when the person was there."""
    token = balancer(world)
    answer = enter(office, token)
    assert (answer.json()["method"], answer.json()["fresh"]) == ("alb", False)
    client = office.client(Origin=ORIGIN)
    client.headers["x-amzn-oidc-data"] = token
    client.cookies = answer.cookies
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    confirmed = client.post("/api/session/confirm", json={"password": PASSWORD})
    assert confirmed.json()["fresh"] is True, confirmed.text


def test_the_padding_of_load_balancers_is_accepted(office: Api, world: Provider) -> None:
    """They pad each part with `=`, against the specification."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    head, body, _ = balancer(world).split(".")
    head, body = (part + "=" * (-len(part) % 4) for part in (head, body))
    r, s = decode_dss_signature(world.ec_key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    assert enter(office, f"{head}.{body}.{signature}").status_code == 201


def test_the_header_counts_only_where_a_load_balancer_is_declared(api: Api, world: Provider) -> None:
    token = balancer(world)
    assert problem(enter(api, token)) == (404, "MISSING")
    assert api.client().get("/api/session", headers={"x-amzn-oidc-data": token}).status_code == 401


def test_somebody_the_load_balancer_knows_and_we_do_not_is_told_who_that_is(office: Api, world: Provider) -> None:
    answer = enter(office, balancer(world, sub="stranger"))
    assert problem(answer) == (403, "UNLINKED")
    assert "--subject stranger" in answer.json()["hint"]


def test_a_workflow_requests_for_who_started_it_and_approves_nothing(office: Api, world: Provider) -> None:
    from governed import version

    from mlmon_dagster.governance.roles import MACHINE
    from mlmon_dagster.lifecycle.models import register_model

    register_model(office.governance, office.ours.pipeline, version(1), actor=MACHINE)
    issued = exchange(office, workflow(world))
    assert issued.status_code == 201, issued.text
    run = office.client(Authorization=f"Bearer {issued.json()['token']}")
    asked = run.post("/api/promotions", json={"pipeline": "prices", "environment": "dev"})
    assert (asked.status_code, asked.json()["requester"]) == (201, "mia")
    approving = run.post(f"/api/promotions/{asked.json()['id']}/approve", json={})
    assert problem(approving) == (403, "TOKEN_CANNOT_APPROVE")
    assert problem(run.post("/api/members", json={"name": "x", "role": "admin"})) == (403, "SCOPE")
    office.clock.pass_(minutes=15)
    assert problem(run.get("/api/promotions")) == (401, "UNAUTHENTICATED")
    log = office.by_token("root", "read").get("/api/audit-logs", params={"action": "token.issued"}).json()["items"]
    facts = [one["data"]["run"] for one in log if "run" in one["data"]]
    assert facts[0]["run_id"] == "77"


def test_a_workflow_token_counts_once_also_when_it_comes_eight_times_at_once(office: Api, world: Provider) -> None:
    from concurrent.futures import ThreadPoolExecutor

    token = workflow(world)
    with ThreadPoolExecutor(8) as pool:
        found = [call.result() for call in [pool.submit(exchange, office, token) for _ in range(8)]]
    assert sorted(answer.status_code for answer in found) == [201] + [403] * 7
    assert {answer.json()["code"] for answer in found if answer.status_code == 403} == {"REPLAYED"}


def test_a_workflow_that_a_stranger_started_is_recorded_and_has_no_rights(office: Api, world: Provider) -> None:
    assert problem(exchange(office, workflow(world, actor_id="1"))) == (403, "UNLINKED")
    assert refusals(office) == 1


def test_keys_that_are_out_of_reach_or_too_large_refuse_nobody_for_good(office: Api, world: Provider) -> None:
    world.documents["/.well-known/jwks"] = b"x" * 100_000
    assert problem(exchange(office, workflow(world))) == (503, "UNAVAILABLE")
    world.documents["/.well-known/jwks"] = b"not json"
    assert problem(exchange(office, workflow(world))) == (503, "UNAVAILABLE")


def test_many_refusals_are_one_entry_a_minute_with_their_number(office: Api) -> None:
    moment = [0.0]
    office.web.refusals.clock = lambda: moment[0]
    for _ in range(20):
        office.client(Authorization="Bearer x").get("/api/promotions")
    assert refusals(office) == 1
    moment[0] = 61
    office.client(Authorization="Bearer x").get("/api/promotions")
    with office.governance.ledger.read() as reading:
        last = reading.entries(action="access.refused")[-1].entry
    assert last.data["before"] == 19


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"MLMON_GITHUB_CLIENT_ID": "app"}, "MLMON_GITHUB_CLIENT_SECRET is missing"),
        ({"MLMON_GITHUB_CLIENT_ID": "app", "MLMON_GITHUB_CLIENT_SECRET": " "}, "MLMON_GITHUB_CLIENT_SECRET is missing"),
        ({"MLMON_GITHUB_TEAMS": "acme"}, "is not team=role"),
        ({"MLMON_GITHUB_TEAMS": "acme=owner"}, "owner"),
        ({"MLMON_GITHUB_TEAMS": "acme=admin"}, "no team makes admins"),
        ({"MLMON_ALB_ARN": ARN}, "MLMON_ALB_ISSUER, MLMON_ALB_CLIENT is missing"),
        ({"MLMON_ALB_ARN": "x", "MLMON_ALB_ISSUER": ISSUER, "MLMON_ALB_CLIENT": "c"}, "is not the ARN"),
        ({"MLMON_ALB_ARN": ARN, "MLMON_ALB_ISSUER": "http://idp", "MLMON_ALB_CLIENT": "c"}, "https://"),
        ({"MLMON_ACTIONS_REPOSITORIES": "acme/house"}, "two numbers"),
    ],
)
def test_a_half_declared_provider_is_an_error(environ: dict[str, str], said: str) -> None:
    from mlmon_dagster.errors import InputError

    with pytest.raises(InputError) as refusal:
        read_providers(environ, "mlmon/test")
    assert said in str(refusal.value)
