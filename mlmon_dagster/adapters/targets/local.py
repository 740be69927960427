"""The target `local`: server processes on this machine behind one router, and one address, for each environment."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mlmon_dagster.adapters.origin import PROBE
from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.adapters.targets._process import ServerProcess, locked, running, spawn
from mlmon_dagster.adapters.targets._routes import Route, Routes, read_routes, read_tripped, write_routes
from mlmon_dagster.errors import FailedError, UnavailableError
from mlmon_dagster.pipeline.serving import RealtimeInferencing
from mlmon_dagster.ports import ModelVersion, Placement, Serving, Shift, Traffic
from mlmon_dagster.settings import Settings

if TYPE_CHECKING:
    import httpx

KEPT = ("canary", "blue_green")
"""Strategies that leave the version before running, so that a rollback is instant."""

HOST = "127.0.0.1"
SECONDS = 3
"""How long a server may take to say what it serves."""

READY_SECONDS = 20
"""How long the router and its keeper may take to be there."""

FINISH_SECONDS = 30
"""How long the requests of a version that leaves may take."""


@dataclass(frozen=True)
class Local:
    """Server processes on this machine behind a router; they go on when the run that started them ends.

    Each environment of a pipeline has one address, which a router answers. A new version starts beside the live one,
    is tried with the model's input example, gets its share of the traffic, and then all of it: clients keep their
    URL and lose no request, also when a version is killed. What ends is started again.
    """

    port: Annotated[
        int | None, Field(ge=1, le=65535, description="the environment's port (default: any free, kept)")
    ] = None

    replicas: Annotated[
        int, Field(ge=1, le=64, description="server processes of each version; requests are spread over them")
    ] = 1

    def start(self, placement: Placement, settings: Settings) -> Serving:
        """Starts the version beside what is live and returns when it has answered; `FailedError` when it has not.

        A process that stands by with the same version, for a rollback, is used again.
        """
        with _locked(settings, placement.pipeline, placement.environment, placement.deployment) as folder:
            routes = read_routes(folder) or Routes(self.port or 0)
            route = _route(folder, routes, placement, self.replicas)
            processes = [ServerProcess(folder / home) for home in route.homes]
            for process in processes:
                if not (process.running and process.address):
                    process.stop()
                    process.home.mkdir(exist_ok=True)
                    _place_model(placement.version, folder / route.home / "model", settings)
                    told = _told(placement, folder, folder / route.home / "model")
                    process.start(told, _module_folders(settings, placement.pipeline))
            try:
                serving, *_ = [self._tried(process, placement) for process in processes]
            except (FailedError, UnavailableError) as error:
                if routes.live is None or routes.live.deployment != placement.deployment:
                    for process in processes:
                        process.stop()
                raise FailedError(f"version {placement.version.number} does not serve: {error.message}") from error
        if route.home != placement.deployment:
            with _locked(settings, placement.pipeline, placement.environment):
                self._apply(folder, self._started(folder, placement))
        return serving

    def shift(self, placement: Placement, shift: Shift, settings: Settings) -> Serving:
        """Gives the started version its share of the traffic, the live one the rest."""
        with _locked(settings, placement.pipeline, placement.environment) as folder:
            routes = self._started(folder, placement)
            if routes.live is None or routes.live.deployment != placement.deployment:
                routes = replace(routes, guard=shift.guard, sticky=shift.sticky)
                deployment = placement.deployment
                shadows = shift.shadows and routes.live is not None
                shifted = routes.shadowed(deployment) if shadows else routes.shifted(deployment, shift.share)
                routes = self._apply(folder, shifted)
            return _serving(routes, routes.route(placement.deployment), "healthy")

    def switch(self, placement: Placement, settings: Settings) -> Serving:
        """Makes the started version live with all traffic; the one before stands by or is stopped."""
        with _locked(settings, placement.pipeline, placement.environment) as folder:
            routes = self._started(folder, placement).switched(placement.deployment, keep=placement.strategy in KEPT)
            routes = self._apply(folder, routes)
            self._stop_others(folder, routes)
            _forget_models(folder, routes)
            return _health(folder, routes)

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Settings) -> None:
        """Gives a deployment's traffic back to what is live and stops its server; nothing happens when none runs."""
        with _locked(settings, pipeline, environment) as folder:
            routes = read_routes(folder)
            if routes is not None and routes.route(deployment) is not None:
                routes = routes.without(deployment)
                if any(one.share for one in routes.routes):
                    self._apply(folder, routes)
                else:
                    _end_all(folder, replace(routes, routes=()))
                    self._stop_others(folder, None)
            self._stop_others(folder, routes, deployment)

    def live(self, pipeline: str, environment: str, settings: Settings) -> Serving | None:
        """What is live in the environment, asked over its address: never said to be healthy unless it answers."""
        folder = settings.serving / pipeline / environment
        routes = read_routes(folder)
        if routes is None or routes.live is None:
            return None
        return _health(folder, routes)

    def traffic(self, pipeline: str, environment: str, settings: Settings) -> Sequence[Traffic]:
        """Every version the environment runs with what the router counted, the live one first."""
        folder = settings.serving / pipeline / environment
        routes = read_routes(folder)
        if routes is None or not routes.routes:
            return ()
        try:
            told = [Traffic(**one) for one in ask(folder / "router", "traffic")["traffic"]]
        except UnavailableError:
            told = []
        if not told:
            live = routes.live.deployment if routes.live else None
            told = [
                Traffic(one.deployment, one.version, "live" if one.deployment == live else "standby", 0.0, "stopped")
                for one in routes.routes
            ]
        running = {one.deployment: one for one in routes.routes}
        return tuple(_as_it_is(one, running[one.deployment], folder) for one in told if one.deployment in running)

    def _started(self, folder: Path, placement: Placement) -> Routes:
        """The routes with the placement among them; `FailedError` when its process does not run."""
        routes = read_routes(folder) or Routes(self.port or 0)
        route = _route(folder, routes, placement, self.replicas)
        reason = read_tripped(folder, [placement.deployment]).get(placement.deployment)
        if reason is not None:
            raise FailedError(f"the guard took the traffic from {placement.deployment}: {reason}")
        if not any(running(folder / home) for home in route.homes):
            tail = ServerProcess(folder / route.home).tail
            raise FailedError(f"deployment {placement.deployment} is not running: {tail}")
        return routes.started(route)

    def _apply(self, folder: Path, routes: Routes) -> Routes:
        """Writes the routes and returns them once the router follows them, with the port that it listens on."""
        keeper = ServerProcess(folder / "keeper")
        moves = keeper.running and keeper.address is not None and self.port not in (None, _port(keeper.address))
        if self.port is not None and (moves or not keeper.running):
            _refuse_taken(self.port)
        if moves:
            keeper.end()
        routes = replace(routes, port=self.port or routes.port)
        write_routes(folder, routes)
        port = _port(_keeper_address(folder))
        if port != routes.port:
            routes = replace(routes, port=port)
            write_routes(folder, routes)
        _told_router(folder)
        return routes

    def _stop_others(self, folder: Path, routes: Routes | None, only: str | None = None) -> None:
        """Stops servers that no route names, once their requests are finished; only that one where it is given."""
        named = {home for one in routes.routes for home in one.homes} if routes else set()
        only_homes = [*folder.glob(f"{only}.*"), folder / only] if only else []
        for home in only_homes or folder.iterdir():
            if home.is_dir() and home.name not in named and (home / "options.json").exists():
                _wait_finished(folder, home.name)
                ServerProcess(home).stop()

    def _tried(self, process: ServerProcess, placement: Placement) -> Serving:
        """A prediction for every row of the model's input example, from the very version that was asked for."""
        import httpx

        version, address = placement.version, process.address or ""
        serving = Serving(placement.deployment, version.number, version.digest, address, "healthy")
        seen = _ask_health(address)
        if (seen.get("digest"), seen.get("status")) != (version.digest, "ready"):
            raise FailedError(f"{address} serves digest {seen.get('digest')} and is {seen.get('status')}")
        model = Path(process.told.get("model", process.home / "model"))
        body = (model / "serving_input_example.json").read_bytes()
        try:
            answer = _client().post(
                f"{address}/invocations",
                content=body,
                headers={"content-type": "application/json", **PROBE},
                timeout=30,
            )
        except httpx.HTTPError as error:
            raise FailedError(f"the input example got no answer: {error}") from error
        if answer.status_code != 200:
            raise FailedError(f"the input example was refused: {answer.json().get('detail', answer.status_code)}")
        return serving


