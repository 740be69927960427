"""The router's own numbers in Prometheus' text format."""

from collections.abc import Sequence

from mlmon_dagster.ports import Traffic


def render(traffic: Sequence[Traffic], retried: int) -> str:
    """The page `/router/metrics`."""
    told: list[tuple[str, str, str, float | None]] = []
    for one in traffic:
        labels = f'deployment="{one.deployment}",version="{one.version}",role="{one.role}"'
        told += [
            ("mlmon_router_share_percent", "gauge", labels, one.share),
            ("mlmon_router_requests", "gauge", labels, one.requests),
            ("mlmon_router_failed", "gauge", labels, one.failed),
            ("mlmon_router_refused", "gauge", labels, one.refused),
            ("mlmon_router_latency_ms", "gauge", labels, one.latency_ms),
            ("mlmon_router_latency_p99_ms", "gauge", labels, one.latency_p99_ms),
            ("mlmon_router_tripped", "gauge", labels, float(one.tripped is not None)),
        ]
    told.append(("mlmon_router_retried_total", "counter", "", retried))
    lines: list[str] = []
    for name in dict.fromkeys(name for name, *_ in told):
        lines.append(f"# TYPE {name} {next(kind for other, kind, *_ in told if other == name)}")
        for other, _, labels, value in told:
            if other == name and value is not None:
                lines.append(f"{name}{{{labels}}} {value}" if labels else f"{name} {value}")
    return "\n".join(lines) + "\n"
