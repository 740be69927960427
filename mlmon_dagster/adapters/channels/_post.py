"""Posting JSON to a channel's server: three times where that can help, secrets by reference, none of them in errors."""

import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.pipeline.places import not_inside

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 3
PAUSE_SECONDS = 0.25

ADDRESS = r"^(https?://\S+|\$\{[A-Za-z_][A-Za-z0-9_]*\}\S*|env:\S+|secretsmanager:\S+)$"
"""An address, or a reference to one that is secret."""

AtLeast = Annotated[Literal["info", "warning", "critical"], Field(description="the least severity that is sent")]
Address = Annotated[
    str,
    Field(pattern=ADDRESS, description="where to post: https://..., env:NAME, secretsmanager:ID"),
    AfterValidator(not_inside),
]
Reference = Annotated[
    str,
    Field(pattern=r"^(env:|secretsmanager:)\S+$", description="where the secret is: env:NAME, secretsmanager:ID"),
]
Seconds = Annotated[float, Field(gt=0, le=60, description="for each attempt")]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def post(
    channel: str,
    url: str,
    message: Mapping[str, Any],
    *,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Returns once the other side has answered with success; `UnavailableError` says why it did not.

    A connection that fails, a full queue (429) or a server error is tried three times; redirects are not followed.
    """
    import httpx

    where, given = filled(channel, url), {name: filled(channel, value) for name, value in (headers or {}).items()}
    try:
        not_inside(where)
    except ValueError as error:
        raise UnavailableError(f"{channel}: {error}, the alert was not delivered") from None
    failure = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS * 2**attempt)
        try:
            answer = httpx.post(where, json=message, headers=given, timeout=timeout_seconds, follow_redirects=False)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            failure = f"{type(error).__name__}"
            continue
        if answer.is_success:
            return
        failure = f"answered {answer.status_code}"
        if not _worth_another_try(answer):
            break
    raise UnavailableError(f"{channel} {shown(url)}: {failure}, the alert was not delivered")


def filled(channel: str, text: str) -> str:
    """The text with what `${NAME}` or a reference leads to; the error names the reference and never a value."""
    if is_reference(text):
        return secret(text)

    def value(reference: re.Match[str]) -> str:
        found = os.environ.get(reference[1], "").strip()
        if not found:
            raise UnavailableError(f"{channel}: the environment variable {reference[1]} is not set")
        return found

    return _VARIABLE.sub(value, text)


def shown(url: str) -> str:
    """The server's name only: the path of a webhook is often its secret."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}" if "://" in url else url


def _worth_another_try(answer: "httpx.Response") -> bool:
    return answer.status_code == 429 or answer.status_code >= 500