def _route(folder: Path, routes: Routes, placement: Placement, replicas: int) -> Route:
    """The placement's route: its own, that of a process that stands by with the same version, or a new one."""
    version = placement.version
    known = routes.route(placement.deployment)
    if known is not None:
        return known
    new = Route(placement.deployment, placement.deployment, version.number, version.digest, replicas=replicas)
    standing_by = None if (folder / new.home).is_dir() else routes.standing_by(version.digest)
    return replace(new, home=standing_by.home, replicas=standing_by.replicas) if standing_by else new


def _as_it_is(seen: Traffic, route: Route, folder: Path) -> Traffic:
    """With what only its processes know: how many run, and what they were started with."""
    processes = [ServerProcess(folder / home) for home in route.homes]
    serving, alive = processes[0].told.get("serving"), sum(one.running for one in processes)
    found = replace(seen, serving=RealtimeInferencing(**serving) if serving else None, replicas=alive)
    return found if alive else replace(found, status="stopped")


def _told(placement: Placement, folder: Path, model: Path) -> dict[str, Any]:
    version, declared = placement.version, placement.serving
    served = {
        "model": version.name,
        "version": version.number,
        "digest": version.digest,
        "pipeline": placement.pipeline,
        "environment": placement.environment,
        "deployment": placement.deployment,
    }
    return {
        "served": served,
        "model": str(model),
        "log_directory": str(folder / "predictions"),
        "log": {
            "durability": declared.durability,
            "when_full": declared.when_full,
            "sample": declared.sample,
            **({} if declared.log is None else {"ship_to": declared.log}),
        },
        "bands": {"moderate": declared.moderate, "high": declared.high},
        "serving": asdict(declared),
    }


