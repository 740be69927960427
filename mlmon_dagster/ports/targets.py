"""Where deployments run, and what their traffic sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlmon_dagster.pipeline.serving import RealtimeInferencing
from mlmon_dagster.ports.registry import ModelVersion


@dataclass(frozen=True)
class Placement:
    """What a target is asked to run: a version, for an environment, under a deployment's id."""

    deployment: str
    pipeline: str
    environment: str
    version: ModelVersion
    strategy: str
    serving: RealtimeInferencing = field(default_factory=RealtimeInferencing)
    """How its servers keep and judge what they say."""


@dataclass(frozen=True)
class Serving:
    """What runs on a target now."""

    deployment: str
    version: int
    digest: str
    address: str
    """Base URL of the server."""
    status: str
    """`healthy`, `unhealthy` or `stopped`."""
    detail: str = ""


@dataclass(frozen=True)
class Guard:
    """When a target takes the traffic from a version by itself, at once and whoever watches."""

    error_rate: float = 0.05
    """Share of failed requests from which on it does (requirement 5.6)."""
    minimum_requests: int = 20
    """Requests it must have seen before their error rate counts."""
    alpha: float = 0.001
    """Probability of taking the traffic from a version that is no worse than the live one, however long one looks."""


@dataclass(frozen=True)
class Shift:
    """How much of an environment's traffic a started version gets, and under which guard."""

    share: float
    """Percent of the requests; 0 with `shadows` means copies of them."""
    shadows: bool = False
    guard: Guard = Guard()
    sticky: str | None = None
    """Header by whose value requests are split, so that the same caller meets the same version."""


@dataclass(frozen=True)
class Traffic:
    """One version of an environment as its traffic sees it, since it has its present share."""

    deployment: str
    version: int
    role: str
    """`live`, `candidate`, `shadow` or `standby`."""
    share: float
    """Percent of the requests."""
    status: str
    """`healthy`, `unhealthy` or `stopped`."""
    requests: int = 0
    failed: int = 0
    """Requests that the version did not answer, or with a status of 500 or more; callers got an answer elsewhere."""
    refused: int = 0
    """Requests that it answered with a status of 400 to 499."""
    latency_ms: float | None = None
    """Mean time to an answer, geometric."""
    latency_p99_ms: float | None = None
    seconds: float = 0.0
    """How long it has had this share."""
    compared: int = 0
    """Answers of a shadow that were compared with the live version's."""
    differing: int = 0
    mean_difference: float | None = None
    """Mean absolute difference of the numbers that were compared."""
    tripped: str | None = None
    """Why the guard took the traffic from it, if it did."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Name of a comparison with the live version -> p-value that holds at any time (see `drift.sequential`)."""
    replicas: int = 1
    """Processes of it that run."""
    serving: RealtimeInferencing | None = None
    """How its servers keep and judge what they say, as they were started."""


class Target(Protocol):
    """Family `target`: where a deployment runs. Every call is idempotent by the deployment's id."""

    def start(self, placement: Placement, settings: Any) -> Serving:
        """Starts the version beside what is live and returns when it is healthy; `FailedError` when it is not."""
        ...

    def shift(self, placement: Placement, shift: Shift, settings: Any) -> Serving:
        """Gives the started version its share of the traffic, the live one the rest; what is live stays so.

        Where nothing is live it gets everything. A version that is live already keeps everything.
        """
        ...

    def switch(self, placement: Placement, settings: Any) -> Serving:
        """Makes the started version live with all traffic.

        The one before stands by where the strategy keeps it (`canary`, `blue_green`), and is stopped where not.
        """
        ...

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Any) -> None:
        """Gives a deployment's traffic back to what is live and stops its servers; nothing happens when none run."""
        ...

    def live(self, pipeline: str, environment: str, settings: Any) -> Serving | None:
        """What is live in the environment, with its present health."""
        ...

    def traffic(self, pipeline: str, environment: str, settings: Any) -> Sequence[Traffic]:
        """Every version the environment runs, the live one first; empty where nothing runs."""
        ...
