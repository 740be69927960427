"""Appends to the audit log beside a naive one-table append, and how long a long log takes to verify; prints JSON.

python benchmarks/audit.py [--entries 1000000] [--seconds 3] [--writers 1x1,1x8,1x32,4x8]

Writers are processes x threads: a server that answers many is one process, Dagster's runs and commands are many.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
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
    parser.add_argument("--writers", default="1x1,1x8,1x32,4x8")
    parser.add_argument("--write", nargs=3, metavar=("WHAT", "WHERE", "THREADS"), help="one process's part")
    arguments = parser.parse_args()
    if arguments.write:
        what, where, threads = arguments.write
        print(json.dumps(written_by(what, where, int(threads), arguments.seconds)))
        return
    writers = [(int(processes), int(threads)) for processes, threads in _pairs(arguments.writers)]
    load = os.getloadavg()[0]
    found = {"appends": appends(writers, arguments.seconds), "load": [round(load, 1), round(os.getloadavg()[0], 1)]}
    print(json.dumps({**found, "verify": verifying(arguments.entries)}))


def _pairs(text: str) -> list[list[str]]:
    return [one.split("x") for one in text.split(",")]


def entry(seq: int, subject: str) -> Entry:
    at = START + timedelta(seconds=seq)
    return Entry(seq, at, "ann", "owner", "session.opened", None, None, None, subject, DATA)


def appends(writers: list[tuple[int, int]], seconds: float) -> list[dict[str, object]]:
    """Entries a second, durable; on SQLite always, on Postgres where its binaries are."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for processes, threads in writers:
            name = f"{processes}x{threads}"
            url = f"sqlite:///{folder}/{name}.db"
            found.append(side_by_side("SQLite", url, f"{folder}/naive{name}.db", processes, threads, seconds))
    import postgres

    if postgres.binaries() is None:
        return found
    server = postgres.start("on")
    try:
        for processes, threads in writers:
            url = server.fresh(f"bench{processes}x{threads}")
            found.append(side_by_side("Postgres", url, url, processes, threads, seconds))
    finally:
        server.stop()
    return found


def side_by_side(
    kind: str, ours: str, naive: str, processes: int, threads: int, seconds: float, rounds: int = 3
) -> dict[str, object]:
    """The log and the plain table in turns, the median round of each; the log is verified afterwards."""
    database = open_database(ours)
    rows: dict[str, list[dict[str, float]]] = {"ours": [], "naive": []}
    for _ in range(rounds):
        rows["ours"].append(rate("ours", ours, processes, threads, seconds / rounds))
        rows["naive"].append(rate("naive", naive, processes, threads, seconds / rounds))
    length, _ = database.ledger.verify()
    database.close()
    acknowledged = sum(one["appends"] for one in rows["ours"])
    if length != acknowledged:
        raise SystemExit(f"{acknowledged} entries were acknowledged, and {length} are in the log")
    medians = {name: sorted(some, key=lambda one: one["rate"])[rounds // 2] for name, some in rows.items()}
    return {"kind": kind, "processes": processes, "threads": threads, **medians}


def rate(what: str, where: str, processes: int, threads: int, seconds: float) -> dict[str, float]:
    """Calls a second over all writers, 99th percentile and longest in milliseconds, CPU of the writers per call."""
    part = [sys.executable, __file__, "--seconds", str(seconds), "--write", what, where, str(threads)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(part, **pipes) for _ in range(processes)]
    for one in running:
        one.stdout.readline()
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    parts = [json.loads(one.communicate()[0]) for one in running]
    took = sorted(span for one in parts for span in one["took"])
    count = len(took)
    return {
        "appends": count,
        "rate": round(count / seconds, 1),
        "p99_ms": round(took[int(count * 0.99)] * 1000, 1),
        "longest_ms": round(took[-1] * 1000, 1),
        "cpu_ms": round(sum(one["cpu"] for one in parts) * 1000 / count, 2),
    }


def written_by(what: str, where: str, threads: int, seconds: float) -> dict[str, object]:
    """One process's part of `rate`, once all are ready: how long each append took, and what all of them cost."""
    database = open_database(where) if what == "ours" else None
    if database:
        make = partial(appender, database)
    else:
        make = partial(naive_postgres if where.startswith("postgresql") else naive_sqlite, where)
    took: list[list[float]] = [[] for _ in range(threads)]
    ready, go = threading.Barrier(threads + 1), threading.Event()

    def write(number: int) -> None:
        append = make(number)
        ready.wait()
        go.wait()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            append()
            took[number].append(time.perf_counter() - began)

    running = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()
    go.set()
    for thread in running:
        thread.join()
    cpu = time.process_time() - began
    if database:
        database.close()
    return {"took": [span for spans in took for span in spans], "cpu": cpu}


def appender(database: Database, _number: int) -> Callable[[], None]:
    ledger = database.ledger

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