def _module_folders(settings: Settings, pipeline: str) -> list[Path]:
    """Where a model's own types are imported from, as when it was trained."""
    return [settings.pipelines, settings.pipelines / pipeline]


def _place_model(version: ModelVersion, directory: Path, settings: Settings) -> None:
    """Copies the model's verified files, unless they lie there already and still verify."""
    from mlmon_dagster.adapters.mlflow.manifest import verify

    if directory.exists():
        verify(directory, version.digest)
        return
    from mlmon_dagster.adapters.mlflow.registry import open_registry

    part = directory.with_name(".model")
    if part.exists():
        import shutil

        shutil.rmtree(part)
    open_registry(settings).export(version, part)
    part.rename(directory)


def _forget_models(folder: Path, routes: Routes) -> None:
    """Removes copies of models that no route names: a later rollback takes them from the registry again."""
    import shutil

    named = {one.home for one in routes.routes}
    for model in folder.glob("*/model"):
        if model.parent.name not in named and not running(model.parent):
            shutil.rmtree(model, ignore_errors=True)


@contextmanager
def _locked(settings: Settings, pipeline: str, environment: str, deployment: str = "") -> Iterator[Path]:
    """The environment's folder, for one process at a time; or one deployment of it, so that others need not wait."""
    folder = settings.serving / pipeline / environment
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / (f"{deployment}.lock" if deployment else "lock")):
        yield folder


def _refuse_taken(port: int) -> None:
    """`FailedError` before anything is changed when another program has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise FailedError(
                f"port {port} cannot be listened on: {error.strerror}", hint="declare another `port`"
            ) from error


def _keeper_address(folder: Path) -> str:
    """The address that the environment's keeper holds; it is started where none runs."""
    keeper, router = ServerProcess(folder / "keeper"), ServerProcess(folder / "router")
    end = time.monotonic() + READY_SECONDS
    while router.running and not keeper.running and time.monotonic() < end:
        time.sleep(0.05)  # the router starts its keeper again by itself, with the listening socket
    if keeper.running and keeper.address:
        return keeper.address
    (keeper.home / "server.json").unlink(missing_ok=True)
    return keeper.wait_ready(spawn("mlmon_dagster.routing", [str(folder)], keeper.home), READY_SECONDS)


def _told_router(folder: Path) -> None:
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


def _wait_finished(folder: Path, home: str) -> None:
    """Until the requests that a version still works on are answered."""
    end = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < end:
        try:
            if not ask(folder / "router", ["busy", home])["busy"]:
                return
        except UnavailableError:
            return
        time.sleep(0.02)


def _end_all(folder: Path, routes: Routes) -> None:
    """Nothing should run any more: the keeper ends the router, and itself."""
    write_routes(folder, routes)
    ServerProcess(folder / "keeper").end()
    ServerProcess(folder / "router").end()


def _health(folder: Path, routes: Routes) -> Serving:
    """The live version's own health, and whether it is reached over the environment's address."""
    live = routes.live
    assert live is not None  # noqa: S101 - both callers looked
    processes = [ServerProcess(folder / home) for home in live.homes]
    if routes.route(live.deployment) is None:
        return _serving(routes, live, "stopped", "it was stopped; deploy again to start it")
    alive = [one for one in processes if one.running and one.address is not None]
    if not alive:
        kept = running(folder / "keeper")
        detail = "its server has ended and is being started again" if kept else "nothing of it runs; deploy again"
        return _serving(routes, live, "unhealthy" if kept else "stopped", detail)
    try:
        seen = _ask_health(alive[0].address or "")
        _ask_health(_address(routes))
    except UnavailableError as error:
        return _serving(routes, live, "unhealthy", error.message)
    if seen.get("digest") != live.digest:
        return _serving(routes, live, "unhealthy", f"its server answers with digest {seen.get('digest')}")
    missing = len(processes) - len(alive)
    few = f", {missing} of its {len(processes)} processes have ended and are being started again" if missing else ""
    status = "healthy" if seen.get("status") == "ready" else "unhealthy"
    return _serving(routes, live, status, f"{seen.get('status')}{few}")


def _ask_health(address: str) -> dict[str, Any]:
    import httpx

    try:
        seen: dict[str, Any] = _client().get(f"{address}/health", timeout=SECONDS).json()
        return seen
    except (httpx.HTTPError, ValueError) as error:
        raise UnavailableError(f"{address} does not answer: {error}") from error


@cache
def _client() -> "httpx.Client":
    """One for the process, because a client costs more than a request; it keeps no connection, so no server waits."""
    import httpx

    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _address(routes: Routes) -> str:
    return f"http://{HOST}:{routes.port}"


def _serving(routes: Routes, route: Route | None, status: str, detail: str = "") -> Serving:
    assert route is not None  # noqa: S101 - it was just added
    return Serving(route.deployment, route.version, route.digest, _address(routes), status, detail)
