"""What the versions of the local target say of themselves when they are asked."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.origin import PROBE
from mlmon_dagster.adapters.targets._environment import address_of
from mlmon_dagster.adapters.targets._process import ServerProcess, running
from mlmon_dagster.adapters.targets._routes import Route, Routes
from mlmon_dagster.errors import FailedError, UnavailableError
from mlmon_dagster.pipeline.serving import RealtimeInferencing
from mlmon_dagster.ports import Placement, Serving, Traffic

if TYPE_CHECKING:
    import httpx

SECONDS = 3
"""How long a server may take to say what it serves."""


def health(folder: Path, routes: Routes) -> Serving:
    """The live version's own health, and whether it is reached over the environment's address."""
    live = routes.live
    assert live is not None  # noqa: S101 - both callers looked
    processes = [ServerProcess(folder / home) for home in live.homes]
    if routes.route(live.deployment) is None:
        return serving_of(routes, live, "stopped", "it was stopped; deploy again to start it")
    alive = [one for one in processes if one.running and one.address is not None]
    if not alive:
        kept = running(folder / "keeper")
        detail = "its server has ended and is being started again" if kept else "nothing of it runs; deploy again"
        return serving_of(routes, live, "unhealthy" if kept else "stopped", detail)
    try:
        seen = ask_health(alive[0].address or "")
        ask_health(address_of(routes))
    except UnavailableError as error:
        return serving_of(routes, live, "unhealthy", error.message)
    if seen.get("digest") != live.digest:
        return serving_of(routes, live, "unhealthy", f"its server answers with digest {seen.get('digest')}")
    missing = len(processes) - len(alive)
    few = f", {missing} of its {len(processes)} processes have ended and are being started again" if missing else ""
    status = "healthy" if seen.get("status") == "ready" else "unhealthy"
    return serving_of(routes, live, status, f"{seen.get('status')}{few}")


def tried(process: ServerProcess, placement: Placement) -> Serving:
    """A prediction for every row of the model's input example, from the very version that was asked for."""
    import httpx

    version, address = placement.version, process.address or ""
    serving = Serving(placement.deployment, version.number, version.digest, address, "healthy")
    seen = ask_health(address)
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


def ask_health(address: str) -> dict[str, Any]:
    """What `/health` says; `UnavailableError` when nothing does."""
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


def as_it_is(seen: Traffic, route: Route, folder: Path) -> Traffic:
    """With what only its processes know: how many run, and what they were started with."""
    processes = [ServerProcess(folder / home) for home in route.homes]
    serving, alive = processes[0].told.get("serving"), sum(one.running for one in processes)
    found = replace(seen, serving=RealtimeInferencing(**serving) if serving else None, replicas=alive)
    return found if alive else replace(found, status="stopped")


def serving_of(routes: Routes, route: Route | None, status: str, detail: str = "") -> Serving:
    """The route as the environment's callers meet it."""
    assert route is not None  # noqa: S101 - it was just added
    return Serving(route.deployment, route.version, route.digest, address_of(routes), status, detail)
