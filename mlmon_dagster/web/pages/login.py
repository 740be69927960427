"""The page on which people show who they are."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.api.provided import Place
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.pages.page import LOGIN, PageRoute, page
from mlmon_dagster.web.route import PUBLIC, takes

router = APIRouter(route_class=PageRoute)


@router.get(LOGIN, **takes(PUBLIC))
def show_login(request: Request, web: TheWeb, next: Place = "/") -> Any:
    """`POST /api/session`, and the ways by a provider that are declared."""
    providers = web.providers
    return page(
        request,
        "login.html",
        "Log in",
        next=next,
        github=providers.github is not None,
        balancer=providers.load_balancer is not None,
    )
