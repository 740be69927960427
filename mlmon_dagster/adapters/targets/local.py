"""The target `local`: server processes on this machine behind one address for each environment."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.errors import DataError, FailedError, UnavailableError
from mlmon_dagster.ports import ModelVersion, Placement, Serving
from mlmon_dagster.settings import Settings

if TYPE_CHECKING:
    import httpx

HOST = "127.0.0.1"
SECONDS = 3
"""How long a server may take to say what it serves."""


@dataclass(frozen=True)
class Local:
    """Server processes on this machine; they go on when the run that started them ends.

    Each environment of a pipeline has one address. A new version starts beside the live one, is tried with the model's
    input example, and then takes over the listening socket: clients keep their URL and lose no request.
    """

    port: Annotated[
        int | None, Field(ge=1, le=65535, description="the environment's port (default: any free, kept)")
    ] = None

    def start(self, placement: Placement, settings: Settings) -> Serving:
        """Starts the version beside what is live and returns when it has answered; `FailedError` when it has not."""
        with _locked(settings, placement.pipeline, placement.environment) as folder:
            process = ServerProcess(folder / placement.deployment)
            if not (process.running and process.address):
                process.stop()
                process.home.mkdir(exist_ok=True)
                _place_model(placement.version, process.home / "model", settings)
                process.start(_told(placement, folder), _module_folders(settings, placement.pipeline))
            try:
                return self._tried(process, placement)
            except (FailedError, UnavailableError) as error:
                if (_read_live(folder) or {}).get("deployment") != placement.deployment:
                    process.stop()
                raise FailedError(f"version {placement.version.number} does not serve: {error.message}") from error

    def switch(self, placement: Placement, settings: Settings) -> Serving:
        """Sends the environment's traffic to the started version and stops the one before."""
        with _locked(settings, placement.pipeline, placement.environment) as folder:
            live = _read_live(folder)
            process = ServerProcess(folder / placement.deployment)
            if not process.running:
                raise FailedError(f"deployment {placement.deployment} is not running: {process.tail}")
            if (
                live is None
                or live["deployment"] != placement.deployment
                or not _answers(live, placement.version.digest)
            ):
                live = self._take_over(folder, live, process, placement)
            for other in folder.iterdir():
                if other.is_dir() and other != process.home:
                    ServerProcess(other).stop()
            return _health(live)

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Settings) -> None:
        """Stops one deployment's server; nothing happens when none runs."""
        with _locked(settings, pipeline, environment) as folder:
            ServerProcess(folder / deployment).stop()

    def live(self, pipeline: str, environment: str, settings: Settings) -> Serving | None:
        """What serves the environment now, asked over its address: never said to be healthy unless it answers."""
        folder = settings.serving / pipeline / environment
        live = _read_live(folder)
        if live is None:
            return None
        if not ServerProcess(folder / live["deployment"]).running:
            return _serving(live, "stopped", "the server process has ended; deploy again to start it")
        return _health(live)

    def _take_over(
        self, folder: Path, live: dict[str, Any] | None, process: ServerProcess, placement: Placement
    ) -> dict[str, Any]:
        with self._listener(folder, live, process) as listener:
            port = listener.getsockname()[1]
            ask(process.home, "adopt", listener)
        version = placement.version
        now = {"deployment": placement.deployment, "version": version.number, "digest": version.digest, "port": port}
        part = folder / ".live.json"
        part.write_text(json.dumps(now))
        part.replace(folder / "live.json")
        return now

    def _listener(self, folder: Path, live: dict[str, Any] | None, process: ServerProcess) -> socket.socket:
        """The environment's listening socket: from the server that has it, else bound anew to the same port."""
        before = ServerProcess(folder / live["deployment"]) if live else process
        for holder in (process, before):
            listener = _shared(holder) if holder.running else None
            if listener is not None and self.port in (None, listener.getsockname()[1]):
                return listener
            if listener is None and holder != process:
                holder.stop()
        port = self.port or (live["port"] if live else 0)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            listener.close()
            raise FailedError(
                f"port {port} cannot be listened on: {error.strerror}", hint="declare another `port`"
            ) from error
        listener.listen(2048)
        return listener

    def _tried(self, process: ServerProcess, placement: Placement) -> Serving:
        """A prediction for every row of the model's input example, from the very version that was asked for."""
        import httpx

        version, address = placement.version, process.address or ""
        serving = Serving(placement.deployment, version.number, version.digest, address, "healthy")
        seen = _ask_health(address)
        if (seen.get("digest"), seen.get("status")) != (version.digest, "ready"):
            raise FailedError(f"{address} serves digest {seen.get('digest')} and is {seen.get('status')}")
        body = (process.home / "model" / "serving_input_example.json").read_bytes()
        try:
            answer = _client().post(
                f"{address}/invocations", content=body, headers={"content-type": "application/json"}, timeout=30
            )
        except httpx.HTTPError as error:
            raise FailedError(f"the input example got no answer: {error}") from error
        if answer.status_code != 200:
            raise FailedError(f"the input example was refused: {answer.json().get('detail', answer.status_code)}")
        return serving


def _shared(holder: ServerProcess) -> socket.socket | None:
    """The environment's listening socket, or `None` where this server does not have it or does not answer."""
    try:
        return ask(holder.home, "share")
    except UnavailableError:
        return None


def _told(placement: Placement, folder: Path) -> dict[str, Any]:
    version = placement.version
    served = {
        "model": version.name,
        "version": version.number,
        "digest": version.digest,
        "pipeline": placement.pipeline,
        "environment": placement.environment,
        "deployment": placement.deployment,
    }
    return {"served": served, "log_directory": str(folder / "predictions")}


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


@contextmanager
def _locked(settings: Settings, pipeline: str, environment: str) -> Iterator[Path]:
    """The environment's folder, for one process at a time."""
    folder = settings.serving / pipeline / environment
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(file)


def _read_live(folder: Path) -> dict[str, Any] | None:
    file = folder / "live.json"
    if not file.exists():
        return None
    try:
        live: dict[str, Any] = json.loads(file.read_text())
        return {name: live[name] for name in ("deployment", "version", "digest", "port")}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} cannot be read", hint="remove it and deploy again") from error


def _answers(live: dict[str, Any], digest: str) -> bool:
    return live["digest"] == digest and _health(live).status == "healthy"


def _health(live: dict[str, Any]) -> Serving:
    try:
        seen = _ask_health(_address(live))
    except UnavailableError as error:
        return _serving(live, "unhealthy", error.message)
    if (seen.get("deployment"), seen.get("digest")) != (live["deployment"], live["digest"]):
        return _serving(live, "unhealthy", f"the address answers as deployment {seen.get('deployment')}")
    return _serving(live, "healthy" if seen.get("status") == "ready" else "unhealthy", str(seen.get("status")))


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


def _address(live: dict[str, Any]) -> str:
    return f"http://{HOST}:{live['port']}"


def _serving(live: dict[str, Any], status: str, detail: str) -> Serving:
    return Serving(live["deployment"], live["version"], live["digest"], _address(live), status, detail)
