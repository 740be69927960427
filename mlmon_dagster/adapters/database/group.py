"""SQLite: commands of several threads share one commit, and with it one wait for the disk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, RootTransaction

from mlmon_dagster.adapters.database.engine import translated

LARGEST = 64
"""Commands that share a commit at most: other processes wait for it."""

PATIENCE_SECONDS = 1.0
"""After this, who waits for a commit makes it, in case the one who should have was interrupted."""


@dataclass
class Group:
    """Commands that were carried out and wait for their commit."""

    connection: Connection
    transaction: RootTransaction
    size: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class GroupCommit:
    """Commands follow one another in one transaction, each in a savepoint; the last that nobody waits behind commits.

    A command returns once its commit is on disk. What one command undoes leaves the others as they are; a commit
    that fails fails all of its commands.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn, self._count = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._group: Group | None = None

    @contextmanager
    def command(self) -> Iterator[Connection]:
        """A connection in which one command reads and writes."""
        with translated(self._engine):
            self._take_turn()
            try:
                group = self._group = self._group or self._begin()
                group.size += 1
                try:
                    with group.connection.begin_nested():
                        yield group.connection
                finally:
                    if not self._waiting or group.size >= LARGEST:
                        self._commit(group)
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
        connection = self._engine.connect().execution_options(writes=True)
        try:
            return Group(connection, connection.begin())
        except BaseException:
            connection.close()
            raise

    def _commit(self, group: Group) -> None:
        """Called by who has the turn."""
        self._group = None
        try:
            group.transaction.commit()
        except BaseException as error:
            group.error = error
        finally:
            group.connection.close()
            group.done.set()

    def _wait(self, group: Group) -> None:
        while not group.done.wait(PATIENCE_SECONDS):
            with self._turn:
                if self._group is group:
                    self._commit(group)
        if group.error is not None:
            raise group.error
