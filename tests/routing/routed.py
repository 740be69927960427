"""A router in front of small servers that answer, fail or hang as a test has it."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.targets._control import ask
from mlmon_dagster.adapters.targets._routes import Route, Routes, write_routes
from mlmon_dagster.routing import server

Answer = Callable[[bytes, bytes], Any]
"""Head and body of a request -> the whole answer (also awaited), `None` to hang, an exception to end the connection."""


def ok(body: object = None) -> bytes:
    content = json.dumps({"prediction": 1.0} if body is None else body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(content) + content


class Version:
    """A server of one version; `asked` keeps what it was asked."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda head, body: ok())
        self.asked: list[tuple[bytes, bytes]] = []
        self.port = 0
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                self.asked.append((head, body))
                answer = self.answer(head, body)
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if answer is None:
                    await asyncio.sleep(3600)
                if isinstance(answer, Exception):
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


class World:
    """A router, its folder, and the versions behind it; everything runs in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.routes = Routes(0)
        self.versions: dict[str, Version] = {}
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        (folder / "router").mkdir()
        self._lock = server.hold(folder / "keeper")  # nobody starts a keeper for this router
        self.router: Any = None

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def add(self, name: str, answer: Answer | None = None) -> Version:
        """Starts a version; it gets no traffic yet."""
        version = self.versions[name] = Version(answer)
        self.do(version.start())
        (self.folder / name).mkdir()
        self.publish(name)
        self.routes = self.routes.started(Route(name, name, len(self.versions), name * 8))
        return version

    def publish(self, name: str) -> None:
        address = f"http://127.0.0.1:{self.versions[name].port}"
        (self.folder / name / "server.json").write_text(json.dumps({"address": address}))

    def apply(self, routes: Routes) -> None:
        """Writes the routes and has the router follow them."""
        self.routes = routes
        write_routes(self.folder, routes)
        if self.router is None:
            self.router = asyncio.run_coroutine_threadsafe(server.route(self.folder, self.listener), self.loop)
            while not (self.folder / "router" / "server.json").exists():
                assert not self.router.done(), self.router.exception()
                threading.Event().wait(0.005)
        ask(self.folder / "router", "apply")

    def traffic(self) -> dict[str, dict[str, Any]]:
        return {one["deployment"]: one for one in ask(self.folder / "router", "traffic")["traffic"]}

    def connect(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        line.settimeout(20)
        return line

    def send(self, raw: bytes) -> bytes:
        """Everything that comes back to these bytes until the router ends the connection."""
        with self.connect() as line:
            line.sendall(raw)
            return b"".join(iter(lambda: line.recv(1 << 16), b""))

    def predict(self, *headers: str, body: bytes = b"{}") -> tuple[int, bytes]:
        more = "".join(f"{one}\r\n" for one in headers).encode()
        raw = b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n%b\r\n%b"
        answer = self.send(raw % (len(body), more, body))
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]

    def close(self) -> None:
        self.do(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _end(self) -> None:
        for version in self.versions.values():
            if version.server is not None:
                version.server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # the router may begin others meanwhile
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)
