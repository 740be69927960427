"""Fixtures that several folders of tests share."""

from collections.abc import Iterator
from pathlib import Path

import aws_jobs
import postgres
import pytest
from governed import Clock, governed
from threats import THREATS

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.lifecycle.governance import Governance


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server binaries (initdb, pg_ctl) are installed")
    server = postgres.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A server that speaks S3, empty at first."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cluster(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[aws_jobs.Cluster]:
    """EMR Serverless and Glue, whose jobs run."""
    with aws_jobs.cluster(s3_endpoint, monkeypatch) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file."""
    opened = open_database(f"sqlite:///{tmp_path}/mlmon.db")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mlmon.db"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.fresh(tmp_path.name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def governance(database: Database, clock: Clock) -> Governance:
    """Governance with one or two people for every role."""
    return governed(database, clock)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-k t_replay` runs the tests that answer that threat."""
    answers = [(test, name) for name, tests in THREATS.items() for test in tests]
    for item in items:
        place = item.nodeid.partition("tests/")[2].partition("[")[0]
        item.extra_keyword_matches.update(name for test, name in answers if place.startswith(test))
