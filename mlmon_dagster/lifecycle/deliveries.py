"""Deliveries of webhooks: each is kept before anything is done, and done once.

A delivery whose process died is done again when it comes again: what it does can be repeated. One that failed is
forgotten, so that the sender's next attempt counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from mlmon_dagster.governance.access import Used
from mlmon_dagster.lifecycle.identity import Identity

KEPT = timedelta(days=30)
DONE = "done"
DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Delivery:
    """Who sent it, and the number under which it comes again."""

    source: str
    id: str


def deliver(identity: Identity, delivery: Delivery, act: Callable[[], str]) -> str:
    """What `act` says it did; `duplicate` when this delivery was done already."""
    until = identity.governance.now() + KEPT
    taken = Used(f"delivery|{delivery.source}|{delivery.id}"[:256], until)
    if not identity.credentials.claim(taken):
        known = identity.credentials.one(Used, taken.id)
        if known is not None and known.value == DONE:
            return DUPLICATE
    try:
        said = act()
    except BaseException:
        identity.credentials.remove(Used, taken.id)
        raise
    identity.credentials.save(replace(taken, value=DONE))
    identity.credentials.forget(identity.governance.now())
    return said
