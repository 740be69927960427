"""The connection to MLflow: a client without global state, and its failures as our errors."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from mlmon_dagster.errors import DeniedError, InputError, MissingError, UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""How MLflow behaves in our processes unless the user's environment says otherwise: its defaults wait for minutes."""


def connect(url: str) -> "MlflowClient":
    """A client of the tracking server and registry at `url`; an SQLite database is created where there is none.

    Raises `InputError` for the file store, which MLflow has given up, `UnavailableError` when out of reach.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("", "file"):
        raise InputError(
            f"MLMON_MLFLOW_URL is {url!r}, a folder; MLflow no longer keeps models in plain folders",
            hint="use sqlite:///path/mlflow.db, a database URL, or the http(s) address of an MLflow server",
        )
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import logging

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    with translated(url), _one_creator(url):
        client = MlflowClient(url, url)
        client.search_registered_models(max_results=1)
    return client


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turns MLflow's exceptions into ours; the URL is shown without credentials."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        sentence = str(error).replace(url, shown(url)).split("\n")[0][:300]
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise MissingError(f"MLflow at {shown(url)}: {sentence}") from error
        if error.error_code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
            raise DeniedError(f"MLflow at {shown(url)} refuses: {sentence}") from error
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise InputError(f"MLflow at {shown(url)} does not accept this: {sentence}") from error
        raise UnavailableError(
            f"MLflow at {shown(url)} cannot be used: {sentence}",
            hint="is MLMON_MLFLOW_URL right, and does the server run?",
        ) from error


def shown(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


@contextmanager
def _one_creator(url: str) -> Iterator[None]:
    """Lets one process at a time create the tables of an SQLite database: two at once corrupt each other's schema."""
    if not url.startswith("sqlite:///"):
        yield
        return
    import fcntl

    database = Path(url.removeprefix("sqlite:///"))
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(database.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
