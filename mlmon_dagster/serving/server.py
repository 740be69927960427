"""One server process: loads a verified model directory, listens, and ends gracefully."""

import asyncio
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import BlockedError, InputError
from mlmon_dagster.serving.prediction_log import LogOptions
from mlmon_dagster.serving.predictor import Predictor, Served

SHUTDOWN_SECONDS = 10
"""How long requests that are being answered may take when the server is asked to end."""


LOCK_SECONDS = 1
"""Longer than anybody who only looks whether a server runs holds its lock."""


@dataclass(frozen=True)
class ServerOptions:
    """What a server process is told."""

    directory: Path
    """The model directory: MLflow model, reference profile, manifest."""
    served: Served
    log: LogOptions
    host: str = "127.0.0.1"
    port: int = 0
    home: Path | None = None
    """Where a local target keeps this server's state; `None` for a server that a person has started."""


def load_predictor(options: ServerOptions) -> Predictor:
    """The predictor for a verified model directory.

    Raises `DataError` when a file was changed or the profile does not fit the model: a record is never scored 0
    for want of a reference.
    """
    from mlmon_dagster.adapters.mlflow.model_directory import PROFILE, load_model
    from mlmon_dagster.serving.prediction_log import PredictionLog
    from mlmon_dagster.serving.scoring import read_baseline

    model = load_model(options.directory, options.served.digest)
    baseline = read_baseline(options.directory / PROFILE, model.inputs)
    header = options.served.header(model.inputs, options.log.durability)
    return Predictor(model, baseline, options.served, PredictionLog(options.log, header))


def serve(options: ServerOptions, ready: Callable[[str], None]) -> None:
    """Serves until the process is asked to end; `ready` is called with the base URL once requests are answered.

    Raises `InputError` when the address cannot be had, `BlockedError` when another process serves this deployment.
    """
    lock = _lock(options.home) if options.home else None
    listener = _listen(options.host, options.port)
    predictor = load_predictor(options)
    asyncio.run(_serve(predictor, options, listener, ready))
    predictor.log.close()
    if lock is not None:
        os.close(lock)


async def _serve(
    predictor: Predictor, options: ServerOptions, listener: socket.socket, ready: Callable[[str], None]
) -> None:
    import uvicorn

    from mlmon_dagster.adapters.targets._control import control_path
    from mlmon_dagster.serving.app import ServerState, create_app
    from mlmon_dagster.serving.handover import Handover

    state = ServerState()
    config = uvicorn.Config(
        create_app(predictor, state),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    if options.home is not None:
        Handover(server, state).open(control_path(options.home))
        write_state(options.home / "server.json", {"pid": os.getpid(), "address": address})
    ready(address)
    await serving


def write_state(file: Path, state: object) -> None:
    """Writes a small JSON file at once: readers see the one before or this one."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(json.dumps(state))
    part.replace(file)


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


def _lock(home: Path) -> int:
    """Held as long as the process lives, whatever ends it: who can take it knows that the server is gone."""
    file = os.open(home / "running", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(file)
                raise BlockedError(f"another process serves {home}") from None
            time.sleep(0.02)
    os.ftruncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    return file
