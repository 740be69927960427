"""What every answer has: headers that keep browsers from guessing, and never a traceback."""

import logging
from collections.abc import MutableMapping
from typing import Any

from mlmon_dagster.web.limits import App, Receive, Scope, Send
from mlmon_dagster.web.problems import ProblemError, problem_response

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
}


class Watch:
    """ASGI middleware: adds the headers, and turns what nobody expected into a plain 500 that the log explains."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                names = {name for name, _ in message["headers"]}
                message["headers"] += [(name, value) for name, value in HEADERS.items() if name not in names]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # a request starts here
            logging.getLogger("mlmon.web").exception("%s failed", scope["path"])
            if started:
                raise
            await problem_response(ProblemError(500, "INTERNAL", "the server failed; its log says why"))(
                scope, receive, watched
            )
