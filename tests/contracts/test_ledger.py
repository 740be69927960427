"""What every ledger promises, on SQLite and on Postgres."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from governed import CAST, START, Clock, declared, deployed, governed, judge, version
from witnessed import notary

from mlmon_dagster.adapters.database.ledger import DatabaseLedger
from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import BlockedError, InputError, TamperedError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE, Member
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.checkpoints import write_checkpoint
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.ports import Transaction

THREADS = 8
EACH = 10


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def granted(books: Transaction, name: str) -> Entry:
    data = {"name": name, "role": "admin"}
    at = START + timedelta(seconds=books.next_seq)
    return Entry(books.next_seq, at, "root", "admin", "role.granted", "*", None, None, f"{name}/*/admin", data)


def test_an_entry_and_what_it_changes_are_kept_together(database: Database) -> None:
    with database.ledger.transaction() as books:
        sealed = books.append(granted(books, "ann"))
    with database.ledger.read() as reading:
        assert [member.name for member in reading.find(Member)] == ["ann"]
        assert reading.entries() == (sealed,)
    assert database.ledger.verify() == (1, sealed.hash)


@pytest.mark.parametrize(("hours", "which"), [(0, ""), (-1, "behind"), (1, "ahead of")])
def test_e49_with_a_clock_that_is_wrong_nobody_approves_and_nothing_is_signed(
    database: Database, tmp_path: Path, hours: int, which: str
) -> None:
    """Where the log is kept on another machine: a SQLite file has the clock of who writes it."""
    ledger = DatabaseLedger(database.engine, lambda: datetime.now(timezone.utc) + timedelta(hours=hours))
    governance = replace(governed(database, Clock()), ledger=ledger)
    register_model(governance, declared().pipeline, version(1), actor=MACHINE)
    asked = request_promotion(governance, declared(), "dev", 1, actor="mia")

    def both() -> None:
        approve(governance, declared(), asked.id, actor="pia")
        write_checkpoint(ledger, notary(tmp_path / "checkpoints"), START)

    if hours and database.engine.dialect.name == "postgresql":
        assert abs(abs(ledger.skew()) - timedelta(hours=1)) < timedelta(minutes=5)
        with pytest.raises(BlockedError, match=which) as refusal:
            both()
        assert refusal.value.code == "CLOCK"
        with pytest.raises(BlockedError, match=which):
            write_checkpoint(ledger, notary(tmp_path / "checkpoints"), START)
    else:
        assert ledger.skew() == timedelta(0)
        both()


def test_an_exception_undoes_everything(database: Database) -> None:
    def fail(books: Transaction) -> None:
        books.append(granted(books, "ann"))
        raise RuntimeError

    with pytest.raises(RuntimeError), database.ledger.transaction() as books:
        fail(books)
    with database.ledger.read() as reading:
        assert reading.find(Member) == ()
        assert reading.entries() == ()


def test_an_entry_out_of_turn_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="next entry is 1"), database.ledger.transaction() as books:
        books.append(Entry(**{**vars(granted(books, "ann")), "seq": 7}))


def test_an_action_from_a_newer_version_is_refused(database: Database) -> None:
    with pytest.raises(InputError, match=r"model\.praised"), database.ledger.transaction() as books:
        books.append(Entry(**{**vars(granted(books, "ann")), "action": "model.praised"}))


def test_threads_and_processes_make_one_unforked_chain(database: Database, database_url: str) -> None:
    """Two engines stand for two processes: they share nothing but the database."""
    other = open_database(database_url)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        ledger = (database if number % 2 else other).ledger
        try:
            for place in range(EACH):
                with ledger.transaction() as books:
                    books.append(granted(books, f"t{number}-{place}"))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert database.ledger.verify()[0] == THREADS * EACH
    with database.ledger.read() as reading:
        assert len(reading.find(Member)) == THREADS * EACH
    other.close()


def test_the_log_is_verified_while_others_write(database: Database) -> None:
    """A look at the log is a look at one state of it: entries that come meanwhile are no tampering."""
    done = threading.Event()

    def write() -> None:
        place = 0
        while not done.is_set():
            place += 1
            with database.ledger.transaction() as books:
                books.append(granted(books, f"t{place}"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lengths = [database.ledger.verify()[0] for _ in range(20)]
    finally:
        done.set()
        writer.join()
    assert lengths == sorted(lengths)


def test_racing_promoters_start_one_deployment(database: Database, database_url: str) -> None:
    clock, one = Clock(), declared()
    governance = governed(database, clock)
    deployed(governance, one, "staging")
    asked = request_promotion(governance, one, "prod", 1, actor="mia")
    for approver in ("pia", "sue"):
        approve(governance, one, asked.id, actor=approver)
    other = open_database(database_url)
    offices = [governance, type(governance)(other.ledger, other.judgements, other.metrics, clock)]
    started: list[str] = []

    def promote(number: int) -> None:
        started.append(open_promotion(offices[number % 2], one, asked.id).id)

    threads = [threading.Thread(target=promote, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == THREADS
    assert len(set(started)) == 1
    with database.ledger.read() as reading:
        assert len(reading.find(Deployment, promotion=asked.id)) == 1
        assert len(reading.entries(action="promotion.opened", subject=asked.id)) == 1
    other.close()


def test_the_projections_are_rebuilt_from_the_log_to_the_last_row(database: Database) -> None:
    one = declared()
    governance = governed(database, Clock())
    deployed(governance, one, "prod")
    before = rows(database)
    with database.engine.begin() as connection:
        for table in ("promotions", "approvals", "deployments", "members", "models"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert rows(database) != before
    database.ledger.rebuild()
    assert rows(database) == before
    database.ledger.verify()


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    tables = ("members", "models", "promotions", "approvals", "deployments", "alerts", "locks")
    with database.engine.connect() as connection:
        return {
            table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")]
            for table in tables
        }


def test_the_database_refuses_to_change_the_log(database: Database) -> None:
    governed(database, Clock())
    for statement in ("UPDATE audit_log SET actor = 'eve'", "DELETE FROM audit_log WHERE seq = 1"):
        with (
            pytest.raises(Exception, match="append-only"),
            database.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            connection.exec_driver_sql(statement)
    assert database.ledger.verify()[0] == len(CAST)


TAMPERED = {
    "an edited row": ("UPDATE audit_log SET payload = (SELECT payload FROM audit_log WHERE seq = 2) WHERE seq = 4", 4),
    "a removed row": ("DELETE FROM audit_log WHERE seq = 3", 3),
    "a cut tail": ("DELETE FROM audit_log WHERE seq > 5", 6),
    "a changed hash": (f"UPDATE audit_log SET hash = '{'0' * 64}' WHERE seq = 2", 2),
    "a changed leaf": (f"UPDATE audit_log SET leaf = '{'0' * 64}' WHERE seq = 5", 5),
    "words an entry is filed under": ("UPDATE audit_log SET actor = 'eve' WHERE seq = 4", 4),
    "a role nobody granted": (
        "INSERT INTO members SELECT 'eve/*/admin', 3, 'eve', role, project, granted_by, granted_at, state, "
        "confirmed_by, contested_by FROM members "
        "WHERE id = 'root/*/admin'",
        3,
    ),
    "a role that was made greater": ("UPDATE members SET role = 'admin' WHERE name = 'mia'", 2),
    "a removed member": ("DELETE FROM members WHERE name = 'mia'", 2),
}


@pytest.mark.parametrize(("statement", "seq"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found_at_the_first_bad_entry(database: Database, statement: str, seq: int) -> None:
    governed(database, Clock())
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if database.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_log_no_UPDATE")
            connection.exec_driver_sql("DROP TRIGGER audit_log_no_DELETE")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_log DISABLE TRIGGER ALL")
        connection.exec_driver_sql(statement)
    with pytest.raises(TamperedError) as found:
        database.ledger.verify()
    assert found.value.seq == seq


def test_swapped_rows_are_found(database: Database) -> None:
    governed(database, Clock())
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if database.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_log_no_UPDATE")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_log DISABLE TRIGGER ALL")
        for old, new in ((3, 99), (5, 3), (99, 5)):
            connection.exec_driver_sql(f"UPDATE audit_log SET seq = {new} WHERE seq = {old}")
    with pytest.raises(TamperedError) as found:
        database.ledger.verify()
    assert found.value.seq == 3


def test_entries_are_found_by_their_words_newest_last(database: Database) -> None:
    one, governance = declared(), governed(database, Clock())
    register_model(governance, one.pipeline, version(), actor=MACHINE)
    asked = request_promotion(governance, one, "dev", None, actor="mia")
    with database.ledger.read() as reading:
        newest = [line.entry.action for line in reading.entries(newest=3)]
        assert newest == ["model.registered", "pipeline.declared", "promotion.requested"]
        assert [line.entry.subject for line in reading.entries(subject=asked.id)] == [asked.id]
        assert reading.one(Promotion, "promotion-0") is None


def test_records_come_in_order_of_their_first_entry(database: Database) -> None:
    one, governance = declared(), governed(database, Clock())
    for number in range(1, 5):
        register_model(governance, one.pipeline, version(number), actor=MACHINE)
        request_promotion(governance, one, "dev", number, actor="mia")
    with database.ledger.read() as reading:
        asked = reading.find(Promotion, state=("requested", "approved"))
    assert [promotion.version for promotion in asked] == [1, 2, 3, 4]


def test_a_command_that_is_refused_leaves_no_entry(database: Database) -> None:
    one, governance = declared(), governed(database, Clock())
    register_model(governance, one.pipeline, version(), actor=MACHINE)
    judge(governance, "dev")
    before = database.ledger.verify()
    with pytest.raises(BlockedError):
        request_promotion(governance, one, "staging", None, actor="mia")
    assert database.ledger.verify() == before


def test_records_are_read_page_by_page_while_others_come(database: Database) -> None:
    """More than ten, so that the order is of numbers and not of letters; what comes meanwhile moves no page."""
    governance, pipeline = governed(database, Clock()), declared().pipeline
    made = [raise_alert(governance, pipeline, "dev", f"c{n}", window=None, reason="r").id for n in range(12)]
    seen: list[str] = []
    while True:
        with database.ledger.read() as reading:
            page = reading.newest(Alert, 5, before=seen[-1] if seen else None, pipeline="prices")
        if not page:
            break
        seen += [one.id for one in page]
        raise_alert(governance, pipeline, "dev", f"late{len(seen)}", window=None, reason="r")
    assert seen == made[::-1]


def test_versions_are_read_newest_first(database: Database) -> None:
    governance, pipeline = governed(database, Clock()), declared().pipeline
    for number in range(1, 13):
        register_model(governance, pipeline, version(number), actor=MACHINE)
    with database.ledger.read() as reading:
        assert [one.number for one in reading.newest(Model, 3)] == [12, 11, 10]
        assert [one.number for one in reading.newest(Model, 3, before="prices/10")] == [9, 8, 7]
        assert reading.newest(Model, 3, before="prices/99") == ()
        assert [line.entry.action for line in reading.entries(newest=1, project=("pricing", "x"))]
        assert reading.entries(newest=1, project=()) == ()
