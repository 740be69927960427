"""What was acknowledged is there, once, whatever is killed: the database's server, or a process that writes."""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from governed import START

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.governance.roles import Actor
from mlmon_dagster.lifecycle.governance import Act
from mlmon_dagster.lifecycle.once import Once

WRITERS = 8


def record(database: Database, key: str) -> None:
    """An entry with a key, so that asking again after a lost answer records it once."""
    with database.ledger.transaction() as books:
        act = Act(books, Actor("ann", "person"), "owner", START)
        once = Once(act, key, (key,))
        if once.subject is None:
            data = {"account": "ann", "label": key, "scopes": ["read"], **once.data}
            act.append("token.issued", f"token/{key}", data, project="*")


def keys(database: Database) -> Counter[str]:
    return Counter(line.entry.data["key"] for line in database.ledger.lines())


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A server of this test alone, which waits for the disk as it should."""
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server binaries (initdb, pg_ctl) are installed")
    one = postgres.start("on")
    yield one
    one.stop()


def killed(server: postgres.Server, times: int) -> None:
    """Kills the server so often while threads write, and compares what they were told with what is there."""
    database = open_database(server.fresh("killed"))
    acknowledged: list[set[str]] = [set() for _ in range(WRITERS)]
    refused = [0] * WRITERS
    over = threading.Event()

    def write(number: int) -> None:
        place = 0
        while not over.is_set():
            key = f"w{number}x{place}"
            try:
                record(database, key)
            except UnavailableError:
                refused[number] += 1
                time.sleep(0.05)
                continue
            acknowledged[number].add(key)
            place += 1

    def more(entries: int) -> None:
        enough = sum(map(len, acknowledged)) + entries
        while sum(map(len, acknowledged)) < enough:
            assert any(thread.is_alive() for thread in threads), "nobody writes any more"
            time.sleep(0.01)

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    chance = random.Random(7)
    for _ in range(times):
        more(chance.randrange(20, 60))
        server.kill()
        server.serve()
    more(50)
    over.set()
    for thread in threads:
        thread.join()
    found, told = keys(database), set().union(*acknowledged)
    assert sum(refused) > 0, "somebody noticed"
    assert told <= set(found), "nothing that was acknowledged is lost"
    assert set(found.values()) == {1}, "nothing is there twice"
    assert len(found) - len(told) <= WRITERS, "no more than each writer's last one is there without its answer"
    assert database.ledger.verify()[0] == len(found)
    database.close()


@pytest.mark.postgres
def test_a_server_that_is_killed_loses_nothing_it_acknowledged(server: postgres.Server) -> None:
    killed(server, 2)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_server_that_is_killed_thirty_times_loses_nothing_it_acknowledged(server: postgres.Server) -> None:
    killed(server, 30)


def write_until_killed(url: str, number: int, told: str) -> None:
    """One process with three threads; each line of its file was acknowledged before it was written there."""
    database = open_database(url)

    def write(thread: int) -> None:
        with Path(f"{told}.{thread}").open("a", buffering=1) as file:
            place = 0
            while True:
                key = f"p{number}t{thread}x{place}"
                record(database, key)
                file.write(f"{key}\n")
                place += 1

    for thread in range(3):
        threading.Thread(target=write, args=(thread,), daemon=True).start()
    threading.Event().wait(300)


def processes_killed(database_url: str, tmp_path: Path, times: int) -> None:
    database = open_database(database_url)
    forked = multiprocessing.get_context("fork")

    def started(number: int) -> multiprocessing.process.BaseProcess:
        one = forked.Process(target=write_until_killed, args=(database_url, number, str(tmp_path / f"told{number}")))
        one.start()
        return one

    database.close()
    running = [started(number) for number in range(3)]

    def more(entries: int) -> None:
        enough = len(said(tmp_path)) + entries
        while len(said(tmp_path)) < enough:
            assert any(one.is_alive() for one in running), "nobody writes any more"
            time.sleep(0.01)

    chance = random.Random(7)
    for number in range(3, 3 + times):
        more(chance.randrange(5, 40))
        victim = running.pop(chance.randrange(3))
        os.kill(victim.pid or 0, signal.SIGKILL)
        victim.join()
        running.append(started(number))
    more(20)
    for one in running:
        one.kill()
        one.join()
    database = open_database(database_url)
    record(database, "afterwards")
    found = keys(database)
    assert said(tmp_path) <= set(found)
    assert set(found.values()) == {1}
    assert database.ledger.verify()[0] == len(found)
    database.close()


def said(folder: Path) -> set[str]:
    """What writers were told; the last line may be cut."""
    return {line for file in folder.glob("told*") for line in file.read_text().split("\n")[:-1]}


def test_writers_that_are_killed_hold_up_nobody_and_lose_nothing(database_url: str, tmp_path: Path) -> None:
    processes_killed(database_url, tmp_path, 3)


@pytest.mark.slow
def test_many_writers_that_are_killed_hold_up_nobody_and_lose_nothing(database_url: str, tmp_path: Path) -> None:
    processes_killed(database_url, tmp_path, 40)
