"""The audit log and its projections in a database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Engine, Select, func, insert, select, text, tuple_, update

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.group import GroupCommit, Head
from mlmon_dagster.adapters.database.schema import PROJECTIONS, audit_head, audit_log
from mlmon_dagster.errors import MissingError, TamperedError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import GENESIS, Entry, Sealed, seal, walk
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.governance.projections import Change, Insert, Remove, Tables, Update, apply, replay
from mlmon_dagster.governance.promotions import Approval, Promotion

R = TypeVar("R")

BATCHES = {"yield_per": 1000}
"""The log is read in batches: it does not have to fit into memory."""

NUMBERED = (Promotion, Approval, Deployment, Alert, Maintenance)
"""Records whose identifiers end in the number of their first entry: the longer one, else the greater, is newer.

Of the other records the number of the last entry tells which one is newer.
"""

COPIED = ("at", "actor", "action", "project", "pipeline", "environment", "subject")
"""Fields of an entry that are also columns, to be searched by."""

LOCK: dict[str, Any] = {
    "sqlite": select(audit_head.c.seq, audit_head.c.hash),
    "postgresql": text("SELECT seq, hash FROM audit_head_lock()"),
}
"""Reads the head; on Postgres commands queue for it, on SQLite whoever writes has the file."""

APPEND = text("SELECT leaf, hash FROM audit_append(:seq, :payload)")
KEEP, MOVE = insert(audit_log), update(audit_head)


class DatabaseReading:
    """See `ports.Reading`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        found = [kind(*row) for row in self._connection.execute(_records(kind, where))]
        return tuple(sorted(found, key=_first_entry))

    def newest(self, kind: type[R], count: int, *, before: str | None = None, **where: Any) -> tuple[R, ...]:
        table, query = PROJECTIONS[kind], _records(kind, where)
        if kind in NUMBERED:
            order: tuple[Any, ...] = (func.length(table.c.id), table.c.id)
            place: tuple[Any, ...] = (len(before or ""), before)
        else:
            order = (table.c.seq,)
            place = (select(table.c.seq).where(table.c.id == before).scalar_subquery(),)
        if before is not None:
            query = query.where(tuple_(*order) < tuple_(*place) if len(order) > 1 else order[0] < place[0])
        query = query.order_by(*(part.desc() for part in order)).limit(count)
        return tuple(kind(*row) for row in self._connection.execute(query))

    def one(self, kind: type[R], id: str) -> R | None:
        return next(iter(self.find(kind, id=id)), None)

    def line(self, seq: int) -> Sealed:
        row = self._connection.execute(_lines().where(audit_log.c.seq == seq)).one_or_none()
        if row is None:
            raise MissingError(f"the audit log has no entry {seq}")
        return Sealed(row.seq, bytes(row.payload), row.leaf, row.hash)

    def entries(
        self, *, newest: int | None = None, before: int | None = None, after: int | None = None, **where: Any
    ) -> tuple[Sealed, ...]:
        query = _lines()
        if before is not None:
            query = query.where(audit_log.c.seq < before)
        if after is not None:
            query = query.where(audit_log.c.seq > after)
        for name, value in where.items():
            query = query.where(_equals(audit_log.c[name], value))
        query = query.order_by(audit_log.c.seq.desc()).limit(newest)
        found = [Sealed(row.seq, bytes(row.payload), row.leaf, row.hash) for row in self._connection.execute(query)]
        return tuple(reversed(found))


class DatabaseTransaction(DatabaseReading):
    """See `ports.Transaction`; made while the write lock (SQLite) or the head row's lock (Postgres) is held."""

    def __init__(self, connection: Connection, head: Head) -> None:
        super().__init__(connection)
        self.head = head

    @property
    def next_seq(self) -> int:
        return self.head.seq + 1

    def append(self, entry: Entry) -> Sealed:
        if entry.seq != self.next_seq:
            raise ValueError(f"the next entry is {self.next_seq}, not {entry.seq}")
        for change in apply(entry):
            self._carry_out(change, entry.seq)
        sealed = seal(entry, self.head.hash)
        self._keep(entry, sealed)
        self.head = Head(sealed.seq, sealed.hash)
        return sealed

    def _keep(self, entry: Entry, sealed: Sealed) -> None:
        """Postgres computes the hashes again, in a function that alone may write the log."""
        if self._connection.dialect.name == "sqlite":
            copied = {name: getattr(entry, name) for name in COPIED}
            self._connection.execute(KEEP, {**_columns(sealed), **copied})
            self._connection.execute(MOVE, {"seq": sealed.seq, "hash": sealed.hash})
            return
        given = {"seq": sealed.seq, "payload": sealed.payload}
        kept = self._connection.execute(APPEND, given).one()
        if (kept.leaf, kept.hash) != (sealed.leaf, sealed.hash):
            raise TamperedError(f"the database hashed entry {sealed.seq} otherwise than this program", seq=sealed.seq)

    def _carry_out(self, change: Change, seq: int) -> None:
        match change:
            case Insert(record):
                self._connection.execute(insert(PROJECTIONS[type(record)]), _values(record))
            case Update(kind, id, values):
                table = PROJECTIONS[kind]
                self._connection.execute(update(table).where(table.c.id == id).values(seq=seq, **values))
            case Remove(kind, id):
                table = PROJECTIONS[kind]
                self._connection.execute(table.delete().where(table.c.id == id))


