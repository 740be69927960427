"""The API's description: what is the same for every route, said once, with an order and examples."""

from collections.abc import Callable
from typing import Any

from mlmon_dagster.governance.roles import PERMITTED

DESCRIPTION = """Operate production models: pipelines, promotions, approvals, deployments, alerts, audit log.

**Who calls** shows it by `Authorization: Bearer mlm_...` (programs: `mlmon tokens issue`) or a session (people: `POST
/api/session`), whose changes carry the headers `Origin` and `X-CSRF-Token`. Who holds a role in a project sees
everything of it, and of other projects not even that they are there.

**Changes** answer with a receipt, the number and hashes of the audit entry that recorded them. With an
`Idempotency-Key` the same request has one effect and one answer.

**Lists** come in pages, newest first: `limit`, and `cursor` from the `next` of the page before.

**Failures** are `application/problem+json` with a stable `code`; bodies are read strictly.

```
curl -H "Authorization: Bearer $MLMON_TOKEN" https://mlmon.example.com/api/promotions?state=pending
```
"""

TAGS = [
    {"name": "projects", "description": "Groups of pipelines with environments and settings; archived, never deleted."},
    {"name": "pipelines", "description": "What is declared, its versions and locks. Git owns the files."},
    {"name": "models", "description": "Registered model versions, each with its digest."},
    {
        "name": "promotions",
        "description": "Requests to take a version into an environment, approvals, gates, findings.",
    },
    {
        "name": "deployments",
        "description": "What was put on targets, its traffic, and putting the version before back.",
    },
    {"name": "monitoring", "description": "Drift, performance, metrics and verdicts of checks, window by window."},
    {"name": "alerts", "description": "What failed, who looks after it, how it ended; times of maintenance."},
    {"name": "reports", "description": "Pages kept as evidence: controls judged by the audit log, judged windows."},
    {"name": "audit log", "description": "Every change of state, hash-chained and signed; proofs of single entries."},
    {"name": "members", "description": "Who holds which role, and who is one person under several names."},
    {"name": "integrations", "description": "Services this works with, repositories at GitHub, webhooks."},
    {"name": "session", "description": "Logging in and out, and tokens for programs."},
    {"name": "events", "description": "What is recorded, as it happens."},
    {"name": "health", "description": "Whether the process lives, and what it needs does."},
]

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; see docs/api.md"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "example": {
        "type": "about:blank",
        "title": "Not in this state",
        "status": 409,
        "code": "NOT_PENDING",
        "detail": "promotion-41 is rejected",
    },
}

SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "`mlm_...` of `mlmon tokens issue`: acts for its account within its scopes, and never approves",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "mlmon",
        "description": "opened by `POST /api/session`; over https the cookie is `__Host-mlmon`",
    },
}


def described(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The document with problems, ways to be recognised, and what every route takes."""
    document = make()
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = PROBLEM
    parts["securitySchemes"] = SECURITY
    for operations in document["paths"].values():
        for operation in operations.values():
            _describe(operation)
    return document


def _describe(operation: dict[str, Any]) -> None:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {"description": "Refused or failed", "content": content}
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    taken = _taken(operation["x-permission"])
    operation["description"] = f"{operation['description']}\n\n{taken}"


def _taken(permission: str) -> str:
    """Who may call, in a sentence."""
    if permission == "public":
        return "Open to anybody."
    if permission == "self":
        return "For whoever is recognised."
    roles = {role for name, who in PERMITTED.items() if name.partition(":")[0] == permission for role in who}
    people = sorted(roles - {"machine"})
    return f"Takes the permission `{permission}`: {'any role' if len(people) == 6 else ', '.join(people)}."
