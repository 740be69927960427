"""The channel `slack`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.channels._post import Address, AtLeast, Seconds, post

SIGNS = {"info": ":information_source:", "warning": ":warning:", "critical": ":rotating_light:"}


@dataclass(frozen=True)
class Slack:
    """Posts alerts to Slack through an incoming webhook, whose address is the secret: `url: env:SLACK_HOOK`."""

    url: Address
    timeout_seconds: Seconds = 5.0
    at_least: AtLeast = "info"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Title, reason and facts as blocks; `UnavailableError` when Slack did not take them."""
        sign = SIGNS.get(str(facts.get("severity")), ":warning:")
        text = f"{sign} *{_escaped(title)}*\n{_escaped(body)[:2900]}"
        fields = [_markdown(f"*{name}*\n{_escaped(str(value))}") for name, value in facts.items() if value]
        blocks: list[dict[str, Any]] = [{"type": "section", "text": _markdown(text)}]
        blocks += [{"type": "section", "fields": fields[:10]}] if fields else []
        message = {"text": _escaped(f"{title}: {body}")[:3000], "blocks": blocks}
        post("slack", self.url, message, timeout_seconds=self.timeout_seconds)


def _markdown(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _escaped(text: str) -> str:
    """Text that mentions nobody and links nowhere (https://api.slack.com/reference/surfaces/formatting#escaping)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
