"""The router's process: the loop, the private line, and a look at the keeper that made it."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.targets._control import control_path
from mlmon_dagster.adapters.targets._process import hold, published, running, spawn
from mlmon_dagster.routing.front import Front
from mlmon_dagster.routing.router import Router

DRAIN_SECONDS = 1.0
KEEPER_SECONDS = 1.0
"""How often the router looks whether its keeper lives; a dead one is started again with the listening socket."""


async def route(folder: Path, listener: socket.socket) -> None:
    """Routes requests from `listener` until the process is asked to end."""
    router, ending = Router(folder), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    listener.setblocking(False)
    serving = await loop.create_server(lambda: Front(router), sock=listener, backlog=2048)
    line = await _open_line(router, control_path(folder / "router"))
    published(folder / "router", {"pid": os.getpid(), "port": listener.getsockname()[1]})
    sweeping = asyncio.create_task(router.sweep())
    watching = asyncio.create_task(_watch_keeper(folder, listener))
    await ending.wait()
    watching.cancel()
    serving.close()
    await router.drain(DRAIN_SECONDS)
    sweeping.cancel()
    line.close()


async def _open_line(router: Router, path: Path) -> asyncio.Server:
    path.unlink(missing_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = json.loads(await reader.readline())
            told: dict[str, Any] = {"done": True, **_do(router, command)}
        except Exception as error:  # a request starts here: the caller is told, and the line stays open
            told = {"done": False, "reason": str(error) or type(error).__name__}
        writer.write(json.dumps(told).encode())
        writer.close()

    line = await asyncio.start_unix_server(answer, str(path))
    path.chmod(0o600)
    return line


def _do(router: Router, command: Any) -> dict[str, Any]:
    match command:
        case "apply":
            router.apply()
            return {}
        case "traffic":
            return {"traffic": [dataclasses.asdict(one) for one in router.traffic()], "retried": router.retried}
        case ["busy", str(home)]:
            return {"busy": router.busy(home)}
    raise ValueError(f"nothing to {command}")


async def _watch_keeper(folder: Path, listener: socket.socket) -> None:
    child: subprocess.Popen[bytes] | None = None
    while True:
        await asyncio.sleep(KEEPER_SECONDS)
        if not running(folder / "keeper"):
            print("the keeper has ended: it is started again", flush=True)
            number = listener.fileno()
            child = spawn("mlmon_dagster.routing", [str(folder), str(number)], folder / "keeper", number)
            await asyncio.sleep(5 * KEEPER_SECONDS)
        elif child is not None:
            child.poll()


def run(folder: Path, listener: socket.socket) -> None:
    """Routes until the process is asked to end: on uvloop where there is one."""
    lock = hold(folder / "router")
    try:
        import uvloop
    except ImportError:
        asyncio.run(route(folder, listener))
    else:
        uvloop.run(route(folder, listener))
    os.close(lock)
