"""What a machine needs to watch models, part by part: what is there, and what to do about what is not."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from mlmon_dagster.client import Client
    from mlmon_dagster.lifecycle.desk import Desk

LITTLE_SPACE = 1024**3
"""Free bytes below which windows, models and predictions soon find no room."""


DATABASES = ("sqlite", "postgresql", "mysql", "mssql", "file")
"""Schemes of addresses at which MLflow keeps its records without a server."""


@dataclass(frozen=True)
class Looked:
    """One part of the machine: `ok`, a `warning`, or `failed`; `advice` says what to do."""

    part: str
    state: Literal["ok", "warning", "failed"]
    said: str
    advice: str = ""


def check_up(settings: Settings) -> Iterator[Looked]:
    """Every part in turn; one that cannot be looked at is `failed` and stops nothing.

    Where commands go to a server (`MLMON_URL`), only that server is looked at.
    """
    server = os.environ.get("MLMON_URL", "").strip()
    if not server:
        for name, look in (("settings", _settings), ("home", _home), ("pipelines", _pipelines), ("mlflow", _mlflow)):
            yield from _looked(name, partial(look, settings))
        if _unmade(settings.database_url):
            yield Looked("database", "warning", "there is none yet", "the first command that needs one makes it")
            return
    desks: list[Desk | Client] = []
    yield from _looked("server" if server else "database", partial(_records, desks))
    for desk in desks:
        yield from _looked("deployments", partial(_deployments, desk))
        yield from _looked("alerts", partial(_alerts, desk))
    if not server:
        yield from _looked("daemon", partial(_daemon, settings))


def _looked(part: str, look: Callable[[], Iterator[Looked]]) -> Iterator[Looked]:
    try:
        yield from look()
    except MlmonError as error:
        yield Looked(part, "failed", error.message, error.hint or "")
    except OSError as error:
        yield Looked(part, "failed", f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))


def _settings(settings: Settings) -> Iterator[Looked]:
    for sentence in unknown_variables(os.environ):
        yield Looked("settings", "warning", sentence)
    yield Looked("settings", "ok", f"carries {', '.join(settings.environments)}")


def _home(settings: Settings) -> Iterator[Looked]:
    place = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    size = f"{free / 1024**3:,.1f} GiB free at {settings.home}"
    if not os.access(place, os.W_OK):
        yield Looked("home", "failed", f"{place} cannot be written to", "set MLMON_HOME to a folder that can")
    elif free < LITTLE_SPACE:
        yield Looked("home", "warning", size, "servers refuse predictions that they cannot log: make room")
    else:
        yield Looked("home", "ok", size)


def _pipelines(settings: Settings) -> Iterator[Looked]:
    from mlmon_dagster.adapters.pipelines import pipeline_files, read_pipelines
    from mlmon_dagster.adapters.references import missing_references

    declared, problems = read_pipelines(pipeline_files(settings.pipelines), os.environ)
    for problem in problems:
        yield Looked("pipelines", "failed", str(problem), "mlmon validate")
    for one in declared.values():
        for warning in missing_references(one):
            yield Looked("pipelines", "warning", f"{one.pipeline.name}: {warning.message}", "mlmon validate")
    if declared:
        yield Looked("pipelines", "ok", ", ".join(declared))


def _mlflow(settings: Settings) -> Iterator[Looked]:
    """A server is asked whether it is well; databases and files need nobody."""
    scheme = settings.mlflow_url.partition(":")[0].partition("+")[0]
    if scheme in DATABASES or ":" not in settings.mlflow_url:
        yield Looked("mlflow", "ok", f"kept in {scheme if scheme in DATABASES else 'files'}, without a server")
        return
    if scheme not in ("http", "https"):
        advice = f"MLMON_MLFLOW_URL: http, https or one of {', '.join(DATABASES)}"
        yield Looked("mlflow", "failed", f"{scheme!r} is no kind of address of MLflow's that is known here", advice)
        return
    import httpx

    try:
        answer = httpx.get(f"{settings.mlflow_url.rstrip('/')}/health", timeout=5)
    except httpx.HTTPError as error:
        yield Looked("mlflow", "failed", f"its server does not answer: {error}", "MLMON_MLFLOW_URL; is it running?")
        return
    if answer.is_success:
        yield Looked("mlflow", "ok", "its server answers")
    else:
        yield Looked("mlflow", "failed", f"its server answers {answer.status_code}", "look into the server's log")


def _unmade(url: str) -> bool:
    """Whether it is a SQLite file that is not there yet."""
    file = url.removeprefix("sqlite:///")
    return file != url and not os.path.exists(file)


def _records(desks: "list[Desk | Client]") -> Iterator[Looked]:
    """Reads the newest entry of the audit log; the desk that can is put into `desks`."""
    from mlmon_dagster.cli import _context as context

    desk = context.desk()
    newest = desk.audit.list(newest=1)
    desks.append(desk)
    part = "server" if os.environ.get("MLMON_URL", "").strip() else "database"
    yield Looked(part, "ok", f"{newest[0].seq} entries in the audit log" if newest else "nothing is recorded yet")


def _deployments(desk: "Desk | Client") -> Iterator[Looked]:
    live = [one for one in desk.deployments.list() if one.state == "live"]
    for one in live:
        health = desk.deployments.health(one.id)
        said = f"{one.pipeline} {one.version} in {one.environment}: {health}"
        if health == "healthy":
            yield Looked("deployments", "ok", said)
        else:
            yield Looked("deployments", "failed", said, f"mlmon deployments {one.pipeline}; its log is in MLMON_HOME")
    if not live:
        yield Looked("deployments", "ok", "none is live")


def _alerts(desk: "Desk | Client") -> Iterator[Looked]:
    """Alerts that are open, and those that reached nobody."""
    opened = [one for one in desk.alerts.list() if one.open]
    for one in opened:
        if one.undelivered:
            yield Looked("alerts", "failed", f"{one.id} reached nobody: {one.undelivered}", "the pipeline's `channels`")
    yield Looked("alerts", "ok", f"{len(opened)} open")


def _daemon(settings: Settings) -> Iterator[Looked]:
    """Sensors judge, open gates and raise alerts only where Dagster's daemon runs."""
    from mlmon_dagster.cli._runner import open_instance

    with open_instance(settings) as instance:
        sensors = instance.get_daemon_statuses().get("SENSOR")
    if sensors is not None and sensors.healthy:
        yield Looked("daemon", "ok", "runs the sensors")
    else:
        advice = "start it: dagster dev -m mlmon_dagster.definitions"
        yield Looked("daemon", "warning", "none runs: no alert is raised and no gate opened by itself", advice)
