"""Counters and histograms of one server in Prometheus' text format; they belong to its event loop."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlmon_dagster.serving.prediction_log import PredictionLog
from mlmon_dagster.serving.served import Bands

if TYPE_CHECKING:
    from mlmon_dagster.serving.predictor import Predictor

LATENCY_BUCKETS_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
SCORE_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Histogram:
    """Counts of values at or below each bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe_all(self, values: np.ndarray) -> None:
        """Counts many values."""
        places = np.searchsorted(self.bounds, values, side="left")
        for place, count in enumerate(np.bincount(places, minlength=len(self.counts)).tolist()):
            self.counts[place] += count
        self.total += float(values.sum())

    def lines(self, name: str, labels: str = "") -> Iterable[str]:
        """`<name>_bucket`, `_sum` and `_count`; buckets are cumulative."""
        below, comma = 0, "," if labels else ""
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            below += count
            yield f'{name}_bucket{{{labels}{comma}le="{bound}"}} {below}'
        shown = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{shown} {self.total}"
        yield f"{name}_count{shown} {below}"


class ServerMetrics:
    """What one server counts: requests by route and status, their seconds, predictions, drift scores and bands."""

    def __init__(self, bands: Bands) -> None:
        self._edges = bands
        self._scored: list[float] = []
        self.prediction = self._scored.append
        """Takes in the drift score of one prediction."""
        self._recent: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        """Seconds of the requests since the last look, by route and status."""
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: dict[str, Histogram] = {}
        self._scores = Histogram(SCORE_BUCKETS)
        self._bands = {"normal": 0, "moderate": 0, "high": 0}
        self.skewed = 0
        """Requests of clients whose clock is off by more than five minutes."""

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        self._recent[route, status].append(seconds)

    def look(self) -> None:
        """Sorts what came since the last look into the histograms: a thousand together cost what ten would."""
        for (route, status), seconds in self._recent.items():
            if seconds:
                self._requests[route, status] += len(seconds)
                histogram = self._seconds.setdefault(route, Histogram(LATENCY_BUCKETS_SECONDS))
                histogram.observe_all(np.array(seconds))
                seconds.clear()
        if self._scored:
            self.predictions_of(np.array(self._scored))
            self._scored.clear()

    def predictions_of(self, scores: np.ndarray) -> None:
        """Counts many predictions by their drift scores and bands."""
        self._scores.observe_all(scores)
        high, normal = int((scores > self._edges.high).sum()), int((scores < self._edges.moderate).sum())
        self._bands["high"] += high
        self._bands["normal"] += normal
        self._bands["moderate"] += len(scores) - high - normal

    def render(self, facts: str) -> Iterable[str]:
        """Lines of the page `/metrics`; `facts` are the labels of the version that is served."""
        self.look()
        errors = sum(count for (_, status), count in self._requests.items() if status >= 500)
        yield "# TYPE mlmon_model gauge"
        yield f"mlmon_model{{{facts}}} 1"
        yield "# TYPE mlmon_requests_total counter"
        for (route, status), count in sorted(self._requests.items()):
            yield f'mlmon_requests_total{{route="{route}",status="{status}"}} {count}'
        yield from _number("errors_total", errors)
        yield "# TYPE mlmon_request_seconds histogram"
        for route, seconds in sorted(self._seconds.items()):
            yield from seconds.lines("mlmon_request_seconds", f'route="{route}"')
        yield from _number("skewed_requests_total", self.skewed)
        yield from _number("predictions_total", sum(self._scores.counts))
        yield "# TYPE mlmon_drift_score histogram"
        yield from self._scores.lines("mlmon_drift_score")
        yield "# TYPE mlmon_predictions_by_band_total counter"
        for band, count in self._bands.items():
            yield f'mlmon_predictions_by_band_total{{band="{band}"}} {count}'


def page(predictor: "Predictor", replayed: int) -> str:
    """The page `/metrics` of one server."""
    served = predictor.served
    facts = {"model": served.model, "version": served.version, "digest": served.digest[:12]}
    facts |= {"environment": served.environment} if served.environment else {}
    lines = [
        *predictor.metrics.render(",".join(f'{name}="{_escaped(value)}"' for name, value in facts.items())),
        *_number("replays_total", replayed),
        *_number("model_waiting", predictor.batcher.waiting),
        *_stream_lines(predictor),
        *_log_lines(predictor.log),
    ]
    return "\n".join(lines) + "\n"


def _stream_lines(predictor: "Predictor") -> Iterable[str]:
    for name in ("value", "limit"):
        yield f"# TYPE mlmon_stream_{name} gauge"
        for detector, watched in predictor.stream.watched.items():
            number = watched.state.value if name == "value" else watched.state.limit
            yield f'mlmon_stream_{name}{{detector="{detector}"}} {_float(number)}'
    yield "# TYPE mlmon_stream_changes_total counter"
    for detector, watched in predictor.stream.watched.items():
        yield f'mlmon_stream_changes_total{{detector="{detector}"}} {watched.changes}'


def _log_lines(log: PredictionLog) -> Iterable[str]:
    """What waits, what was kept, what was refused, what lies on the disk unshipped."""
    counts, segments = log.counts, log.unshipped()
    numbers = {
        "log_payloads_total": counts.payloads,
        "log_commits_total": counts.commits,
        "log_failures_total": counts.failures,
        "log_queue_full_total": counts.refused_full_queue,
        "predictions_unlogged_total": counts.unlogged,
        "log_waiting": log.pending,
        "log_failing": int(log.failing is not None),
        "log_commit_seconds": counts.commit_seconds,
        "log_shipping_runs_total": log.shipping.runs,
        "log_shipping_failures_total": log.shipping.failures,
        "log_quarantined_files": log.quarantined(),
        "log_backlog_segments": len(segments),
        "log_backlog_bytes": sum(size for _, size in segments),
        "log_backlog_age_seconds": max((age for age, _ in segments), default=0.0),
    }
    for name, number in numbers.items():
        yield from _number(name, number)


def _number(name: str, number: float) -> Iterable[str]:
    yield f"# TYPE mlmon_{name} {'counter' if name.endswith('_total') else 'gauge'}"
    yield f"mlmon_{name} {number}"


def _float(number: float) -> str:
    return "+Inf" if number == float("inf") else repr(number)


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
