"""A server's private line: only this user's processes reach it, and it knows one command, `drain`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


async def open_line(path: Path, drain: Callable[[], None]) -> asyncio.Server:
    """Listens at `path`; `drain` is called when the server shall end."""
    path.unlink(missing_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told: dict[str, Any] = {"done": True}
        try:
            command = json.loads(await reader.readline())
            if command != "drain":
                raise ValueError(f"nothing to {command}")
            drain()
        except Exception as error:  # a request starts here: the caller is told, and the line stays open
            told = {"done": False, "reason": str(error) or type(error).__name__}
        writer.write(json.dumps(told).encode())
        writer.close()

    line = await asyncio.start_unix_server(answer, str(path))
    path.chmod(0o600)
    return line
