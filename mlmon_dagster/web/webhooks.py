"""What webhooks need: the secret that GitHub signs with, the topics of SNS, and a row in the log for each delivery."""

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from mlmon_dagster.adapters.identity.claims import RefusedTokenError
from mlmon_dagster.adapters.identity.notifications import AWS, TOPIC, Topics
from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.errors import InputError
from mlmon_dagster.web.limits import App, Receive, Scope, Send
from mlmon_dagster.web.problems import ProblemError

PREFIX = "/api/webhooks/"
SNS = f"{PREFIX}sns"
SHORTEST_SECRET = 20
SIGNATURE = "x-hub-signature-256"
_DELIVERY = re.compile(r"[0-9A-Za-z-]{8,64}")
_EVENT = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True)
class Webhooks:
    """Who may tell us what happened elsewhere."""

    github: str | None = None
    """The secret that GitHub signs deliveries with, or the reference to it."""
    topics: Topics | None = None

    def github_delivery(self, request: Request, body: bytes) -> tuple[str, str]:
        """Number and event of a delivery that GitHub signed; raises `RefusedTokenError` (401), `ProblemError` (400)."""
        assert self.github is not None  # noqa: S101 - the route asked
        given = request.headers.getlist(SIGNATURE)
        key = secret(self.github) if is_reference(self.github) else self.github
        expected = f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), expected.encode()):
            raise RefusedTokenError("the delivery is not signed with our secret")
        delivery, event = request.headers.getlist("x-github-delivery"), request.headers.getlist("x-github-event")
        if len(delivery) != 1 or not _DELIVERY.fullmatch(delivery[0]):
            raise ProblemError(400, "DELIVERY", "the delivery has no number (X-GitHub-Delivery)")
        if len(event) != 1 or not _EVENT.fullmatch(event[0]):
            raise ProblemError(400, "EVENT", "the delivery names no event (X-GitHub-Event)")
        return delivery[0], event[0]


def read_webhooks(environ: Mapping[str, str]) -> Webhooks:
    """Webhooks from `environ`; an empty or short secret is an error, never a check that is skipped."""
    return Webhooks(_secret(environ), _topics(environ))


def _secret(environ: Mapping[str, str]) -> str | None:
    text = environ.get("MLMON_GITHUB_WEBHOOK_SECRET")
    if text is None:
        return None
    text = text.strip()
    if not is_reference(text) and len(text) < SHORTEST_SECRET:
        raise InputError(
            f"MLMON_GITHUB_WEBHOOK_SECRET needs at least {SHORTEST_SECRET} random characters, or a reference to them",
            hint='python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return text


def _topics(environ: Mapping[str, str]) -> Topics | None:
    text = environ.get("MLMON_SNS_TOPICS")
    if text is None:
        return None
    arns = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if not arns or not all(re.fullmatch(TOPIC, arn) for arn in arns):
        raise InputError("MLMON_SNS_TOPICS holds the ARNs of topics, separated by commas")
    url = environ.get("MLMON_SNS_URL", "").strip().rstrip("/")
    if url and not url.startswith(("https://", "http://127.0.0.1:")):
        raise InputError("MLMON_SNS_URL has to begin with https://")
    return Topics(arns, re.escape(url) if url else AWS)


class Deliveries:
    """ASGI middleware: one row in the log `mlmon.webhooks` for each delivery, whatever became of it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not str(scope["path"]).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            headers = dict(scope["headers"])
            told = [
                headers.get(name, b"") for name in (b"x-github-event", b"x-github-delivery", b"x-amz-sns-message-id")
            ]
            words = " ".join(re.sub(r"[^0-9A-Za-z_-]", "?", one[:64].decode("latin-1")) for one in told if one)
            logging.getLogger("mlmon.webhooks").info("%s %s: %s", scope["path"][:64], words or "-", status)
