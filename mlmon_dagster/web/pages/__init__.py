"""Our pages: what the API tells, for people. They show; every change goes through the API, from the browser.

One file per noun, as in `web.api`; a page's twin in JSON is named in its docstring.
"""

import pkgutil
from importlib import import_module
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from mlmon_dagster.web.pages.page import ASSETS, STYLE_SHEET

NOT_NOUNS = ("page", "marks")


def routers() -> list[APIRouter]:
    """The router of every noun."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_NOUNS)
    return [import_module(f"{__name__}.{name}").router for name in names]


def show_pages(app: FastAPI) -> None:
    """Adds every page, and the two files that they load."""
    for router in routers():
        app.include_router(router, include_in_schema=False)

    @app.get(f"{ASSETS}/mlmon.css", include_in_schema=False)
    async def style() -> Response:
        return Response(STYLE_SHEET, media_type="text/css")

    app.mount(ASSETS, StaticFiles(directory=Path(__file__).parent / "static"), name="pages-assets")
