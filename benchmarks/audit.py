"""Appends to the audit log beside a naive one-table append, and how long a long log takes to verify; prints JSON.

python benchmarks/audit.py [--entries 1000000] [--seconds 3] [--writers 1,8,32]
"""

import argparse
import json
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.governance.audit import GENESIS, Entry, seal, verify, written
from mlmon_dagster.governance.merkle import Tree
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.history import as_of

START = datetime(2026, 1, 5, tzinfo=timezone.utc)
DATA = {"method": "password", "note": "x" * 180}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--writers", default="1,8,32")
    arguments = parser.parse_args()
    writers = [int(number) for number in arguments.writers.split(",")]
    print(json.dumps({"appends": appends(writers, arguments.seconds), "verify": verifying(arguments.entries)}))


def entry(seq: int, subject: str) -> Entry:
    at = START + timedelta(seconds=seq)
    return Entry(seq, at, "ann", "owner", "session.opened", None, None, None, subject, DATA)


def appends(writers: list[int], seconds: float) -> list[dict[str, object]]:
    """Entries a second, durable, by threads; on SQLite always, on Postgres where its binaries are."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for count in writers:
            database = open_database(f"sqlite:///{folder}/{count}.db")
            ours, longest = rate(partial(appender, [database]), count, seconds)
            naive, _ = rate(partial(naive_sqlite, f"{folder}/naive{count}.db"), count, seconds)
            row = {"kind": "SQLite", "writers": count, "ours": ours, "naive": naive, "longest_ms": longest}
            found.append(row)
            database.ledger.verify()
            database.close()
    import postgres

    if postgres.binaries() is None:
        return found
    server = postgres.start("on")
    try:
        for count in writers:
            url = server.fresh(f"bench{count}")
            databases = [open_database(url) for _ in range(min(count, 8))]
            ours, longest = rate(partial(appender, databases), count, seconds)
            naive, _ = rate(partial(naive_postgres, url), count, seconds)
            row = {"kind": "Postgres", "writers": count, "ours": ours, "naive": naive, "longest_ms": longest}
            found.append(row)
            for database in databases:
                database.close()
    finally:
        server.stop()
    return found


def rate(make: Callable[[int], Callable[[], None]], writers: int, seconds: float) -> tuple[float, float]:
    """Calls a second over all writers, and the 99th percentile of a call in milliseconds."""
    end, took = [0.0], [[] for _ in range(writers)]
    ready = threading.Barrier(writers + 1)

    def write(number: int) -> None:
        append = make(number)
        ready.wait()
        while (began := time.perf_counter()) < end[0]:
            append()
            took[number].append(time.perf_counter() - began)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    end[0] = time.perf_counter() + seconds + 0.2
    ready.wait()
    for thread in threads:
        thread.join()
    every = sorted(span for spans in took for span in spans)
    return round(len(every) / seconds, 1), round(every[int(len(every) * 0.99)] * 1000, 1) if every else 0.0


def appender(databases: list[Database], number: int) -> Callable[[], None]:
    ledger = databases[number % len(databases)].ledger

    def append() -> None:
        with ledger.transaction() as books:
            books.append(entry(books.next_seq, "account/ann"))

    return append


def naive_sqlite(file: str, _number: int) -> Callable[[], None]:
    connection = sqlite3.connect(file, timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload TEXT)")
    text = json.dumps(DATA)
    return lambda: connection.execute("INSERT INTO log (payload) VALUES (?)", (text,)) and None


def naive_postgres(url: str, _number: int) -> Callable[[], None]:
    import psycopg2

    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    cursor, text = connection.cursor(), json.dumps(DATA)
    cursor.execute("SELECT pg_advisory_lock(1)")
    cursor.execute("CREATE TABLE IF NOT EXISTS naive (seq bigserial PRIMARY KEY, payload text)")
    cursor.execute("SELECT pg_advisory_unlock(1)")
    return lambda: cursor.execute("INSERT INTO naive (payload) VALUES (%s)", (text,))


def verifying(entries: int) -> dict[str, float]:
    """CPU seconds of the walks over a log of so many entries in SQLite, and the peak memory of all of it in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/long.db")
        database.close()
        fill(f"{folder}/long.db", entries)
        database = open_database(f"sqlite:///{folder}/long.db")
        governance = Governance(database.ledger, database.judgements, database.metrics, lambda: START)
        found = {
            "chain": clocked(lambda: verify(database.ledger.lines())),
            "tree": clocked(lambda: Tree().grown(bytes.fromhex(line.leaf) for line in database.ledger.lines())),
            "everything": clocked(database.ledger.verify),
            "as_of": clocked(lambda: as_of(governance, START + timedelta(days=9999))),
        }
        database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"entries": entries, **found, "peak_mib": round(peak)}


def fill(file: str, entries: int) -> None:
    connection, previous = sqlite3.connect(file), GENESIS

    def rows():
        nonlocal previous
        for seq in range(1, entries + 1):
            one = entry(seq, f"account/a{seq % 100}")
            sealed = seal(one, previous)
            previous = sealed.hash
            yield seq, sealed.payload, sealed.leaf, sealed.hash, written(one.at), one.actor, one.action, one.subject

    names = "seq, payload, leaf, hash, at, actor, action, subject"
    connection.executemany(f"INSERT INTO audit_log ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows())  # noqa: S608
    connection.execute("UPDATE audit_head SET seq = ?, hash = ?", (entries, previous))
    connection.commit()
    connection.close()


def clocked(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return round(time.process_time() - began, 1)


if __name__ == "__main__":
    main()
