"""All connections of a server: accepting, the clock's sweep over slow ones, and draining."""

import asyncio
import socket
import time
from collections.abc import Callable
from email.utils import formatdate

from mlmon_dagster.serving.heads import KnownHeads
from mlmon_dagster.serving.protocol import Handler, HttpConnection

REQUEST_SECONDS = 30.0
"""How long a request may take to come whole."""
IDLE_SECONDS = 75.0
"""How long a kept connection may wait for its next request."""
DRAIN_SECONDS = 1.0
"""How long a draining server waits for clients to bring their last request on a kept connection."""


class Connections:
    """Accepts on any number of listening sockets. Belongs to one event loop."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._open: set[HttpConnection] = set()
        self._servers: list[asyncio.Server] = []
        self.draining = False
        self.heads = KnownHeads()
        self._set_date()
        self._sweeper = self._loop.call_later(1.0, self._sweep)

    async def accept(self, listener: socket.socket) -> asyncio.Server:
        """Accepts connections on `listener`; closing what this returns ends that, and leaves the connections."""
        begins = self._loop.create_unix_server if listener.family == socket.AF_UNIX else self._loop.create_server
        server = await begins(lambda: HttpConnection(self._handler, self), sock=listener, backlog=2048)
        self._servers.append(server)
        return server

    def _set_date(self) -> None:
        self.date = formatdate(usegmt=True).encode()
        self.usual_head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: %b\r\n" % self.date

    def opened(self, connection: HttpConnection) -> None:
        """A client has connected."""
        connection.deadline = self.request_deadline()
        self._open.add(connection)

    def closed(self, connection: HttpConnection) -> None:
        """A client is gone."""
        self._open.discard(connection)

    def request_deadline(self) -> float:
        """When a request that begins now must have come whole."""
        return self._loop.time() + REQUEST_SECONDS

    def idle_deadline(self) -> float:
        """When a connection that idles from now on is closed."""
        return self._loop.time() + IDLE_SECONDS

    async def drain(self, seconds: float, patience: float) -> None:
        """Tells clients to reconnect, waits for their last requests, ends idle connections, then all.

        Kept connections get `seconds` to bring a last request, requests that are being answered get `patience`.
        """
        self.draining = True
        for server in self._servers:
            server.close()
        await self._wait(seconds, lambda: not self._open)
        for connection in [one for one in self._open if one.idle]:
            connection.close()
        await self._wait(patience, lambda: all(one.idle for one in self._open))
        self._sweeper.cancel()
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)

    async def _wait(self, seconds: float, done: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            await asyncio.sleep(0.01)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(1.0, self._sweep)
        self._set_date()
        now = self._loop.time()
        for connection in [one for one in self._open if 0 < one.deadline < now]:
            connection.expire()
