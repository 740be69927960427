"""The same application behind ASGI, for Lambda and for servers of others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlmon_dagster.serving.application import Application
from mlmon_dagster.serving.messages import Answer, Request
from mlmon_dagster.serving.problems import ProblemError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOOK_SECONDS = 1.0


class AsgiApplication:
    """`Application` as an ASGI 3 callable."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._looked = time.monotonic()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await _send(send, await self._answer(scope, receive), self.application.draining)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> Answer:
        headers = {name.lower(): value for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], scope.get("query_string", b""), headers)
        try:
            request.body = await _body(receive, self.application.body_limit(request.path))
        except ProblemError as problem:
            answer = problem.answer
        else:
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

            def reply(given: Answer) -> None:
                if not future.done():
                    future.set_result(given)

            self.application.handle(request, reply)
            answer = await future
        self.application.count(request, answer.status)
        self._look()
        return answer

    def _look(self) -> None:
        """Once a second at most, with a request: nothing runs between two invocations of a function on Lambda."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.application.look()


async def _body(receive: Receive, limit: int) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "the connection ended before the body did")
        content += message.get("body", b"")
        if len(content) > limit:
            raise ProblemError(413, f"the body is larger than {limit} bytes; send fewer records at a time")
        if not message.get("more_body"):
            return bytes(content)


async def _send(send: Send, answer: Answer, closing: bool) -> None:
    headers = [(b"content-type", answer.kind), (b"content-length", b"%d" % len(answer.body))]
    headers += [(name, value) for name, _, value in (line.partition(b": ") for line in answer.headers.splitlines())]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