class DatabaseLedger:
    """See `ports.Ledger`. Commands queue: threads here, processes at the database's lock."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._engine, self._clock = engine, clock
        self._commands = GroupCommit(engine)

    @contextmanager
    def read(self) -> Iterator[DatabaseReading]:
        with connected(self._engine, writes=False) as connection:
            yield DatabaseReading(connection)

    @contextmanager
    def transaction(self) -> Iterator[DatabaseTransaction]:
        with self._commands.command() as group:
            books = DatabaseTransaction(group.connection, group.head or _locked(group.connection))
            yield books
            group.head = books.head

    def lines(self, *, after: int = 0) -> Iterator[Sealed]:
        with connected(self._engine, writes=False) as connection:
            yield from _walk(connection, after)

    def verify(self) -> tuple[int, str]:
        with connected(self._engine, writes=False) as connection:
            read = _Read(connection)
            recorded = replay(read.entries())
            head = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
            if (head.seq, head.hash) != (read.length, read.last):
                seq = min(read.length, head.seq) + 1
                message = f"the audit log ends with entry {read.length}, but its head says {head.seq}"
                raise TamperedError(message, seq=seq)
            _verify_projections(DatabaseReading(connection), recorded)
        return read.length, read.last

    def rebuild(self) -> None:
        with self._commands.command() as group:
            connection = group.connection
            group.head = group.head or _locked(connection)
            for kind, records in replay(line.entry for line in _walk(connection)).items():
                connection.execute(PROJECTIONS[kind].delete())
                if records:
                    connection.execute(insert(PROJECTIONS[kind]), [_values(record) for record in records.values()])

    def skew(self) -> timedelta:
        """A slow answer is no skew: only what lies outside of the time that asking took counts."""
        if self._engine.dialect.name == "sqlite":
            return timedelta(0)
        with connected(self._engine, writes=False) as connection:
            asked = self._clock()
            there: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            answered = self._clock()
        return max(there - answered, timedelta(0)) + min(there - asked, timedelta(0))


class _Read:
    """The log, read once: every entry chained rightly and filed under the words it holds, or `TamperedError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._row: Any = None
        self.length, self.last = 0, GENESIS

    def entries(self) -> Iterator[Entry]:
        for line in walk(self._lines()):
            entry, row = line.entry, self._row
            if entry.seq != line.seq or any(getattr(entry, name) != getattr(row, name) for name in COPIED):
                message = f"entry {line.seq} of the audit log is filed under words it does not hold"
                raise TamperedError(message, seq=line.seq)
            self.length, self.last = line.seq, line.hash
            yield entry

    def _lines(self) -> Iterator[Sealed]:
        columns = [audit_log.c[name] for name in COPIED]
        query = select(*_lines().selected_columns, *columns).order_by(audit_log.c.seq)
        for row in self._connection.execute(query, execution_options=BATCHES):
            self._row = row
            yield Sealed(row.seq, bytes(row.payload), row.leaf, row.hash)


def _verify_projections(reading: DatabaseReading, tables: Tables) -> None:
    for kind, recorded in tables.items():
        kept = {record.id: record for record in reading.find(kind)}
        for id in sorted({*recorded, *kept}):
            if recorded.get(id) != kept.get(id):
                seq = (recorded.get(id) or kept[id]).seq
                message = f"the {kind.__name__.lower()} {id} is not what the audit log says (entry {seq})"
                raise TamperedError(message, seq=seq, hint="mlmon audit rebuild writes the tables again")


def _locked(connection: Connection) -> Head:
    row = connection.execute(LOCK[connection.dialect.name]).one()
    return Head(int(row.seq), str(row.hash))


def _first_entry(record: Any) -> int:
    """Identifiers end in the number of the record's first entry, where they have one."""
    tail = record.id.rpartition("-")[2]
    return int(tail) if tail.isdigit() else int(record.seq)


def _records(kind: type[Any], where: Mapping[str, Any]) -> Select[Any]:
    table = PROJECTIONS[kind]
    query: Select[Any] = select(*(table.c[field.name] for field in fields(kind)))
    for name, value in where.items():
        query = query.where(_equals(table.c[name], value))
    return query


def _equals(column: Column[Any], value: Any) -> Any:
    return column.in_(value) if isinstance(value, tuple) else column == value


def _lines() -> Select[Any]:
    return select(audit_log.c.seq, audit_log.c.payload, audit_log.c.leaf, audit_log.c.hash)


def _walk(connection: Connection, after: int = 0) -> Iterator[Sealed]:
    query = _lines().where(audit_log.c.seq > after).order_by(audit_log.c.seq)
    for row in connection.execute(query, execution_options=BATCHES):
        yield Sealed(row.seq, bytes(row.payload), row.leaf, row.hash)


def _values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _columns(sealed: Sealed) -> dict[str, Any]:
    return {"seq": sealed.seq, "payload": sealed.payload, "leaf": sealed.leaf, "hash": sealed.hash}
