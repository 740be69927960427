"""Which version gets a request: shares, keys, ejection of what fails, and the guard that takes the traffic away."""

import random
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import Any

from mlmon_dagster.adapters.targets._routes import Route, Routes
from mlmon_dagster.drift.sequential import event_evidence, mean_evidence, p_value
from mlmon_dagster.ports import Guard
from mlmon_dagster.routing.tally import Tally

EJECTED_SECONDS = (0.1, 1.0)
"""How long a version that could not be reached is left out: at first, and at most; doubled each time."""

LATENCY_TAU = 0.1
"""Size of a difference in latency that matters: a tenth, on the logarithmic scale."""


class Replica:
    """One process of a version: its open connections, and whether it is left out for a while."""

    __slots__ = ("_backoff", "answered_at", "down_until", "home", "idle")

    def __init__(self, home: str) -> None:
        self.home = home
        self.answered_at = 0.0
        self.idle: list[Any] = []
        self.down_until = 0.0
        self._backoff = EJECTED_SECONDS[0]

    def reached(self) -> None:
        """It answered: it is no longer left out."""
        self.down_until, self._backoff = 0.0, EJECTED_SECONDS[0]

    def unreachable(self, now: float, seconds: float = 0.0) -> None:
        """It could not be reached or did not answer: it is left out for a while, at least for so many seconds."""
        if self.down_until <= now:
            self.down_until = now + self._backoff
            self._backoff = min(self._backoff * 2, EJECTED_SECONDS[1])
        self.down_until = max(self.down_until, now + seconds)


class Backend:
    """A version that runs: its processes, its counts, and whether it is left out for a while."""

    def __init__(self, route: Route, now: float) -> None:
        self.route = route
        self.share = route.share
        self.tally = Tally(now)
        self.replicas = [Replica(home) for home in route.homes]
        self._turn = 0
        self.active: set[Any] = set()
        self.pending = 0
        """Requests that wait for a connection to it."""
        self.gone = False
        self.tripped: str | None = None
        self.down_until = 0.0
        self.answered_at = now
        self._backoff = EJECTED_SECONDS[0]

    @property
    def busy(self) -> int:
        """Requests that it is working on."""
        return len(self.active) + self.pending

    def replica(self, key: bytes | None, now: float) -> Replica:
        """The process for a request: by its key, else one after the other; one that answers, if any does."""
        replicas = self.replicas
        if len(replicas) == 1:
            return replicas[0]
        self._turn += 1
        first = int(position(key, b"replica") * len(replicas)) if key is not None else self._turn
        for place in range(len(replicas)):
            one = replicas[(first + place) % len(replicas)]
            if one.down_until <= now:
                return one
        return replicas[first % len(replicas)]

    def reaches(self, now: float) -> bool:
        """Whether any of its processes may be asked."""
        return any(one.down_until <= now for one in self.replicas)

    def resized(self) -> list[Any]:
        """Takes as many processes as its route says; connections to those that leave."""
        homes, known = self.route.homes, {one.home: one for one in self.replicas}
        self.replicas = [known.pop(home) if home in known else Replica(home) for home in homes]
        return [upstream for one in known.values() for upstream in one.idle]

    def reached(self, now: float) -> None:
        """It answered: it is no longer left out."""
        self.answered_at = now
        if self.down_until:
            self.down_until, self._backoff = 0.0, EJECTED_SECONDS[0]

    def unreachable(self, now: float, seconds: float = 0.0) -> None:
        """It could not be reached or did not answer: it is left out for a while, at least for so many seconds."""
        if self.down_until <= now:
            self.down_until = now + self._backoff
            self._backoff = min(self._backoff * 2, EJECTED_SECONDS[1])
        self.down_until = max(self.down_until, now + seconds)


