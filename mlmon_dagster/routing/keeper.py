"""The keeper of an environment: holds its listening socket and starts again whatever of it has ended or hangs."""

import http.client
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.adapters.targets._process import ServerProcess, hold, published, running
from mlmon_dagster.adapters.targets._routes import read_routes
from mlmon_dagster.errors import FailedError, InputError
from mlmon_dagster.routing import server
from mlmon_dagster.routing.forked import Forked

HOST = "127.0.0.1"
LOOK_SECONDS = 0.2
"""How often what should run is compared with what runs; a child that ends is seen at once."""

BACKOFF_SECONDS = (0.2, 30.0)
"""Pause before what has ended is started again: at first, and at most; doubled while it does not stay up."""

ROUTER_SECONDS = 1.0
"""The same at most for the router: callers wait in the queue of the listening socket."""

STAYED_SECONDS = 20.0
"""After so long a process is said to have stayed up."""

HEALTH_SECONDS = 5.0
HANGS = 3
"""Questions after each other that a server may leave without answer before it is killed."""


@dataclass
class Watched:
    """What is known of one process that should run."""

    child: "subprocess.Popen[bytes] | Forked | None" = None
    started: float = 0.0
    pause: float = BACKOFF_SECONDS[0]
    longest: float = BACKOFF_SECONDS[1]
    asked: float = 0.0
    unanswered: int = 0

    def may_start(self, now: float) -> bool:
        """Whether it is time to start it again; the pause grows while it does not stay up."""
        if self.child is not None and self.child.poll() is None:
            return False
        if now - self.started > STAYED_SECONDS:
            self.pause = BACKOFF_SECONDS[0]
        elif now - self.started < self.pause:
            return False
        self.pause = min(self.pause * 2, self.longest)
        self.started = now
        return True


class Keeper:
    """Supervises the router and the versions of the environment in `folder`."""

    def __init__(self, folder: Path, inherited: int | None) -> None:
        self._folder = folder
        self._lock = hold(folder / "keeper")
        self._listener = socket.socket(fileno=inherited) if inherited is not None else self._bind()
        self._watched = {"router": Watched(longest=ROUTER_SECONDS)}
        self._ending = False
        self._signals, self._raised = socket.socketpair()

    def run(self) -> None:
        """Supervises until it is asked to end, or nothing should run any more."""
        self._listen_for_signals()
        port = self._listener.getsockname()[1]
        published(self._folder / "keeper", {"pid": os.getpid(), "address": f"http://{HOST}:{port}"})
        while not self._ending:
            self._look()
            self._wait()
        self._end_router()
        self._end_children()
        (self._folder / "keeper" / "server.json").unlink(missing_ok=True)
        os.close(self._lock)

    def _listen_for_signals(self) -> None:
        for end in (self._signals, self._raised):
            end.setblocking(False)
        signal.set_wakeup_fd(self._raised.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)

    def _wait(self) -> None:
        """Until it is time to look again: for a while, or until a child has ended."""
        if select.select([self._signals], [], [], LOOK_SECONDS)[0]:
            self._signals.recv(4096)

    def _end(self, *_: object) -> None:
        self._ending = True

    def _bind(self) -> socket.socket:
        routes = read_routes(self._folder)
        port = routes.port if routes else 0
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            listener.close()
            raise InputError(f"port {port} cannot be listened on: {error.strerror}") from error
        listener.listen(2048)
        return listener

    def _look(self) -> None:
        """Starts what should run and does not; ends what it started and should not run."""
        routes = read_routes(self._folder)
        homes = {home for route in routes.routes for home in route.homes} if routes else set()
        self._end_children(homes)
        if not homes:
            self._ending = True
            return
        now = time.monotonic()
        self._keep_router(now)
        for home in homes:
            self._keep(home, now)

    def _end_children(self, named: "set[str] | None" = None) -> None:
        """Ends servers that were started here and that no route names, also one that does not hold its lock yet."""
        if named is None:
            routes = read_routes(self._folder)
            named = {home for route in routes.routes for home in route.homes} if routes else set()
        for home in [one for one in self._watched if one not in named and one != "router"]:
            child = self._watched.pop(home).child
            if child is not None and child.poll() is None:
                child.terminate()

    def _keep_router(self, now: float) -> None:
        watched, home = self._watched["router"], self._folder / "router"
        if not running(home) and watched.may_start(now):
            mine = (self._lock, self._signals.fileno(), self._raised.fileno())
            watched.child = Forked(lambda: server.run(self._folder, self._listener), home / "server.log", mine)

    def _keep(self, home: str, now: float) -> None:
        watched = self._watched.setdefault(home, Watched())
        process = ServerProcess(self._folder / home)
        if not process.running:
            if watched.may_start(now):
                print(f"{home} has ended: it is started again", flush=True)
                watched.child, watched.unanswered = process.spawn(), 0
        elif process.address is not None and now - watched.asked > HEALTH_SECONDS:
            watched.asked = now
            watched.unanswered = 0 if _answers(process.address) else watched.unanswered + 1
            if watched.unanswered >= HANGS:
                print(f"{home} does not answer: it is killed and started again", flush=True)
                process.kill()

    def _end_router(self) -> None:
        try:
            ServerProcess(self._folder / "router").end()
        except FailedError as error:
            print(error.message, flush=True)


def _answers(address: str) -> bool:
    """Whether a server says anything at all about its health."""
    connection = http.client.HTTPConnection(address.rpartition("/")[2], timeout=2)
    try:
        connection.request("GET", "/health")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
