"""The channel `pagerduty`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.channels._post import Address, AtLeast, Reference, Seconds, post
from mlmon_dagster.adapters.secrets import secret


@dataclass(frozen=True)
class Pagerduty:
    """Triggers a PagerDuty incident through the Events API v2: `routing_key: env:PAGERDUTY_KEY`.

    The alert's id is the deduplication key: a repeated delivery opens no second incident.
    """

    routing_key: Reference
    url: Address = "https://events.pagerduty.com/v2/enqueue"
    timeout_seconds: Seconds = 5.0
    at_least: AtLeast = "warning"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Returns once PagerDuty has accepted the event; `UnavailableError` says why it did not."""
        event = {
            "routing_key": secret(self.routing_key),
            "event_action": "trigger",
            "dedup_key": f"mlmon/{facts.get('id')}",
            "payload": {
                "summary": f"{title}: {body}"[:1024],
                "source": f"mlmon/{facts.get('pipeline')}",
                "severity": str(facts.get("severity") or "warning"),
                "component": facts.get("check"),
                "group": facts.get("environment"),
                "custom_details": {**facts, "reason": body},
            },
        }
        post("pagerduty", self.url, event, timeout_seconds=self.timeout_seconds)
