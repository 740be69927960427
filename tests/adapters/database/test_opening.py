"""Opening databases: new, old, newer, damaged, out of reach."""

import threading
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from mlmon_dagster.adapters.database.engine import connected, open_engine
from mlmon_dagster.adapters.database.opening import migrate, open_database
from mlmon_dagster.adapters.database.schema import PROJECTIONS, REVISION, metadata
from mlmon_dagster.errors import InputError, UnavailableError
from mlmon_dagster.governance.projections import RECORDS


def test_a_new_database_is_made_with_its_folders(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/deep/er/mlmon.db")
    assert database.ledger.verify() == (0, "0" * 64)
    assert (tmp_path / "deep" / "er" / "mlmon.db").exists()


def test_the_migrations_make_exactly_the_declared_schema(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata

    database = open_database(database_url)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_the_code_and_the_newest_migration_agree() -> None:
    config = Config()
    config.set_main_option("script_location", "mlmon_dagster.adapters.database:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_every_record_has_a_table_with_its_fields() -> None:
    assert tuple(PROJECTIONS) == RECORDS
    for kind, table in PROJECTIONS.items():
        assert set(table.c.keys()) == set(kind.__dataclass_fields__)


def test_opening_again_changes_nothing(database_url: str) -> None:
    open_database(database_url).close()
    database = open_database(database_url)
    assert database.ledger.verify()[0] == 0
    database.close()


def test_many_that_open_a_new_database_at_once_all_succeed(database_url: str) -> None:
    failures: list[BaseException] = []

    def open_one() -> None:
        try:
            open_database(database_url).close()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_migration_that_is_interrupted_leaves_nothing_behind(database_url: str) -> None:
    engine = open_engine(database_url)

    def die() -> None:
        raise RuntimeError

    def interrupted() -> None:
        with connected(engine, writes=True) as connection:
            migrate(connection)
            die()

    with pytest.raises(RuntimeError):
        interrupted()
    assert inspect(engine).get_table_names() == []
    database = open_database(database_url)
    assert database.ledger.verify()[0] == 0
    database.close()
    engine.dispose()


def test_a_newer_schema_says_upgrade(database_url: str) -> None:
    database = open_database(database_url)
    with connected(database.engine, writes=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(InputError, match="9999") as refusal:
        open_database(database_url)
    assert "upgrade" in str(refusal.value.hint)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlmon.db").write_bytes(b"these are not the bytes you are looking for" * 100)
    with pytest.raises(InputError, match="not a database file"):
        open_database(f"sqlite:///{tmp_path}/mlmon.db")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(InputError, match="folder"):
        open_database(f"sqlite:///{tmp_path}/home/mlmon.db")


def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        open_database(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+nodriver://h/n", ""]
)
def test_a_url_that_names_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        open_database(url)


def test_an_unreachable_server_is_told_without_its_password() -> None:
    with pytest.raises(UnavailableError) as refusal:
        open_database("postgresql+psycopg2://mlmon:hunter2@127.0.0.1:1/mlmon")
    assert "127.0.0.1:1" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_sqlite_writes_survive_a_power_cut(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/mlmon.db")
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
