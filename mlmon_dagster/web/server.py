"""One web process: opens what it needs, listens, and ends gracefully."""

import fcntl
import logging
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import InputError
from mlmon_dagster.settings import Settings
from mlmon_dagster.web.providers import read_providers
from mlmon_dagster.web.settings import read_web_settings
from mlmon_dagster.web.state import Web
from mlmon_dagster.web.webhooks import read_webhooks

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

SHUTDOWN_SECONDS = 10
KEEP_ALIVE_SECONDS = 20
HEAD_BYTES = 128_000
"""What the parser takes before a request's body begins; `Limits` is stricter, and says so."""


def open_web(settings: Settings, address: str) -> Web:
    """Everything behind the API, for a server that listens at `address`."""
    from mlmon_dagster.adapters.declared_folder import DeclaredFolder
    from mlmon_dagster.lifecycle.identity import Identity
    from mlmon_dagster.resources.governance import open_office
    from mlmon_dagster.resources.premises import open_premises

    office = open_office(settings)
    folder = DeclaredFolder(settings.pipelines, os.environ)
    premises = open_premises(settings, os.environ, office, folder)
    identity = Identity(office.governance, office.database.credentials)
    return Web(
        premises,
        identity,
        read_web_settings(home=settings.home, address=address),
        office.database.answers,
        providers=read_providers(os.environ, settings.log_name),
        webhooks=read_webhooks(os.environ),
    )


def serve(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves until the process is asked to end; `ready` is called with the base URL once requests are answered.

    Raises `InputError` when the address cannot be had, or another process serves the same SQLite database.
    """
    import uvicorn

    from mlmon_dagster.web.app import create_app

    alone = _alone(settings)
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    app = create_app(open_web(settings, address))
    _show_deliveries()
    server = uvicorn.Server(configured(app))
    app.router.on_startup.append(lambda: ready(address))
    with alone:
        server.run(sockets=[listener])


def _alone(settings: Settings) -> AbstractContextManager[object]:
    """The one web process of a SQLite database, until this is left: rates and news of several would not be shared."""
    if not settings.database_url.startswith("sqlite:"):
        return nullcontext()
    file = Path(f"{settings.database_url.partition('///')[2]}-web")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = file.open("a")
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"another mlmon web serves {settings.database_url} already",
            hint="stop that one first; several web processes take Postgres (MLMON_DATABASE_URL)",
        ) from error
    except OSError as error:
        raise InputError(f"{file} cannot be made: {error.strerror}") from error
    return held


def _show_deliveries() -> None:
    """Rows of webhooks are told whatever became of them; everything else from warnings on."""
    rows = logging.getLogger("mlmon.webhooks")
    rows.setLevel(logging.INFO)
    if not rows.handlers:
        rows.addHandler(logging.StreamHandler())


def configured(app: "FastAPI") -> "uvicorn.Config":
    """How the server is set up: the strict parser, which refuses what two readers could understand differently."""
    import uvicorn

    return uvicorn.Config(
        app,
        http="h11",
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        hint = "choose another with --port, or 0 for any that is free"
        raise InputError(f"{host}:{port} cannot be listened on: {error.strerror}", hint=hint) from error
    listener.listen(2048)
    return listener
