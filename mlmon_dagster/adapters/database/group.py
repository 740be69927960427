"""Commands of several threads share one transaction and one commit, and with it one wait for the disk."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from mlmon_dagster.adapters.database.engine import translated
from mlmon_dagster.adapters.database.turns import turn

LARGEST = 64
"""Commands that share a commit at most: other processes wait for it."""

PATIENCE_SECONDS = 1.0
"""After this, who waits for a commit makes it, in case the one who should have was interrupted."""


SAVEPOINT, DUE = "SAVEPOINT command", "a savepoint is due"
"""On Postgres the savepoint of a command travels with its first statement: one way to the server and back less."""


def _marked(
    connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
) -> tuple[str, Any]:
    if not connection.info.pop(DUE, False):
        return statement, parameters
    if not many:
        return f"{SAVEPOINT}; {statement}", parameters
    cursor.execute(SAVEPOINT)
    return statement, parameters


@dataclass(frozen=True)
class Head:
    """The entry that the next one is chained to."""

    seq: int
    hash: str


@dataclass
class Group:
    """Commands that were carried out and wait for their commit."""

    connection: Connection
    opened: ExitStack
    """Closes the connection and lets the writers of other processes go on."""
    size: int = 0
    head: Head | None = None
    """As the newest command left it, `None` before the first has read it: nobody else moves it meanwhile."""
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class GroupCommit:
    """Commands follow one another in one transaction; the last that nobody waits behind commits.

    A command returns once its commit is on disk. What one command undoes leaves the others as they are; a commit
    that fails, or a connection that is lost, fails all of the group's commands.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn, self._count = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._group: Group | None = None
        event.listen(engine, "before_cursor_execute", _marked, retval=True)

    @contextmanager
    def command(self) -> Iterator[Group]:
        """The group in whose connection one command reads and writes."""
        with translated(self._engine):
            self._take_turn()
            try:
                group = self._group = self._group or self._begin()
                try:
                    with self._alone(group):
                        yield group
                finally:
                    if self._group is group and (not self._waiting or group.size >= LARGEST):
                        self._end(group)
            finally:
                self._turn.release()
            self._wait(group)

    def _take_turn(self) -> None:
        with self._count:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._count:
                self._waiting -= 1

    def _begin(self) -> Group:
        with ExitStack() as opening:
            opening.enter_context(turn(self._engine))
            connection = opening.enter_context(self._engine.connect().execution_options(writes=True))
            connection.begin()
            return Group(connection, opening.pop_all())

    @contextmanager
    def _alone(self, group: Group) -> Iterator[None]:
        """A command that fails undoes only itself; the first one of a group takes the group along."""
        first, info, group.size = not group.size, group.connection.info, group.size + 1
        try:
            if not first:
                self._mark(group)
            yield
        except BaseException as error:
            group.size -= 1
            if first:
                self._end(group, error)
            elif not info.pop(DUE, False):
                self._undo(group, error)
            raise
        finally:
            info.pop(DUE, None)

    def _mark(self, group: Group) -> None:
        if self._engine.dialect.name == "postgresql":
            group.connection.info[DUE] = True
        else:
            group.connection.exec_driver_sql(SAVEPOINT)

    def _undo(self, group: Group, error: BaseException) -> None:
        try:
            group.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT command")
        except SQLAlchemyError:
            self._end(group, error)

    def _end(self, group: Group, error: BaseException | None = None) -> None:
        """Commits, unless an error says that the group is lost; called by who has the turn."""
        self._group, group.error = None, error
        try:
            if error is None:
                group.connection.commit()
        except BaseException as failure:
            group.error = failure
            group.connection.invalidate()
        finally:
            with suppress(SQLAlchemyError):
                group.opened.close()
            group.done.set()

    def _wait(self, group: Group) -> None:
        while not group.done.wait(PATIENCE_SECONDS):
            with self._turn:
                if self._group is group:
                    self._end(group)
        if group.error is not None:
            raise group.error
