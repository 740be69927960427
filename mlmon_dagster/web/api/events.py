"""Live updates: what is recorded in the projects that one sees, as it happens (server-sent events)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from pydantic import StringConstraints
from starlette.concurrency import run_in_threadpool

from mlmon_dagster.errors import DeniedError, MlmonError
from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.web.documents import AtDesk, TheWeb
from mlmon_dagster.web.listening import Stream
from mlmon_dagster.web.recognition import recognised
from mlmon_dagster.web.route import GovernedRoute, takes
from mlmon_dagster.web.state import Web

router = APIRouter(prefix="/events", tags=["events"], route_class=GovernedRoute)

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15
CHECK_SECONDS = 30
"""How often it is looked whether the listener is still recognised, and what they see."""

LONGEST_SECONDS = 3600
"""Then the stream ends, and browsers come again by themselves."""

LastSeen = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]


STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("", response_class=StreamingResponse, responses=STREAM, **takes("see"))
async def listen(
    request: Request,
    web: TheWeb,
    at: AtDesk,
    last_event_id: Annotated[LastSeen | None, Header(description="go on after this entry")] = None,
) -> StreamingResponse:
    """Every entry of the audit log that the caller may see: `event` is its action, `id` its number, `data` the entry.

    Who comes again with `Last-Event-ID` misses nothing of the last 2,000 entries; the event `gap` says that more is
    missing. One caller has up to 20 streams open; one that is not read for 30 seconds ends.
    """
    start = int(last_event_id) if last_event_id is not None else await run_in_threadpool(_newest, at)
    web.listeners.enter(at.standing.actor)
    return Stream(_stream(request, web, at, start), web.listeners, at.standing.actor)


async def _stream(request: Request, web: Web, at: Desk, seq: int) -> AsyncIterator[str]:
    began = said = checked = time.monotonic()
    yield f": from entry {seq}\n\n"
    while time.monotonic() - began < LONGEST_SECONDS:
        try:
            if time.monotonic() - checked > CHECK_SECONDS:
                at, checked = web.desk(await run_in_threadpool(recognised, request, web)), time.monotonic()
            lines = await run_in_threadpool(web.news.after, at.standing.governance, seq)
            shown = [line for line in lines if at.standing.sees(line.entry.project)]
        except DeniedError:
            return
        except MlmonError:
            lines, shown = (), []
        if lines and lines[0].seq > seq + 1:
            yield f"event: gap\ndata: {json.dumps({'from': seq + 1, 'to': lines[0].seq - 1})}\n\n"
        for line in shown:
            yield _event(line)
        seq = lines[-1].seq if lines else seq
        if shown or time.monotonic() - said > HEARTBEAT_SECONDS:
            said = time.monotonic()
            yield ": still here\n\n" if not shown else ""
        await asyncio.sleep(TICK_SECONDS)


def _event(line: Sealed) -> str:
    document: dict[str, Any] = json.loads(line.payload)
    return f"id: {line.seq}\nevent: {document['action']}\ndata: {line.payload.decode()}\n\n"


def _newest(at: Desk) -> int:
    with at.standing.governance.ledger.read() as reading:
        return next((line.seq for line in reading.entries(newest=1)), 0)
