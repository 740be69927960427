"""Micro-batching: clients who come again at once share batches, and nobody waits for those who do not come."""

import asyncio
import time

from mlmon_dagster.serving import microbatch
from mlmon_dagster.serving.microbatch import MicroBatcher

ROUND_SECONDS = 0.05


def _doubled(rows):
    time.sleep(ROUND_SECONDS)
    return [2 * row for row in rows]


async def _client(batcher, first, rounds):
    found = []
    for number in range(first, first + rounds):
        future = asyncio.get_running_loop().create_future()
        batcher.add(number, lambda value, error, future=future: future.set_result((value, error)))
        found.append(await future)
        await asyncio.sleep(0.001)  # the answer is logged, sent, and asked again
    return found


def _asked(clients, rounds):
    async def ask():
        batcher = MicroBatcher(_doubled)
        try:
            first = asyncio.ensure_future(_client(batcher, 0, rounds))
            await asyncio.sleep(ROUND_SECONDS / 2)
            others = [_client(batcher, 100 * place, rounds) for place in range(1, clients)]
            answers = await asyncio.gather(first, *others)
        finally:
            batcher.close()
        return batcher.batches, answers

    return asyncio.run(ask())


def test_clients_that_come_again_share_batches_though_they_began_apart(monkeypatch):
    monkeypatch.setattr(microbatch, "PATIENCE", 20.0)
    monkeypatch.setattr(microbatch, "LONGEST_PATIENCE_SECONDS", 1.0)  # enough where the machine is busy
    batches, answers = _asked(clients=6, rounds=10)
    assert [[value for value, _ in one] for one in answers] == [
        [2 * (100 * place + number) for number in range(10)] for place in range(6)
    ]
    assert 10 <= batches <= 14  # two groups that wait for each other would need 20


def test_a_lone_client_has_a_batch_for_each_row():
    assert _asked(clients=1, rounds=5)[0] == 5


def test_a_batch_goes_on_without_those_who_do_not_come_again():
    async def ask():
        batcher = MicroBatcher(_doubled)
        gone = [_client(batcher, 100 * place, 1) for place in range(1, 5)]
        try:
            return await asyncio.wait_for(asyncio.gather(_client(batcher, 0, 4), *gone), 10), batcher.batches
        finally:
            batcher.close()

    (stays, *_), batches = asyncio.run(ask())
    assert stays == [(0, None), (2, None), (4, None), (6, None)]
    assert batches == 4
