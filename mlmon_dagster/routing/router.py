"""The router's data plane: dispatches requests, asks another version where one fails, times out, copies for shadows."""

import asyncio
import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.adapters.targets._routes import read_routes, read_tripped, write_tripped
from mlmon_dagster.ports import Traffic
from mlmon_dagster.routing.exchange import Exchange, ShadowedPair, problem
from mlmon_dagster.routing.table import Backend, Replica, Table, evidence
from mlmon_dagster.routing.upstream import Upstream

if TYPE_CHECKING:
    from mlmon_dagster.routing.front import Front

ANSWER_SECONDS = 30.0
"""How long a version may take for one answer before another is asked."""

SILENT_SECONDS = 3.0
"""How long a version may work without a single answer before new requests go to another one."""

PATIENCE_SECONDS = 45.0
"""How long a request is kept while no version can answer it: longer than a server needs to come back."""

REQUEST_SECONDS = 30.0
"""How long a client may take to send a request."""

WAITING = 2000
"""Requests that are kept at most while no version can answer."""

SHADOWED = 64
"""Copies that a shadow works on at most; what comes while it is that far behind is not copied."""

RETRY_SECONDS = 0.05
SWEEP_SECONDS = 0.25


class Router:
    """Everything the connections of one router share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self.table = Table(self._tripped)
        self.fronts: set[Front] = set()
        self.draining = False
        self.sticky: bytes | None = None
        self.retried = 0
        self._waiting = 0
        self._left: list[Backend] = []
        self._prefix, self._numbers = os.urandom(6).hex(), itertools.count()
        self._addresses: dict[str, str | tuple[str, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.apply()

    def now(self) -> float:
        """Seconds of the loop's clock."""
        return self._loop.time()

    def deadline(self) -> float:
        """Until when a request that arrives now is kept."""
        return self._loop.time() + PATIENCE_SECONDS

    def call_at(self, moment: float, work: "Callable[[Exchange], None]", exchange: Exchange) -> asyncio.TimerHandle:
        """Does something with a request at a moment of the loop's clock."""
        return self._loop.call_at(moment, work, exchange)

    def next_id(self) -> bytes:
        """A request id for a client that gave none: tried twice, a request keeps it."""
        return b"%s-%x" % (self._prefix.encode(), next(self._numbers))

    # what should be

    def apply(self) -> None:
        """Reads the routes again; versions that have left get no more requests."""
        routes = read_routes(self._folder)
        if routes is None:
            return
        tripped = read_tripped(self._folder, [one.deployment for one in routes.routes])
        for left in self.table.apply(routes, tripped, self.now()):
            for replica in left.replicas:
                for upstream in replica.idle:
                    upstream.transport.close()
                replica.idle.clear()
            self._left.append(left)
        self.sticky = routes.sticky.lower().encode() if routes.sticky else None

    def busy(self, home: str) -> int:
        """Requests that versions of that home, which have left, still work on."""
        self._left = [one for one in self._left if one.busy]
        return sum(one.busy for one in self._left if home in one.route.homes)

    def _tripped(self, deployment: str, reason: str) -> None:
        write_tripped(self._folder, deployment, reason)
        print(f"{deployment} lost its traffic: {reason}", flush=True)

    # what is

    def traffic(self) -> list[Traffic]:
        """Every version with its counts, the live one first."""
        champion = self.table.champion
        ordered = sorted(self.table.backends, key=lambda one: one is not champion)
        return [self._traffic_of(one, champion) for one in ordered]

    def _traffic_of(self, one: Backend, champion: Backend | None) -> Traffic:
        tally, now = one.tally, self.now()
        shadows = one.route.shadows
        role = "live" if one is champion else "shadow" if shadows else "candidate" if one.route.share else "standby"
        moments = tally.log_latency
        return Traffic(
            deployment=one.route.deployment,
            version=one.route.version,
            role=role,
            share=one.share,
            status="healthy" if one.down_until <= now else "unhealthy",
            requests=tally.requests,
            failed=tally.failed,
            refused=tally.refused,
            latency_ms=math.exp(moments.mean) if moments.count else None,
            latency_p99_ms=tally.quantile_ms(0.99),
            seconds=now - tally.since,
            compared=tally.compared,
            differing=tally.differing,
            mean_difference=tally.mean_difference,
            tripped=one.tripped,
            evidence=evidence(one, champion) if champion and role in ("candidate", "shadow") else {},
        )

    def own_page(self, url: bytes) -> bytes | None:
        """The answer to a request that concerns the router itself."""
        if url != b"/router/metrics":
            return None
        from mlmon_dagster.routing.metrics import render

        text = render(self.traffic(), self.retried).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: %d\r\n\r\n"
        return head % len(text) + text

    # requests

    def dispatch(self, exchange: Exchange) -> None:
        """Sends the request to the version whose turn it is."""
        now = self._loop.time()
        backend = self.table.pick(exchange.key, exchange.tried, now)
        if backend is None:
            self._wait(exchange, now)
            return
        shadow = self.table.shadow
        if shadow is not None and exchange.post and exchange.shadow is None and exchange.front is not None:
            self._copy(exchange, shadow, now)
        self._send(exchange, backend, now)

    def _send(self, exchange: Exchange, backend: Backend, now: float) -> None:
        replica = backend.replica(exchange.key, now)
        while replica.idle:
            upstream = replica.idle.pop()
            if not upstream.transport.is_closing():
                upstream.send(exchange, now)
                return
        backend.pending += 1
        task = self._loop.create_task(self._connect(exchange, backend, replica))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, exchange: Exchange, backend: Backend, replica: Replica) -> None:
        try:
            where, made = self._address(replica.home), lambda: Upstream(self, backend, replica)
            if isinstance(where, str):
                _, upstream = await self._loop.create_unix_connection(made, where)
            else:
                _, upstream = await self._loop.create_connection(made, *where)
        except OSError:
            backend.pending -= 1
            self._addresses.pop(replica.home, None)
            self.failed(exchange, backend, replica)
            return
        backend.pending -= 1
        upstream.send(exchange, self._loop.time())

    def _address(self, home: str) -> str | tuple[str, int]:
        """Where the process of a home listens: its socket, or host and port; one that came back may do so elsewhere."""
        if home not in self._addresses:
            process = ServerProcess(self._folder / home)
            path, address = process.socket, process.address
            if address is None:
                raise ConnectionRefusedError(f"{home} is not ready")
            host, _, port = address.rpartition("/")[2].rpartition(":")
            self._addresses[home] = str(path) if path is not None else (host, int(port))
        return self._addresses[home]

    def answered(
        self, exchange: Exchange, backend: Backend, status: int, answer: bytes, seconds: float, *, closes: bool
    ) -> None:
        """A version's answer goes to the client; a failure of one goes to another version first."""
        now = self._loop.time()
        self.table.answered(backend, status, seconds, now)
        if exchange.front is None:
            if exchange.shadow is not None:
                exchange.shadow.answered("shadow", status, answer)
            return
        if status >= 500 and not exchange.streamed and self._other(exchange, backend):
            exchange.tried = (*exchange.tried, backend)
            self.retried += 1
            self.dispatch(exchange)
            return
        if exchange.shadow is not None:
            exchange.shadow.answered("live", status, answer)
        exchange.front.reply(answer, closes=closes)

    def failed(self, exchange: Exchange, backend: Backend, replica: Replica) -> None:
        """A process did not answer: another one is asked, another version, or the same again when it is back."""
        now = self._loop.time()
        if not backend.gone:
            self.table.failed(backend, replica, now)
        self._addresses.pop(replica.home, None)
        if exchange.front is None:
            if exchange.shadow is not None:
                exchange.shadow.answered("shadow", 502, b"")
            return
        if exchange.streamed:
            exchange.front.abort()
            return
        self.retried += 1
        if len(backend.replicas) > 1 and not backend.gone and backend.share > 0 and backend.reaches(now):
            self._send(exchange, backend, now)
            return
        if self._other(exchange, backend):
            exchange.tried = (*exchange.tried, backend)
            self.dispatch(exchange)
            return
        exchange.tried = ()
        self._wait(exchange, now)

    def _other(self, exchange: Exchange, backend: Backend) -> bool:
        tried = (*exchange.tried, backend)
        return any(one.share > 0 and one not in tried for one in self.table.backends)

    def _wait(self, exchange: Exchange, now: float) -> None:
        """Nobody can answer now: the request is kept for a while."""
        if exchange.front is None or exchange.front.transport.is_closing():
            return
        if now > exchange.deadline or self._waiting >= WAITING:
            detail = "no version answers at present; it is being started again"
            exchange.front.reply(problem(503, "Service Unavailable", detail, more=b"retry-after: 1\r\n"))
            return
        self._waiting += 1
        self._loop.call_later(RETRY_SECONDS, self._again, exchange)

    def _again(self, exchange: Exchange) -> None:
        self._waiting -= 1
        if exchange.front is not None:
            self.dispatch(exchange)

    def _copy(self, exchange: Exchange, shadow: Backend, now: float) -> None:
        if shadow.busy >= SHADOWED or shadow.down_until > now:
            return
        exchange.shadow = ShadowedPair(shadow)
        end = exchange.raw.find(b"\r\n") + 2
        raw = b"%bx-mlmon-shadow: 1\r\n%b" % (exchange.raw[:end], exchange.raw[end:])
        copy = Exchange(None, raw, None, exchange.deadline, b"POST")
        copy.shadow = exchange.shadow
        self._send(copy, shadow, now)

    # time

    async def sweep(self) -> None:
        """Ends what takes too long, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.now()
            for backend in (*self.table.backends, *self._left):
                for upstream in [one for one in backend.active if now - one.since > ANSWER_SECONDS]:
                    upstream.transport.abort()
                for replica in backend.replicas:
                    oldest = min((one.since for one in backend.active if one.replica is replica), default=now)
                    if now - max(oldest, replica.answered_at) > SILENT_SECONDS:
                        replica.unreachable(now, 2 * SWEEP_SECONDS)  # until the next look, without a gap
                if not backend.reaches(now):
                    self.table.leave_out(backend, now, 2 * SWEEP_SECONDS)
            for front in [one for one in self.fronts if one.since is not None and now - one.since > REQUEST_SECONDS]:
                front.late()

    async def drain(self, seconds: float) -> None:
        """Asks clients to connect anew elsewhere and ends their connections once they are idle."""
        self.draining = True
        end = self.now() + seconds
        while self.fronts and self.now() < end:
            await asyncio.sleep(0.02)
        for front in list(self.fronts):
            if front.idle:
                front.transport.close()
