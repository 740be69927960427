"""One server process: loads a verified model directory, listens, and ends gracefully."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.errors import InputError
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.served import Bands, Served

if TYPE_CHECKING:
    from mlmon_dagster.serving.application import Application

SHUTDOWN_SECONDS = 10
"""How long requests that are being answered may take when the server is asked to end."""


@dataclass(frozen=True)
class ServerOptions:
    """What a server process is told."""

    directory: Path
    """The model directory: MLflow model, reference profile, manifest."""
    served: Served
    log: LogOptions
    host: str = "127.0.0.1"
    port: int = 0
    bands: Bands = field(default_factory=Bands)
    home: Path | None = None
    """Where a local target keeps this server's state; `None` for a server that a person has started."""


def load_application(options: ServerOptions) -> "Application":
    """The application for a verified model directory.

    Raises `DataError` when a file was changed or the profile does not fit the model: a record is never scored 0
    for want of a reference.
    """
    from mlmon_dagster.adapters.mlflow.model_directory import PROFILE, load_model
    from mlmon_dagster.adapters.mlflow.scores import read_scores
    from mlmon_dagster.serving.application import Application
    from mlmon_dagster.serving.prediction_log import PredictionLog
    from mlmon_dagster.serving.predictor import Predictor
    from mlmon_dagster.serving.scoring import read_scorer

    model = load_model(options.directory, options.served.digest)
    scorer = read_scorer(options.directory / PROFILE, model.inputs)
    header = options.served.header(model.inputs, options.log.durability, options.log.sample)
    log = PredictionLog(options.log, header)
    calibration = read_scores(options.directory)
    predictor = Predictor(model, scorer, calibration, options.served, log, bands=options.bands)
    return Application(predictor, _example(options.directory))


def serve(options: ServerOptions, ready: Callable[[str], None]) -> None:
    """Serves until the process is asked to end; `ready` is called with the base URL once requests are answered.

    Raises `InputError` when the address cannot be had, `BlockedError` when another process serves this deployment.
    """
    from mlmon_dagster.adapters.targets._process import hold
    from mlmon_dagster.serving.memory import keep_freed_memory

    keep_freed_memory()
    lock = hold(options.home) if options.home else None
    listener = _listen(options.host, options.port)
    application = load_application(options)
    _run(_serve(application, options, listener, ready))
    application.predictor.close()
    if lock is not None:
        os.close(lock)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop, twice as quick, where it is installed (it is not made for every platform)."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.install()
        asyncio.run(work)


async def _serve(
    application: "Application", options: ServerOptions, listener: socket.socket, ready: Callable[[str], None]
) -> None:
    from mlmon_dagster.adapters.targets._control import control_path
    from mlmon_dagster.adapters.targets._process import published
    from mlmon_dagster.serving.connections import DRAIN_SECONDS, Connections
    from mlmon_dagster.serving.control import open_line
    from mlmon_dagster.serving.shipping import ship_regularly

    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    patience = [DRAIN_SECONDS]

    def interrupted() -> None:
        patience[0] = 0.0
        ending.set()

    loop.add_signal_handler(signal.SIGTERM, ending.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    connections = Connections(application)
    await connections.accept(listener)
    tasks = [asyncio.create_task(_look(application))]
    if options.log.destination is not None:
        tasks.append(asyncio.create_task(ship_regularly(application.predictor.log, options.log.destination)))
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    beside: Path | None = None
    if options.home is not None:
        await open_line(control_path(options.home), ending.set)
        beside = control_path(options.home).with_suffix(".http")
        await connections.accept(_listen_beside(beside))
        published(options.home, {"pid": os.getpid(), "address": address, "socket": str(beside)})
    ready(address)
    await ending.wait()
    application.draining = True
    await connections.drain(patience[0], SHUTDOWN_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if beside is not None:
        beside.unlink(missing_ok=True)


async def _look(application: "Application") -> None:
    while True:
        await asyncio.sleep(1.0)
        application.look()


def _example(directory: Path) -> dict[str, Any] | None:
    """The first record of the input example, if it can be read."""
    try:
        split = json.loads((directory / "input_example.json").read_bytes())
        return dict(zip(split["columns"], split["data"][0], strict=True))
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _listen_beside(path: Path) -> socket.socket:
    """For a router on this machine: it spares both the half of what TCP costs them."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(2048)
    return listener


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
