"""Webhooks: what GitHub and CloudWatch tell us happened. What they send is signed, and counts once."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from mlmon_dagster.adapters.identity.notifications import NOTIFICATION, SUBSCRIPTION, Notification
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.lifecycle.alarms import Alarm, take_alarm
from mlmon_dagster.lifecycle.deliveries import DUPLICATE, Delivery, deliver
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.github_events import take_event
from mlmon_dagster.web.route import PUBLIC, GovernedRoute, takes
from mlmon_dagster.web.state import Web

router = APIRouter(prefix="/webhooks", tags=["integrations"], route_class=GovernedRoute)

IGNORED = "ignored"


class Taken(BaseModel):
    """What became of a delivery."""

    status: str = Field(
        description="what was done; `duplicate` when it came before, `ignored` when it means nothing here"
    )


async def _content(request: Request) -> bytes:
    return await request.body()


Content = Annotated[bytes, Depends(_content)]
TAKEN: dict[int | str, dict[str, Any]] = {202: {"model": Taken, "description": "Signed, and of no meaning here"}}


@router.post("/github", response_model=Taken, responses=TAKEN, **takes(PUBLIC))
def receive_github(request: Request, response: Response, web: TheWeb, content: Content) -> Any:
    """Takes a delivery of a GitHub webhook, signed with `X-Hub-Signature-256` in lower case, as GitHub sends it.

    Statuses and check runs of a commit become findings where a gate asks for them; a push brings the pipelines up to
    date; a branch that was rewritten or removed is a critical alert. The repository has to be connected.
    """
    if web.webhooks.github is None:
        raise MissingError("no webhook of GitHub is declared (MLMON_GITHUB_WEBHOOK_SECRET)")
    number, event = web.webhooks.github_delivery(request, content)
    document = _document(content)
    said = deliver(web.identity, Delivery("github", number), lambda: take_event(web, event, document))
    return _answered(response, said)


@router.post("/sns", response_model=Taken, responses=TAKEN, **takes(PUBLIC))
def receive_sns(response: Response, web: TheWeb, content: Content) -> Any:
    """Takes a message of an Amazon SNS topic that is listened to, signed with SHA-256 (signature version 2).

    Alarms of CloudWatch with the dimensions `pipeline` and `environment` raise and resolve alerts; a subscription is
    confirmed at SNS.
    """
    if web.webhooks.topics is None:
        raise MissingError("no topic of SNS is declared (MLMON_SNS_TOPICS)")
    now = web.premises.governance.now()
    found = web.webhooks.topics.notification(_document(content), web.providers.keys, now)
    said = deliver(web.identity, Delivery("sns", found.id), lambda: _take(web, found))
    return _answered(response, said)


def _take(web: Web, found: Notification) -> str:
    if found.kind == SUBSCRIPTION:
        assert web.webhooks.topics is not None  # noqa: S101 - it was asked before
        web.webhooks.topics.confirm(found)
        return "subscribed"
    if found.kind != NOTIFICATION:
        return "unsubscribed"
    try:
        message = json.loads(found.message)
    except ValueError:
        return IGNORED
    if not isinstance(message, dict) or "AlarmName" not in message:
        return IGNORED
    alarm, place = _alarm(message), _place(message)
    declared = web.premises.pipelines().get(place.get("pipeline", ""))
    environment = place.get("environment")
    if declared is None or (environment is not None and environment not in declared.pipeline.environments):
        return IGNORED
    identity = web.identity
    return take_alarm(identity.governance, identity.credentials, declared.pipeline, environment, alarm)


def _alarm(message: Mapping[str, Any]) -> Alarm:
    name, state, said = (message.get(key) for key in ("AlarmName", "NewStateValue", "NewStateReason"))
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or not isinstance(said, str):
        raise InputError("the alarm has no name or reason")
    if state not in ("OK", "ALARM", "INSUFFICIENT_DATA"):
        raise InputError("the alarm has no state that CloudWatch knows")
    arn = message.get("AlarmArn")
    return Alarm(str(arn or name), name, str(state), _clean(said) or name, _changed_at(message.get("StateChangeTime")))


def _changed_at(text: Any) -> datetime:
    """CloudWatch writes `+0000`, which Python 3.10 does not read."""
    try:
        found = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(text).replace("Z", "+00:00")))
    except ValueError:
        raise InputError("the alarm does not say when its state changed", code="TIME") from None
    if found.tzinfo is None or not 2000 < found.year < 2100:
        raise InputError("the alarm does not say when its state changed", code="TIME")
    return found


def _place(message: Mapping[str, Any]) -> dict[str, str]:
    """The alarm's dimensions, by name in small letters."""
    trigger = message.get("Trigger")
    metrics = trigger.get("Metrics") if isinstance(trigger, dict) else None
    inner = [one.get("MetricStat", {}).get("Metric", {}) for one in metrics or [] if isinstance(one, dict)]
    found: dict[str, str] = {}
    for part in [*inner, trigger]:
        dimensions = part.get("Dimensions") if isinstance(part, dict) else None
        for one in dimensions if isinstance(dimensions, list) else []:
            if isinstance(one, dict):
                found[str(one.get("name", "")).lower()] = str(one.get("value", ""))
    return found


def _clean(text: str) -> str:
    """What somebody else wrote, on one line and without what cannot be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:1000]).split())


def _document(content: bytes) -> dict[str, Any]:
    found = json.loads(content or b"null")
    if not isinstance(found, dict):
        raise InputError("expected an object")
    return found


def _answered(response: Response, said: str) -> dict[str, str]:
    response.status_code = 202 if said == IGNORED else 200
    return {"status": said if said != DUPLICATE else DUPLICATE}
