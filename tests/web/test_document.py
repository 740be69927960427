"""The OpenAPI document is whole: every route has a permission, and the pages that show it need no other server."""

import json
import re
from typing import Any

from api_office import Api

from mlmon_dagster.web.api import routers
from mlmon_dagster.web.fields import FORMS
from mlmon_dagster.web.route import PUBLIC, SELF, VERBS, GovernedRoute


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_has_a_permission_of_the_table_of_roles(api: Api) -> None:
    found = operations(api.client().get("/openapi.json").json())
    assert len(found) > 30
    assert {name for name, one in found.items() if one.get("x-permission") not in (PUBLIC, SELF, *VERBS)} == set()


def test_only_health_logging_in_and_what_is_signed_are_open_to_anybody(api: Api) -> None:
    found = operations(api.client().get("/openapi.json").json())
    assert {name for name, one in found.items() if one["x-permission"] == PUBLIC} == {
        "GET /api/health/live",
        "GET /api/health/ready",
        "POST /api/session",
        "GET /api/session/github",
        "GET /api/session/github/callback",
        "POST /api/session/alb",
        "POST /api/session/actions",
        "POST /api/webhooks/github",
        "POST /api/webhooks/sns",
    }


def test_every_route_is_entered_through_the_one_entrance() -> None:
    routes = [route for router in routers() for route in router.routes]
    assert routes
    assert all(isinstance(route, GovernedRoute) for route in routes)


def test_every_operation_says_what_it_does_and_how_it_is_refused(api: Api) -> None:
    document = api.client().get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for name, one in operations(document).items():
        assert one.get("description"), name
        assert "application/problem+json" in one["responses"]["default"]["content"], name


def test_the_documentation_needs_no_other_server(api: Api) -> None:
    client = api.client()
    for page in ("/docs", "/redoc"):
        text = client.get(page).text
        sources = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert sources
        for source in sources:
            assert source.startswith("/"), source
            assert client.get(source).status_code == 200, source


def test_every_operation_says_who_may_call_it_and_belongs_to_a_described_group(api: Api) -> None:
    document = api.client().get("/openapi.json").json()
    groups = {one["name"] for one in document["tags"]}
    assert all(one["description"] for one in document["tags"])
    for name, one in operations(document).items():
        assert set(one["tags"]) <= groups, name
        last = one["description"].rsplit("\n\n", 1)[1]
        assert last.startswith(("Open to", "For whoever", f"Takes the permission `{one['x-permission']}`")), name
        assert one["summary"][0].isupper(), name


def test_examples_are_values_that_the_api_takes(api: Api) -> None:
    """What Swagger UI fills in is not `string`."""
    document = api.client().get("/openapi.json").json()
    asked = document["components"]["schemas"]["PromotionRequest"]["properties"]
    example = {name: one["examples"][0] for name, one in asked.items() if one.get("examples")}
    assert {"pipeline", "reason", "key"} <= set(example)
    answer = api.by_token("mia").post("/api/promotions", json={**example, "environment": "dev"})
    assert answer.status_code == 404, "there is no such pipeline, and nothing else is wrong"


def test_patterns_that_are_told_in_words_are_those_of_the_api(api: Api) -> None:
    document = json.dumps(api.client().get("/openapi.json").json())
    for pattern in FORMS:
        assert json.dumps(pattern)[1:-1] in document, pattern
