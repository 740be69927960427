"""An environment of the local target as a whole: its lock, its address, and the router that follows its routes."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.adapters.targets._process import ServerProcess, locked, spawn
from mlmon_dagster.adapters.targets._routes import Routes, write_routes
from mlmon_dagster.errors import FailedError, UnavailableError
from mlmon_dagster.settings import Settings

HOST = "127.0.0.1"
READY_SECONDS = 20
"""How long the router and its keeper may take to be there."""

FINISH_SECONDS = 30
"""How long the requests of a version that leaves may take."""


@contextmanager
def locked_environment(settings: Settings, pipeline: str, environment: str, deployment: str = "") -> Iterator[Path]:
    """The environment's folder, for one process at a time; or one deployment of it, so that others need not wait."""
    folder = settings.serving / pipeline / environment
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / (f"{deployment}.lock" if deployment else "lock")):
        yield folder


def refuse_taken(port: int) -> None:
    """`FailedError` before anything is changed when another program has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise FailedError(
                f"port {port} cannot be listened on: {error.strerror}", hint="declare another `port`"
            ) from error


def keeper_address(folder: Path) -> str:
    """The address that the environment's keeper holds; it is started where none runs."""
    keeper, router = ServerProcess(folder / "keeper"), ServerProcess(folder / "router")
    end = time.monotonic() + READY_SECONDS
    while router.running and not keeper.running and time.monotonic() < end:
        time.sleep(0.05)  # the router starts its keeper again by itself, with the listening socket
    if keeper.running and keeper.address:
        return keeper.address
    (keeper.home / "server.json").unlink(missing_ok=True)
    return keeper.wait_ready(spawn("mlmon_dagster.routing", [str(folder)], keeper.home), READY_SECONDS)


def tell_router(folder: Path) -> None:
    """Returns once the router follows the routes that are written."""
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            ask(folder / "router", "apply")
            return
        except UnavailableError as error:
            if time.monotonic() > end:
                raise FailedError(f"the router does not answer: {ServerProcess(folder / 'router').tail}") from error
            time.sleep(0.02)


def wait_finished(folder: Path, home: str) -> None:
    """Until the requests that a version still works on are answered."""
    end = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < end:
        try:
            if not ask(folder / "router", ["busy", home])["busy"]:
                return
        except UnavailableError:
            return
        time.sleep(0.02)


def end_all(folder: Path, routes: Routes) -> None:
    """Nothing should run any more: the keeper ends the router, and itself."""
    write_routes(folder, routes)
    ServerProcess(folder / "keeper").end()
    ServerProcess(folder / "router").end()


def port_of(address: str) -> int:
    """The port of a base URL."""
    return int(address.rpartition(":")[2])


def address_of(routes: Routes) -> str:
    """The base URL that callers use."""
    return f"http://{HOST}:{routes.port}"
