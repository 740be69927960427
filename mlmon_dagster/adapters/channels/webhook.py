"""The channel `webhook`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from mlmon_dagster.adapters.channels._post import Address, AtLeast, Seconds, post


@dataclass(frozen=True)
class Webhook:
    """Posts alerts as JSON: `text` (what Mattermost and many others show), `title`, `body`, `facts`.

    Secrets stand in environment variables, named as `${NAME}` in the address or a header, or behind a reference
    (`env:NAME`, `secretsmanager:ID`), and are read when an alert is sent.
    """

    url: Address
    headers: Annotated[Mapping[str, str], Field(description="sent along, such as Authorization: Bearer ${TOKEN}")] = (
        field(default_factory=dict, repr=False)
    )
    timeout_seconds: Seconds = 5.0
    at_least: AtLeast = "info"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Returns once the other side has answered with success; `UnavailableError` says why it did not."""
        message = {"text": f"{title}\n{body}", "title": title, "body": body, "facts": dict(facts)}
        post("webhook", self.url, message, timeout_seconds=self.timeout_seconds, headers=self.headers)
