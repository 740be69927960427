"""Clients that keep a server busy and count what they get: on kept connections, and on a new one for every request."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any


class Load:
    """Asks `POST path` from a thread of its own until it is left; `answers` counts (status, model version)."""

    def __init__(
        self, address: str, record: Mapping[str, Any], *, kept: int = 4, fresh: int = 2, headers: Mapping[str, str] = {}
    ) -> None:
        host, _, port = address.rpartition("/")[2].rpartition(":")
        self.answers: Counter[tuple[Any, Any]] = Counter()
        self._to, self._clients = (host, int(port)), (True,) * kept + (False,) * fresh
        body = json.dumps(record).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}"
        self._request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(90)
        assert not self._thread.is_alive(), "a request never ended"

    @property
    def failures(self) -> dict[Any, int]:
        """Everything that was not an answer with status 200."""
        return {what: count for what, count in self.answers.items() if what[0] != 200}

    def seen(self, version: int) -> int:
        """Answers of that version."""
        return self.answers[200, version]

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(kept) for kept in self._clients))

    async def _client(self, kept: bool) -> None:
        connection = None
        while not self._ended.is_set():
            try:
                connection = connection or await asyncio.open_connection(*self._to)
                status, body, closes = await self._ask(*connection)
                self.answers[status, json.loads(body).get("model_version")] += 1
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.answers[type(error).__name__, None] += 1
                closes = True
                await asyncio.sleep(0.01)
            if connection is not None and (closes or not kept):
                connection[1].close()
                with contextlib.suppress(OSError):
                    await connection[1].wait_closed()
                connection = None
        if connection is not None:
            connection[1].close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes, bool]:
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length), "connection: close" in head
