"""A server's private line: takes over the environment's listening socket, gives it on, and drains.

The socket itself travels from the old process to the new while requests go on: it is never closed, so no connection
is refused or lost.
"""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvicorn

from mlmon_dagster.serving.app import ServerState

DRAIN_SECONDS = 1.0
"""How long a draining server waits for clients to bring their last request on a kept connection."""


class Handover:
    """Answers `adopt`, `share` and `drain` for one running server."""

    def __init__(self, server: uvicorn.Server, state: ServerState) -> None:
        self._server = server
        self._state = state
        self._public: socket.socket | None = None
        self._listening: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()

    def open(self, path: Path) -> None:
        """Listens at `path` in a thread of its own; only this user's processes can reach it."""
        path.unlink(missing_ok=True)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.bind(str(path))
        path.chmod(0o600)
        line.listen(4)
        threading.Thread(target=self._answer_all, args=(line,), daemon=True, name="control").start()

    def _answer_all(self, line: socket.socket) -> None:
        while True:
            caller, _ = line.accept()
            with caller:
                try:
                    self._answer(caller)
                except OSError:
                    continue

    def _answer(self, caller: socket.socket) -> None:
        content, files, _, _ = socket.recv_fds(caller, 4096, 1)
        try:
            shared = self._do(json.loads(content), files)
            answer: dict[str, Any] = {"done": True}
        except Exception as error:  # a request starts here: the caller is told, and the line stays open
            shared, answer = [], {"done": False, "reason": str(error) or type(error).__name__}
        socket.send_fds(caller, [json.dumps(answer).encode()], shared)

    def _do(self, command: Any, files: list[int]) -> list[int]:
        if command == "adopt" and files:
            self._run(self._adopt(socket.socket(fileno=files[0])))
        elif command == "share" and self._public is not None:
            return [self._public.fileno()]
        elif command == "drain":
            self._run(self._stop_listening())
            asyncio.run_coroutine_threadsafe(self._drain(), self._loop)
        else:
            raise ValueError(f"nothing to {command}")
        return []

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=5)

    async def _adopt(self, public: socket.socket) -> None:
        """Accepts connections on `public` too, in place of the socket that was adopted before."""
        config, server = self._server.config, self._server

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=server.server_state, app_state=server.lifespan.state
            )
            return made

        if self._listening is not None and self._public is not None:
            self._listening.close()
            self._public.close()
        public.setblocking(False)
        self._listening = await self._loop.create_server(protocol, sock=socket.socket(fileno=os.dup(public.fileno())))
        self._public = public

    async def _stop_listening(self) -> None:
        self._state.draining = True
        if self._listening is not None:
            self._listening.close()

    async def _drain(self) -> None:
        await asyncio.sleep(DRAIN_SECONDS)
        self._server.should_exit = True
