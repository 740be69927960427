"""Counters and histograms of one server in Prometheus' text format."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from mlmon_dagster.serving.prediction_log import PredictionLog

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SCORE_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Histogram:
    """Counts of values at or below each bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str = "") -> Iterable[str]:
        """`<name>_bucket`, `_sum` and `_count`; buckets are cumulative."""
        below, comma = 0, "," if labels else ""
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            below += count
            yield f'{name}_bucket{{{labels}{comma}le="{bound}"}} {below}'
        yield f"{name}_sum{{{labels}}} {self.total}"
        yield f"{name}_count{{{labels}}} {below}"


class ServerMetrics:
    """What one server counts: requests by route and status, their seconds, predictions, drift scores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, Histogram] = {}
        self._scores = Histogram(SCORE_BUCKETS)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        with self._lock:
            self._requests[route, status] = self._requests.get((route, status), 0) + 1
            self._seconds.setdefault(route, Histogram(LATENCY_BUCKETS_SECONDS)).observe(seconds)

    def predictions(self, scores: Iterable[float]) -> None:
        """Counts predictions by their drift score."""
        with self._lock:
            for score in scores:
                self._scores.observe(score)

    def render(self, facts: str) -> str:
        """The page `/metrics`; `facts` are the labels of the version that is served."""
        with self._lock:
            requests, errors = dict(self._requests), sum(n for (_, s), n in self._requests.items() if s >= 500)
            lines = ["# TYPE mlmon_model gauge", f"mlmon_model{{{facts}}} 1", "# TYPE mlmon_requests_total counter"]
            lines += [
                f'mlmon_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(requests.items())
            ]
            lines += ["# TYPE mlmon_errors_total counter", f"mlmon_errors_total {errors}"]
            lines += ["# TYPE mlmon_request_seconds histogram"]
            for route, seconds in sorted(self._seconds.items()):
                lines += seconds.lines("mlmon_request_seconds", f'route="{route}"')
            lines += ["# TYPE mlmon_predictions_total counter", f"mlmon_predictions_total {sum(self._scores.counts)}"]
            lines += ["# TYPE mlmon_drift_score histogram", *self._scores.lines("mlmon_drift_score")]
        return "\n".join(lines) + "\n"


def log_lines(log: PredictionLog) -> Iterable[str]:
    """The prediction log's numbers: what waits, what was kept, what was refused, what lies on the disk unshipped."""
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
        "log_backlog_segments": len(segments),
        "log_backlog_bytes": sum(size for _, size in segments),
        "log_backlog_age_seconds": max((age for age, _ in segments), default=0.0),
    }
    for name, number in numbers.items():
        yield f"# TYPE mlmon_{name} {'counter' if name.endswith('_total') else 'gauge'}"
        yield f"mlmon_{name} {number}"
