"""Offices that listen to webhooks."""

from collections.abc import Iterator

import pytest
from api_office import Api, staffed
from governed import Clock
from providers import Provider, provider
from webhook_office import CERTIFICATE, certificate, listening

from mlmon_dagster.adapters.database.opening import open_database


@pytest.fixture
def sender() -> Iterator[Provider]:
    with provider() as one:
        one.documents[CERTIFICATE] = certificate(one)
        yield one


@pytest.fixture
def office(api: Api, sender: Provider) -> Api:
    return listening(api, sender)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Provider]]:
    """For all that changes nothing."""
    home = tmp_path_factory.mktemp("webhooks")
    database = open_database(f"sqlite:///{home}/mlmon.db")
    with provider() as one:
        one.documents[CERTIFICATE] = certificate(one)
        yield listening(staffed(database, Clock(), home), one), one
    database.close()
