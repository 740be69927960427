"""Which versions an environment of the local target runs, and how its traffic is split: the file `routes.json`.

What is written here is what should be; the router and the supervisor read it and make it so, at any time again.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from mlmon_dagster.errors import DataError
from mlmon_dagster.ports import Guard

FILE = "routes.json"
TRIPPED = "tripped"
"""Folder with one file for each deployment that the guard took its traffic from; a restart does not forget it."""


@dataclass(frozen=True)
class Route:
    """A version that should run, and its share of the traffic."""

    deployment: str
    home: str
    """Folder of the process; a rollback uses the process that still stands by."""
    version: int
    digest: str
    share: float = 0.0
    """Percent of the requests."""
    shadows: bool = False
    """Whether it gets a copy of every request, whose answer nobody receives."""
    replicas: int = 1
    """How many processes run it."""

    @property
    def homes(self) -> tuple[str, ...]:
        """The folder of each of its processes."""
        return replica_homes(self.home, self.replicas)


def replica_homes(home: str, replicas: int) -> tuple[str, ...]:
    """The folders of a version's processes: the first one's is the version's own.

    >>> replica_homes("d1", 3)
    ('d1', 'd1.2', 'd1.3')
    """
    return (home, *(f"{home}.{number}" for number in range(2, replicas + 1)))


@dataclass(frozen=True)
class Routes:
    """What an environment should run. `live` is the champion, remembered even while nothing runs."""

    port: int
    live: Route | None = None
    routes: tuple[Route, ...] = ()
    guard: Guard = field(default_factory=Guard)
    sticky: str | None = None
    """Header whose value decides the version: the same value, the same version."""

    def route(self, deployment: str) -> Route | None:
        """The route of a deployment."""
        return next((one for one in self.routes if one.deployment == deployment), None)

    def standing_by(self, digest: str) -> Route | None:
        """A route without traffic that runs exactly this version."""
        return next((one for one in self.routes if one.digest == digest and not one.share), None)

    def started(self, route: Route) -> "Routes":
        """The route joins without traffic; one of the same deployment stays as it is."""
        if self.route(route.deployment):
            return self
        return replace(self, routes=(*self.routes, replace(route, share=0.0, shadows=False)))

    def shadowed(self, deployment: str) -> "Routes":
        """The deployment gets copies; the traffic stays with the live version."""
        if self.live is not None and self.live.deployment == deployment:
            return self.shifted(deployment, 100.0)
        return self._shared(deployment, 0.0, shadows=True)

    def shifted(self, deployment: str, share: float) -> "Routes":
        """The deployment gets `share` percent, the live version the rest; all of it where nothing else is live."""
        champion = self.live.deployment if self.live else None
        if champion in (None, deployment) or self.route(str(champion)) is None:
            share = 100.0
        return self._shared(deployment, share, shadows=False)

    def switched(self, deployment: str, *, keep: bool) -> "Routes":
        """The deployment is live with all traffic; the one before stands by if it is to be kept."""
        routes = self._shared(deployment, 100.0, shadows=False).routes
        before = self.live.deployment if self.live else None
        if before == deployment:  # said again: who stands by goes on doing so
            before = next((one.deployment for one in routes if one.deployment != deployment), None)
        kept = tuple(one for one in routes if one.deployment == deployment or (keep and one.deployment == before))
        return replace(self, live=next(one for one in kept if one.deployment == deployment), routes=kept)

    def without(self, deployment: str) -> "Routes":
        """The deployment leaves, and its traffic goes back to the live version, else to who has any."""
        rest = tuple(one for one in self.routes if one.deployment != deployment)
        champion = self.live.deployment if self.live else None
        heir = next((one for one in rest if one.deployment == champion), None)
        heir = heir or next((one for one in rest if one.share), None)
        return replace(self, routes=tuple(replace(one, share=100.0 if one is heir else 0.0) for one in rest))

    def _shared(self, deployment: str, share: float, *, shadows: bool) -> "Routes":
        champion = self.live.deployment if self.live else None

        def shared(one: Route) -> Route:
            if one.deployment == deployment:
                return replace(one, share=share, shadows=shadows)
            return replace(one, share=100.0 - share if one.deployment == champion else 0.0, shadows=False)

        return replace(self, routes=tuple(shared(one) for one in self.routes))


def read_routes(folder: Path) -> Routes | None:
    """What the environment in `folder` should run, if anything ever did; `DataError` when the file is broken."""
    try:
        told = json.loads((folder / FILE).read_text())
        live = Route(**told["live"]) if told["live"] else None
        routes = tuple(Route(**one) for one in told["routes"])
        return Routes(told["port"], live, routes, Guard(**told["guard"]), told["sticky"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / FILE} cannot be read", hint="remove it and deploy again") from error


def write_routes(folder: Path, routes: Routes) -> None:
    """Writes it at once: readers see the one before or this one, also after the power failed."""
    part = folder / f".{FILE}"
    with part.open("w") as file:
        file.write(json.dumps(asdict(routes)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)


def read_tripped(folder: Path, deployments: Iterable[str]) -> dict[str, str]:
    """Deployment -> why the guard took its traffic from it."""
    files = {one: folder / TRIPPED / f"{one}.json" for one in deployments}
    return {one: str(json.loads(file.read_text())["reason"]) for one, file in files.items() if file.is_file()}


def write_tripped(folder: Path, deployment: str, reason: str) -> None:
    """Remembers that the guard took the deployment's traffic from it."""
    (folder / TRIPPED).mkdir(exist_ok=True)
    part = folder / TRIPPED / f".{deployment}.json"
    part.write_text(json.dumps({"reason": reason}))
    part.replace(folder / TRIPPED / f"{deployment}.json")
