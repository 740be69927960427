"""One page: who may see it, how it is rendered, and what people read when it cannot be shown."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from mlmon_dagster.adapters.report.style import STYLE
from mlmon_dagster.errors import DeniedError, MlmonError
from mlmon_dagster.governance.access import Caller
from mlmon_dagster.governance.projections import ACTIONS
from mlmon_dagster.governance.roles import ANYWHERE, permit
from mlmon_dagster.web.pages import marks
from mlmon_dagster.web.problems import TITLES, ProblemError, problem_of
from mlmon_dagster.web.recognition import cookie_name
from mlmon_dagster.web.route import PUBLIC, SELF, GovernedRoute, entered
from mlmon_dagster.web.state import Web

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = "/assets"
LOGIN = "/login"
STYLE_SHEET = STYLE + (Path(__file__).parent / "static" / "pages.css").read_text(encoding="utf-8")
"""The report's look, and what pages have beside it."""

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, and no text that came from elsewhere can run."""

NAVIGATION = (
    ("Fleet", "/"),
    ("Promotions", "/promotions"),
    ("Alerts", "/alerts"),
    ("Deployments", "/deployments"),
    ("Models", "/models"),
    ("Audit log", "/audit"),
    ("Reports", "/reports"),
    ("People", "/people"),
    ("Projects", "/projects"),
    ("Integrations", "/integrations"),
)


class PageRoute(GovernedRoute):
    """A route for people: who is not recognised is led to the login, and refusals are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the same entrance as the API's."""
        answer = super().get_route_handler()
        public = (self.openapi_extra or {}).get("x-permission") == PUBLIC

        async def show(request: Request) -> Response:
            if not public and not _shows_who(request):
                return _to_login(request)
            try:
                return await answer(request)
            except RequestValidationError:
                return _refusal(request, ProblemError(422, "INPUT", "the address does not say what it should"))
            except ProblemError as refused:
                return _refusal(request, refused)
            except MlmonError as error:
                problem = problem_of(error)
                return _to_login(request) if problem.status == 401 else _refusal(request, problem)

        return show


def page(request: Request, template: str, title: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """The page, for the caller of the request."""
    caller: Caller | None = getattr(request.state, "caller", None)
    web: Web = request.app.state.web
    made = _templates().get_template(template)
    text = made.render(
        title=title,
        caller=caller,
        csrf=caller.session.csrf if caller is not None and caller.session is not None else "",
        here=request.url.path,
        navigation=NAVIGATION,
        actions=" ".join(ACTIONS),
        dagster=bool(web.settings.dagster),
        may=_may(web, caller),
        now=web.premises.governance.now(),
        **shown,
    )
    return HTMLResponse(text, status, headers={"Content-Security-Policy": POLICY})


def _may(web: Web, caller: Caller | None) -> Callable[..., bool]:
    """Whether the caller could do something: a button that would be refused is not shown."""
    who = None if caller is None else web.desk(caller).standing.who

    def may(permission: str, project: str = ANYWHERE) -> bool:
        if who is None or caller is None or not caller.reaches(permission.partition(":")[0]):
            return False
        try:
            permit(who, permission, project)
        except DeniedError:
            return False
        return True

    return may


def _shows_who(request: Request) -> bool:
    """Whether the request says at all who makes it; coming without is no failed attempt to be noted."""
    web: Web = request.app.state.web
    return "authorization" in request.headers or cookie_name(web.settings) in request.cookies


def _to_login(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{LOGIN}?next={quote(request.url.path + query)}", 303)


def _refusal(request: Request, problem: ProblemError) -> Response:
    title = TITLES.get(problem.status, "Refused")
    answer = page(request, "refusal.html", title, status=problem.status, problem=problem)
    answer.headers.update(problem.headers)
    return answer


async def show_refusal(request: Request, problem: ProblemError) -> Response:
    """The page for an address at which nothing is; with the way to the pages for who is logged in."""
    if _shows_who(request):
        with suppress(MlmonError):
            try:
                request.state.caller = await run_in_threadpool(entered, request, request.app.state.web, SELF)
            except ProblemError as refused:
                return _refusal(request, refused)
    return _refusal(request, problem)


@cache
def _templates() -> "Environment":
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"moment": marks.moment, "ago": marks.ago, "short": marks.short, "words": marks.words}
    return found
