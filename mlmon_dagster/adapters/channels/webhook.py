"""The channel `webhook`."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from mlmon_dagster.errors import UnavailableError

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 3
PAUSE_SECONDS = 0.25

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Webhook:
    """Posts alerts as JSON: `text` (what Slack, Mattermost and Teams show), `title`, `body`, `facts`.

    Secrets stand in environment variables, named as `${NAME}` in the address or a header, and are read when an alert
    is sent. A connection that fails, a full queue (429) or a server error is tried three times; redirects are not
    followed.
    """

    url: Annotated[str, Field(pattern=r"^(https?://\S+|\$\{[A-Za-z_][A-Za-z0-9_]*\}\S*)$", description="where to post")]
    headers: Annotated[Mapping[str, str], Field(description="sent along, such as Authorization: Bearer ${TOKEN}")] = (
        field(default_factory=dict, repr=False)
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60, description="for each attempt")] = 5.0

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Returns once the other side has answered with success; `UnavailableError` says why it did not."""
        import httpx

        message = {"text": f"{title}\n{body}", "title": title, "body": body, "facts": dict(facts)}
        url, headers = _filled(self.url), {name: _filled(value) for name, value in self.headers.items()}
        failure = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2**attempt)
            try:
                answer = httpx.post(
                    url, json=message, headers=headers, timeout=self.timeout_seconds, follow_redirects=False
                )
            except (httpx.TransportError, httpx.InvalidURL) as error:
                failure = f"{type(error).__name__}"
                continue
            if answer.is_success:
                return
            failure = f"answered {answer.status_code}"
            if not _worth_another_try(answer):
                break
        raise UnavailableError(f"webhook {_shown(self.url)}: {failure}, the alert was not delivered")


def _shown(url: str) -> str:
    """The server's name only: the path of a webhook is often its secret."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}" if "://" in url else url


def _worth_another_try(answer: "httpx.Response") -> bool:
    return answer.status_code == 429 or answer.status_code >= 500


def _filled(text: str) -> str:
    """The text with `${NAME}` replaced; the message of the error names the variable and never a value."""

    def value(reference: re.Match[str]) -> str:
        found = os.environ.get(reference[1], "").strip()
        if not found:
            raise UnavailableError(f"webhook: the environment variable {reference[1]} is not set")
        return found

    return _REFERENCE.sub(value, text)
