"""The API behind the server that `mlmon web` starts, on a real port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from api_office import Api

from mlmon_dagster.web.app import create_app
from mlmon_dagster.web.limits import Bounds
from mlmon_dagster.web.server import _listen, configured

HOST = "127.0.0.1"


@contextmanager
def served(api: Api, **bounds: float) -> Iterator[int]:
    """The API behind the server that `mlmon web` starts; its port."""
    listener = _listen(HOST, 0)
    port: int = listener.getsockname()[1]
    host = f"{HOST}:{port}"
    web = replace(api.web, settings=replace(api.web.settings, url=f"http://{host}"))
    app = create_app(web, bounds=Bounds(frozenset({host}), **bounds))  # type: ignore[arg-type]
    server = uvicorn.Server(configured(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
