"""The channel `teams`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.channels._post import Address, AtLeast, Seconds, post

COLOURS = {"info": "accent", "warning": "warning", "critical": "attention"}


@dataclass(frozen=True)
class Teams:
    """Posts alerts to Microsoft Teams as adaptive cards, through a workflow's webhook: `url: env:TEAMS_HOOK`."""

    url: Address
    timeout_seconds: Seconds = 5.0
    at_least: AtLeast = "info"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Title, reason and facts; `UnavailableError` when Teams did not take them."""
        colour = COLOURS.get(str(facts.get("severity")), "warning")
        told = [{"title": name, "value": str(value)} for name, value in facts.items() if value]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {"type": "TextBlock", "text": title, "weight": "bolder", "color": colour, "wrap": True},
                {"type": "TextBlock", "text": body, "wrap": True},
                {"type": "FactSet", "facts": told},
            ],
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        post("teams", self.url, {"type": "message", "attachments": [attachment]}, timeout_seconds=self.timeout_seconds)
