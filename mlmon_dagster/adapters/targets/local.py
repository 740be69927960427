"""The target `local`: server processes on this machine behind one router, and one address, for each environment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.adapters.targets._environment import (
    end_all,
    keeper_address,
    locked_environment,
    port_of,
    refuse_taken,
    tell_router,
    wait_finished,
)
from mlmon_dagster.adapters.targets._health import as_it_is, health, serving_of, tried
from mlmon_dagster.adapters.targets._homes import forget_models, module_folders, options_of, place_model
from mlmon_dagster.adapters.targets._process import ServerProcess, running
from mlmon_dagster.adapters.targets._routes import Route, Routes, read_routes, read_tripped, write_routes
from mlmon_dagster.errors import FailedError, UnavailableError
from mlmon_dagster.ports import Placement, Serving, Shift, Traffic
from mlmon_dagster.settings import Settings

KEPT = ("canary", "blue_green")
"""Strategies that leave the version before running, so that a rollback is instant."""


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
        with locked_environment(settings, placement.pipeline, placement.environment, placement.deployment) as folder:
            routes = read_routes(folder) or Routes(self.port or 0)
            route = route_of(folder, routes, placement, self.replicas)
            processes = [ServerProcess(folder / home) for home in route.homes]
            for process in processes:
                if not (process.running and process.address):
                    process.stop()
                    process.home.mkdir(exist_ok=True)
                    place_model(placement.version, folder / route.home / "model", settings)
                    told = options_of(placement, folder, folder / route.home / "model")
                    process.start(told, module_folders(settings, placement.pipeline))
            try:
                serving, *_ = [tried(process, placement) for process in processes]
            except (FailedError, UnavailableError) as error:
                if routes.live is None or routes.live.deployment != placement.deployment:
                    for process in processes:
                        process.stop()
                raise FailedError(f"version {placement.version.number} does not serve: {error.message}") from error
        if route.home != placement.deployment:
            with locked_environment(settings, placement.pipeline, placement.environment):
                self._apply(folder, self._started(folder, placement))
        return serving

    def shift(self, placement: Placement, shift: Shift, settings: Settings) -> Serving:
        """Gives the started version its share of the traffic, the live one the rest."""
        with locked_environment(settings, placement.pipeline, placement.environment) as folder:
            routes = self._started(folder, placement)
            if routes.live is None or routes.live.deployment != placement.deployment:
                routes = replace(routes, guard=shift.guard, sticky=shift.sticky)
                deployment = placement.deployment
                shadows = shift.shadows and routes.live is not None
                shifted = routes.shadowed(deployment) if shadows else routes.shifted(deployment, shift.share)
                routes = self._apply(folder, shifted)
            return serving_of(routes, routes.route(placement.deployment), "healthy")

    def switch(self, placement: Placement, settings: Settings) -> Serving:
        """Makes the started version live with all traffic; the one before stands by or is stopped."""
        with locked_environment(settings, placement.pipeline, placement.environment) as folder:
            routes = self._started(folder, placement).switched(placement.deployment, keep=placement.strategy in KEPT)
            routes = self._apply(folder, routes)
            self._stop_others(folder, routes)
            forget_models(folder, routes)
            return health(folder, routes)

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Settings) -> None:
        """Gives a deployment's traffic back to what is live and stops its server; nothing happens when none runs."""
        with locked_environment(settings, pipeline, environment) as folder:
            routes = read_routes(folder)
            if routes is not None and routes.route(deployment) is not None:
                routes = routes.without(deployment)
                if any(one.share for one in routes.routes):
                    self._apply(folder, routes)
                else:
                    end_all(folder, replace(routes, routes=()))
                    self._stop_others(folder, None)
            self._stop_others(folder, routes, deployment)

    def live(self, pipeline: str, environment: str, settings: Settings) -> Serving | None:
        """What is live in the environment, asked over its address: never said to be healthy unless it answers."""
        folder = settings.serving / pipeline / environment
        routes = read_routes(folder)
        if routes is None or routes.live is None:
            return None
        return health(folder, routes)

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
        return tuple(as_it_is(one, running[one.deployment], folder) for one in told if one.deployment in running)

    def _started(self, folder: Path, placement: Placement) -> Routes:
        """The routes with the placement among them; `FailedError` when its process does not run."""
        routes = read_routes(folder) or Routes(self.port or 0)
        route = route_of(folder, routes, placement, self.replicas)
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
        moves = keeper.running and keeper.address is not None and self.port not in (None, port_of(keeper.address))
        if self.port is not None and (moves or not keeper.running):
            refuse_taken(self.port)
        if moves:
            keeper.end()
        routes = replace(routes, port=self.port or routes.port)
        write_routes(folder, routes)
        port = port_of(keeper_address(folder))
        if port != routes.port:
            routes = replace(routes, port=port)
            write_routes(folder, routes)
        tell_router(folder)
        return routes

    def _stop_others(self, folder: Path, routes: Routes | None, only: str | None = None) -> None:
        """Stops servers that no route names, once their requests are finished; only that one where it is given."""
        named = {home for one in routes.routes for home in one.homes} if routes else set()
        only_homes = [*folder.glob(f"{only}.*"), folder / only] if only else []
        for home in only_homes or folder.iterdir():
            if home.is_dir() and home.name not in named and (home / "options.json").exists():
                wait_finished(folder, home.name)
                ServerProcess(home).stop()


def route_of(folder: Path, routes: Routes, placement: Placement, replicas: int) -> Route:
    """The placement's route: its own, that of a process that stands by with the same version, or a new one."""
    version = placement.version
    known = routes.route(placement.deployment)
    if known is not None:
        return known
    new = Route(placement.deployment, placement.deployment, version.number, version.digest, replicas=replicas)
    standing_by = None if (folder / new.home).is_dir() else routes.standing_by(version.digest)
    return replace(new, home=standing_by.home, replicas=standing_by.replicas) if standing_by else new
