"""Commands that share a commit: what each of them is told, and what is on disk."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from governed import START
from sqlalchemy import event

from mlmon_dagster.adapters.database import turns
from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.ports import Transaction


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def granted(books: Transaction, name: str) -> None:
    data = {"name": name, "role": "admin"}
    id = f"{name}/*/admin"
    books.append(Entry(books.next_seq, START, "root", "admin", "role.granted", "*", None, None, id, data))


class Crowd:
    """Commands that queue behind a first one, which goes on when all of them wait."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: dict[str, BaseException | None] = {}

    def carry_out(self, *commands: tuple[str, Callable[[Transaction], None]]) -> None:
        """Each by a thread of its own, in this order, all in one group."""
        first, entered, go = commands[0], threading.Event(), threading.Event()

        def begin(books: Transaction) -> None:
            entered.set()
            go.wait(30)
            first[1](books)

        threads = [self._start(first[0], begin)]
        entered.wait(30)
        for number, (name, work) in enumerate(commands[1:], 1):
            threads.append(self._start(name, work))
            while self.database.ledger._commands._waiting < number:
                threading.Event().wait(0.001)
        go.set()
        for thread in threads:
            thread.join()

    def _start(self, name: str, work: Callable[[Transaction], None]) -> threading.Thread:
        def run() -> None:
            try:
                with self.database.ledger.transaction() as books:
                    granted(books, name)
                    work(books)
                self.told[name] = None
            except BaseException as error:
                self.told[name] = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread


def well(books: Transaction) -> None:
    """Nothing goes wrong."""


def badly(books: Transaction) -> None:
    raise RuntimeError


def lines(database: Database) -> list[str]:
    return [line.entry.data["name"] for line in database.ledger.lines()]


def test_commands_that_wait_for_one_another_are_committed_together(database: Database) -> None:
    commits: list[Any] = []
    event.listen(database.engine, "commit", commits.append)
    Crowd(database).carry_out(("a", well), ("b", well), ("c", well), ("d", well))
    assert len(commits) == 1
    assert sorted(lines(database)) == ["a", "b", "c", "d"]
    database.ledger.verify()


@pytest.mark.parametrize("place", range(4))
def test_a_command_that_fails_leaves_the_others_of_its_group(database: Database, place: int) -> None:
    crowd, names = Crowd(database), "abcd"
    crowd.carry_out(*((name, badly if name == names[place] else well) for name in names))
    failed = [name for name, error in crowd.told.items() if error is not None]
    assert failed == [names[place]]
    assert sorted(lines(database)) == sorted(set(names) - set(failed))
    database.ledger.verify()


def test_a_command_that_fails_before_it_asked_for_anything_leaves_the_one_before(database: Database) -> None:
    def fail() -> None:
        with pytest.raises(RuntimeError), database.ledger.transaction():
            raise RuntimeError

    late = threading.Thread(target=fail)

    def begin(books: Transaction) -> None:
        late.start()
        while not database.ledger._commands._waiting:
            threading.Event().wait(0.001)

    Crowd(database).carry_out(("a", well), ("b", well), ("c", begin))
    late.join()
    assert sorted(lines(database)) == ["a", "b", "c"]
    database.ledger.verify()


def test_a_lost_connection_fails_the_whole_group_and_the_next_one_does_well(database: Database) -> None:
    def lose(books: Any) -> None:
        connection = books._connection
        if database.engine.dialect.name == "postgresql":
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with database.engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            connection.exec_driver_sql("SELECT 1")
        else:
            connection.connection.dbapi_connection.close()
            raise UnavailableError("the disk is gone")

    crowd = Crowd(database)
    crowd.carry_out(("a", well), ("b", lose))
    assert [type(crowd.told[name]) for name in ("a", "b")] == [UnavailableError, UnavailableError]
    assert lines(database) == []
    with database.ledger.transaction() as books:
        granted(books, "c")
    assert lines(database) == ["c"]
    database.ledger.verify()


def test_a_commit_that_fails_is_told_to_everybody_in_it(database: Database) -> None:
    def refuse(_connection: Any) -> None:
        raise OSError("no space left on device")

    event.listen(database.engine, "commit", refuse)
    crowd = Crowd(database)
    crowd.carry_out(("a", well), ("b", well))
    assert [type(crowd.told[name]) for name in ("a", "b")] == [OSError, OSError]
    event.remove(database.engine, "commit", refuse)
    assert lines(database) == []


def test_who_has_a_turn_keeps_others_waiting_and_nobody_waits_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/mlmon.db"
    one, other = open_database(url), open_database(url)
    with turns.turn(one.engine):
        monkeypatch.setattr(turns, "LONGEST_SECONDS", 0.05)
        with other.ledger.transaction() as books:
            granted(books, "a")
    assert lines(one) == ["a"]
    for database in (one, other):
        database.close()
