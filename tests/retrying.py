"""Clients that lose no request: each has an id of its own, and what broke is sent again with the same id."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any


class Retrying:
    """Asks `POST /predict` until it is left; `answers` holds what each id got in the end."""

    def __init__(self, address: str, record: Mapping[str, Any], *, kept: int = 6, fresh: int = 2) -> None:
        host, _, port = address.rpartition("/")[2].rpartition(":")
        self._to, self._body = (host, int(port)), json.dumps(record).encode()
        self._clients = (True,) * kept + (False,) * fresh
        self.answers: dict[str, dict[str, Any]] = {}
        self.statuses: Counter[int] = Counter()
        self.refused = 0
        """Connections that nobody took."""
        self.broken: list[str] = []
        """Ids of requests whose connection ended before their answer."""
        self.replayed = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Retrying":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a request never ended"

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(f"c{place}", kept) for place, kept in enumerate(self._clients)))

    async def _client(self, name: str, kept: bool) -> None:
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        number = 0
        while not self._ended.is_set():
            id_ = f"{name}-{number}"
            try:
                line = line or await asyncio.open_connection(*self._to)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            try:
                closes = await self._ask(id_, *line)
                number += 1
            except (OSError, asyncio.IncompleteReadError):
                self.broken.append(id_)
                closes = True
            if closes or not kept:
                line[1].close()
                line = None
        if line is not None:
            line[1].close()

    async def _ask(self, id_: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-request-id: {id_}\r\n"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(self._body) + self._body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(told.partition("content-length:")[2].partition("\r\n")[0]))
        status = int(told.split()[1])
        self.statuses[status] += 1
        if status == 200:
            self.answers[id_] = json.loads(body)
            self.replayed += "idempotent-replay: true" in told
        return "connection: close" in told