class Table:
    """The backends of the present routes; applying other routes keeps those that stay."""

    def __init__(self, tripped: Callable[[str, str], None], draw: Callable[[], float] = random.random) -> None:
        """`tripped` is told (deployment, reason) when the guard acts; `draw` gives numbers from [0, 1)."""
        self.routes = Routes(0)
        self.backends: tuple[Backend, ...] = ()
        self.champion: Backend | None = None
        self.shadow: Backend | None = None
        self._tell = tripped
        self._draw = draw
        self._quiet = True
        """Whether every backend with traffic is in order, so that the first choice is the right one."""

    def apply(self, routes: Routes, tripped: Mapping[str, str], now: float) -> list[Backend]:
        """Takes these routes from now on; returns the backends that have left."""
        known = {(one.route.deployment, one.route.home): one for one in self.backends}
        found = []
        for route in routes.routes:
            backend = known.pop((route.deployment, route.home), None) or Backend(route, now)
            if (backend.route.share, backend.route.shadows) != (route.share, route.shadows):
                backend.tally = Tally(now)
            backend.route, backend.share, backend.gone = route, route.share, False
            backend.tripped = tripped.get(route.deployment)
            for upstream in backend.resized():
                upstream.transport.close()
            found.append(backend)
        champion = routes.live.deployment if routes.live else None
        changed = [one.share for one in found] != [one.share for one in self.backends]
        self.routes = routes
        self.champion = next((one for one in found if one.route.deployment == champion), None)
        self.backends = tuple(sorted(found, key=lambda one: one is self.champion))
        self.shadow = next((one for one in found if one.route.shadows and not one.tripped), None)
        if self.champion is not None and changed:
            self.champion.tally = Tally(now)
        for backend in found:
            if backend.tripped and backend.share and backend is not self.champion:
                self._hand_back(backend)
        self._quiet = False
        for backend in known.values():
            backend.gone, backend.share = True, 0.0
        return list(known.values())

    def pick(self, key: bytes | None, excluded: Collection[Backend], now: float) -> Backend | None:
        """The backend for a request, by its key where it has one; `None` while nobody can answer it.

        One that is excluded or left out is passed over, and its requests go to the others.
        """
        backends = self.backends
        if len(backends) == 1 and not excluded and self._quiet:
            return backends[0] if backends[0].share else None
        point = (position(key) if key is not None else self._draw()) * 100.0
        if not excluded and self._quiet:
            chosen = _at(point, backends)
            if chosen is not None:
                return chosen
        able = [one for one in backends if one.share > 0 and one not in excluded]
        up = [one for one in able if one.down_until <= now]
        self._quiet = len(up) == len([one for one in backends if one.share > 0])
        chosen = _at(point, backends)
        if chosen in up or not up:
            return chosen if chosen in up else None
        return up[min(int(point / 100.0 * len(up)), len(up) - 1)]

    def failed(self, backend: Backend, replica: Replica, now: float) -> None:
        """A request that a process of the backend did not answer."""
        backend.tally.unanswered()
        replica.unreachable(now)
        if not backend.reaches(now):
            self.leave_out(backend, now)
        self._judge(backend)

    def leave_out(self, backend: Backend, now: float, seconds: float = 0.0) -> None:
        """Gives the backend no requests for a while, where there are others."""
        backend.unreachable(now, seconds)
        self._quiet = False

    def answered(self, backend: Backend, status: int, seconds: float, now: float) -> None:
        """An answer that the backend gave."""
        backend.tally.answered(status, seconds)
        backend.reached(now)
        if status >= 400:
            self._judge(backend)

    def _judge(self, backend: Backend) -> None:
        """Takes the traffic from a version that fails: only from one that somebody else can stand in for."""
        champion = self.champion
        if champion is None or backend is champion or backend.tripped or not (backend.share or backend.route.shadows):
            return
        reason = verdict(backend, champion, self.routes.guard)
        if reason is None:
            return
        backend.tripped = reason
        self._hand_back(backend)
        self._tell(backend.route.deployment, reason)

    def _hand_back(self, backend: Backend) -> None:
        if self.champion is not None and self.champion is not backend:
            self.champion.share += backend.share
            backend.share = 0.0
        if self.shadow is backend:
            self.shadow = None
        self._quiet = False


def verdict(challenger: Backend, champion: Backend, guard: Guard) -> str | None:
    """Why the challenger must not keep its traffic, or `None`."""
    tally = challenger.tally
    if tally.requests >= guard.minimum_requests and tally.failed >= guard.error_rate * tally.requests > 0:
        rate = tally.failed / tally.requests
        return f"{tally.failed} of {tally.requests} requests failed ({rate:.1%}, accepted below {guard.error_rate:.0%})"
    found, other = evidence(challenger, champion), champion.tally
    for name, count, theirs in (("failed", tally.failed, other.failed), ("refused", tally.refused, other.refused)):
        more = count * max(1, other.requests) > theirs * max(1, tally.requests)
        if more and found[name] < guard.alpha:
            return f"{count} of {tally.requests} requests {name}, more than of the live version (p {found[name]:.1g})"
    return None


def evidence(challenger: Backend, champion: Backend) -> dict[str, float]:
    """P-values at any time against "no difference": `failed`, `refused` and `latency`."""
    mine, other = challenger.tally, champion.tally
    share = 0.5 if challenger.route.shadows else challenger.route.share / 100.0
    return {
        "failed": p_value(event_evidence(mine.failed, other.failed, share)),
        "refused": p_value(event_evidence(mine.refused, other.refused, share)),
        "latency": p_value(mean_evidence(mine.log_latency, other.log_latency, LATENCY_TAU)),
    }


def position(key: bytes, purpose: bytes = b"") -> float:
    """Where a key stands in [0, 1): always at the same place, another one for another purpose."""
    return int.from_bytes(blake2b(key, digest_size=8, person=purpose).digest(), "big") / 2**64


def _at(point: float, backends: tuple[Backend, ...]) -> Backend | None:
    below = 0.0
    for backend in backends:
        below += backend.share
        if point < below:
            return backend
    return None
