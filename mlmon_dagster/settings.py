"""The settings of one process, read from the environment where the process starts and passed down from there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import InputError

ENVIRONMENTS = ("dev", "staging", "prod")
"""The three environments, in the order of a promotion."""

VARIABLES = (
    "MLMON_ACTIONS_AUDIENCE",
    "MLMON_ACTIONS_ISSUER",
    "MLMON_ACTIONS_REPOSITORIES",
    "MLMON_ACTIONS_WORKFLOWS",
    "MLMON_ACTOR",
    "MLMON_ALB_ARN",
    "MLMON_ALB_CLIENT",
    "MLMON_ALB_ISSUER",
    "MLMON_ALB_KEYS_URL",
    "MLMON_CHECKPOINTS",
    "MLMON_CHECKPOINT_KEY",
    "MLMON_DAGSTER_DATABASE_URL",
    "MLMON_DAGSTER_UPSTREAM",
    "MLMON_DAGSTER_URL",
    "MLMON_DATABASE_URL",
    "MLMON_ENVIRONMENTS",
    "MLMON_GITHUB_API_URL",
    "MLMON_GITHUB_CLIENT_ID",
    "MLMON_GITHUB_CLIENT_SECRET",
    "MLMON_GITHUB_TEAMS",
    "MLMON_GITHUB_TOKEN",
    "MLMON_GITHUB_URL",
    "MLMON_GITHUB_WEBHOOK_SECRET",
    "MLMON_GIT_COMMIT",
    "MLMON_HOME",
    "MLMON_LOG_NAME",
    "MLMON_MLFLOW_URL",
    "MLMON_MODEL_KEY",
    "MLMON_MODEL_SIGNING_KEY",
    "MLMON_PIPELINES",
    "MLMON_SNS_TOPICS",
    "MLMON_SNS_URL",
    "MLMON_TIMEOUT",
    "MLMON_TOKEN",
    "MLMON_TRUSTED_TYPES",
    "MLMON_URL",
    "MLMON_WEB_KEY",
    "MLMON_WEB_URL",
)
"""Every variable that some process reads, wherever it does; a test holds this against the source."""


@dataclass(frozen=True)
class Settings:
    """Where things are kept and which environments this process carries."""

    home: Path
    """State of the embedded default: databases, data windows, models, servers (`MLMON_HOME`, default `.mlmon`)."""
    pipelines: Path
    """The folder of pipeline files (`MLMON_PIPELINES`, default `pipelines`)."""
    database_url: str
    """SQLAlchemy URL of the audit log and its projections (`MLMON_DATABASE_URL`, default SQLite in `home`)."""
    mlflow_url: str
    """MLflow tracking and registry URI (`MLMON_MLFLOW_URL`, default SQLite in `home`)."""
    environments: tuple[str, ...] = ENVIRONMENTS
    """Environments that this Dagster deployment carries (`MLMON_ENVIRONMENTS`, comma separated)."""
    dagster_url: str = "http://127.0.0.1:3000"
    """Where the Dagster UI is reached, for links (`MLMON_DAGSTER_URL`)."""
    web_url: str = ""
    """Where browsers reach our pages, for links (`MLMON_WEB_URL`); empty for no links."""
    log_name: str = "mlmon/local"
    """The audit log's name in its checkpoints (`MLMON_LOG_NAME`)."""
    checkpoints_kept: str = ""
    """Where checkpoints are kept, comma separated, the first one is read (`MLMON_CHECKPOINTS`)."""
    checkpoint_key_kept: str = ""
    """File of, or reference to, the key that signs them (`MLMON_CHECKPOINT_KEY`)."""

    @property
    def production(self) -> bool:
        """Whether this process carries prod and not dev: then it refuses what is good enough for development only."""
        return "prod" in self.environments and "dev" not in self.environments

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The places where checkpoints are kept; the first one is read."""
        return tuple(place.strip() for place in (self.checkpoints_kept or f"{self.home}/checkpoints").split(","))

    @property
    def checkpoint_key(self) -> str:
        """The file of the key that signs checkpoints, or a reference to it."""
        return self.checkpoint_key_kept or f"{self.home}/checkpoint.key"

    @property
    def store(self) -> Path:
        """Folder of the embedded object store."""
        return self.home / "store"

    @property
    def serving(self) -> Path:
        """Folder with the state and logs of local server processes."""
        return self.home / "serving"


def read_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Settings from `environ`, paths relative to `directory` (the current one by default).

    Raises `InputError` with the variable's name; a value that may hold a password is never printed.
    """
    environ = os.environ if environ is None else environ
    directory = directory or Path.cwd()
    home = (directory / _text(environ, "MLMON_HOME", ".mlmon")).resolve()
    return Settings(
        home=home,
        pipelines=(directory / _text(environ, "MLMON_PIPELINES", "pipelines")).resolve(),
        database_url=_database_url(_text(environ, "MLMON_DATABASE_URL", f"sqlite:///{home}/mlmon.db")),
        mlflow_url=_text(environ, "MLMON_MLFLOW_URL", f"sqlite:///{home}/mlflow.db"),
        environments=_environments(_text(environ, "MLMON_ENVIRONMENTS", ",".join(ENVIRONMENTS))),
        dagster_url=_text(environ, "MLMON_DAGSTER_URL", "http://127.0.0.1:3000").rstrip("/"),
        web_url=environ.get("MLMON_WEB_URL", "").strip().rstrip("/"),
        log_name=_log_name(_text(environ, "MLMON_LOG_NAME", "mlmon/local")),
        checkpoints_kept=_text(environ, "MLMON_CHECKPOINTS", f"{home}/checkpoints"),
        checkpoint_key_kept=_text(environ, "MLMON_CHECKPOINT_KEY", f"{home}/checkpoint.key"),
    )


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for every `MLMON_*` variable that nothing reads, with the nearest names; never its value.

    A variable that another one refers to (`env:NAME`) is read. Not an error: the environment of a process is shared
    with others, and a newer version's variables must not stop an older one.

    >>> unknown_variables({"MLMON_PIPLINES": "models", "MLMON_HOME": "state"})
    ("'MLMON_PIPLINES' is set, but nothing reads a variable of this name; did you mean MLMON_PIPELINES?",)
    """
    ours = {name for name in environ if name.startswith("MLMON_")}.difference(VARIABLES)
    referred = {environ.get(name, "").strip().partition("env:")[2] for name in VARIABLES} if ours else set()
    return tuple(_unread(name) for name in sorted(ours - referred))


def _unread(name: str) -> str:
    from difflib import get_close_matches

    ends = [known.removeprefix("MLMON_") for known in VARIABLES]  # the part they share is no likeness
    near = get_close_matches(name.removeprefix("MLMON_"), ends, n=3, cutoff=0.6)
    guess = f"did you mean {' or '.join(f'MLMON_{end}' for end in near)}?" if near else "docs/settings.md lists all"
    return f"{name!a} is set, but nothing reads a variable of this name; {guess}"


def _text(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name, default).strip()
    if not value:
        raise InputError(f"{name} is set but empty", hint=f"unset it for the default ({default}) or give it a value")
    return value


def _database_url(url: str) -> str:
    """SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`; the driver that is installed is psycopg2."""
    scheme, found, rest = url.partition("://")
    if not found:
        raise InputError(
            "MLMON_DATABASE_URL is not a URL",
            hint="for example sqlite:///.mlmon/mlmon.db or postgresql://user@host/name",
        )
    return f"postgresql+psycopg2://{rest}" if scheme in ("postgres", "postgresql") else url


def _environments(text: str) -> tuple[str, ...]:
    chosen = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in chosen:
        if name not in ENVIRONMENTS:
            raise InputError(f"MLMON_ENVIRONMENTS names {name!r}; the environments are {', '.join(ENVIRONMENTS)}")
    return tuple(name for name in ENVIRONMENTS if name in chosen)


def _log_name(text: str) -> str:
    if not text.isprintable() or " " in text or "+" in text:
        raise InputError(f"MLMON_LOG_NAME is {text!r}; expected a name such as mlmon/pricing, without blanks and +")
    return text
