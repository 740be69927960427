"""A proxy before a server that breaks connections in the ways that networks do."""

import asyncio
import random
import threading
from collections import Counter

FAULTS = ("refuse", "reset in request", "reset in answer", "cut answer", "slow", "none", "none", "none")


class FaultProxy:
    """Passes connections on to `port`, each with a fault by chance; `seen` counts them."""

    def __init__(self, port, seed, faults=FAULTS):
        self.seen = Counter()
        self._target, self._random, self._faults = port, random.Random(seed), faults
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        opening = asyncio.start_server(self._pass, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self):
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _pass(self, reader, writer):
        fault = self._random.choice(self._faults)
        self.seen[fault] += 1
        try:
            if fault == "refuse":
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._request(reader, back, fault), self._answer(there, writer, fault))
        except (ConnectionError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def _request(self, reader, back, fault):
        while block := await reader.read(500):
            back.write(block)
            if fault == "reset in request":
                raise ConnectionResetError
            if fault == "slow":
                await asyncio.sleep(0.002)
        back.write_eof()

    async def _answer(self, there, writer, fault):
        while block := await there.read(65536):
            if fault == "reset in answer":  # done, but nobody hears of it
                raise ConnectionResetError
            if fault == "cut answer":
                writer.write(block[: len(block) // 2])
                await writer.drain()
                raise ConnectionResetError
            writer.write(block)
        raise ConnectionResetError
