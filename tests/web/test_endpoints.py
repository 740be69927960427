"""Every endpoint that the requirements name is there, under its name."""

import pytest
from api_office import Api

ENDPOINTS = {
    "10.1": ("GET /projects", "POST /projects", "GET /projects/:id", "PUT /projects/:id", "DELETE /projects/:id"),
    "10.2": (
        "GET /pipelines",  # of a project by ?project= (contradiction X8)
        "POST /pipelines",
        "GET /pipelines/:id",
        "PUT /pipelines/:id",
        "POST /pipelines/:id/lock",
        "POST /pipelines/:id/unlock",
        "POST /pipelines/:id/run",
        "GET /pipelines/:id/versions",
        "GET /pipelines/:id/diff",
    ),
    "10.3": (
        "GET /models",
        "POST /models",
        "POST /models/register",
        "GET /models/:id",
        "GET /models/:id/versions/:number",
        "POST /models/:id/promote",
    ),
    "10.4": (
        "GET /deployments",
        "POST /deployments",
        "GET /deployments/:id",
        "POST /deployments/:id/rollback",
    ),
    "10.5": (
        "GET /monitoring/drift/:id",
        "GET /monitoring/performance/:id",
        "GET /monitoring/metrics/:id",
        "GET /monitoring/alerts",
        "POST /monitoring/alerts",
        "GET /pipelines/:id/rules",
    ),
    "10.6": (
        "GET /integrations",
        "POST /integrations/github/connect",
        "GET /integrations/github/repos",
        "POST /integrations/github/sync",
        "POST /webhooks/github",
        "POST /webhooks/sns",
    ),
    "10.7": ("GET /audit-logs", "GET /audit-logs/:id", "GET /audit-logs/verify", "GET /audit-logs/:id/proof"),
    "8.2": (
        "GET /promotions",
        "POST /promotions",
        "GET /promotions/:id/gate",
        "POST /promotions/:id/approve",
        "POST /promotions/:id/reject",
    ),
    "8.13": (
        "GET /alerts",
        "POST /alerts",
        "GET /alerts/:id",
        "POST /alerts/:id/acknowledge",
        "POST /alerts/:id/resolve",
        "POST /alerts/:id/reopen",
    ),
    "9.8": ("GET /reports", "POST /reports", "GET /reports/:id", "GET /reports/:id/content"),
    "11.1": ("GET /members", "POST /members", "DELETE /members", "GET /roles", "GET /people", "POST /people"),
    "live": ("GET /health/live", "GET /health/ready", "GET /events", "GET /session", "POST /session"),
}
"""Requirement -> its endpoints; 10.8, `/predict` and its like, are the inference server's (`tests/serving`)."""


def there(api: Api) -> set[str]:
    import re

    paths = api.client().get("/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[a-z]+}', '*', path.removeprefix('/api'))}"
        for path, methods in paths.items()
        for method in methods
    }


@pytest.mark.parametrize("requirement", ENDPOINTS)
def test_every_endpoint_of_the_requirement_is_there(api: Api, requirement: str) -> None:
    import re

    wanted = {re.sub(r":[a-z]+", "*", one) for one in ENDPOINTS[requirement]}
    assert wanted - there(api) == set()


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json"])
def test_the_api_describes_itself(api: Api, page: str) -> None:
    assert api.client().get(page).status_code == 200
