"""A server that commands are sent to: its address, and what says who one is there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    from mlmon_dagster.client import Client

TIMEOUT_SECONDS = 30


def server(environ: Mapping[str, str] | None = None) -> "Client | None":
    """The server that `MLMON_URL` names, if it does; who one is there, `MLMON_TOKEN` or `mlmon login` says."""
    environ = os.environ if environ is None else environ
    url = environ.get("MLMON_URL", "").strip().rstrip("/")
    if not url:
        return None
    from mlmon_dagster.client import connect

    token = environ.get("MLMON_TOKEN", "").strip() or None
    return connect(url, token=token, session=session_at(url, environ), timeout_seconds=_timeout(environ))


def refuse_server() -> None:
    """Raises `InputError` where a command would work on this machine's database although a server is named."""
    url = os.environ.get("MLMON_URL", "").strip()
    if url:
        raise InputError(
            f"this works on the database itself, not at {url}", hint="unset MLMON_URL to do it on this machine"
        )


def session_at(url: str, environ: Mapping[str, str]) -> str | None:
    """The secret of the session that `mlmon login` opened there."""
    try:
        found = json.loads(sessions_file(environ).read_text(encoding="utf-8")).get(url)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def keep_session(url: str, secret: str | None, environ: Mapping[str, str]) -> None:
    """Keeps the session's secret (or forgets it) in a file that only its owner can read."""
    file = sessions_file(environ)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    kept = {**known, url: secret} if secret else {name: value for name, value in known.items() if name != url}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as sink:
        json.dump(kept, sink)
    part.replace(file)


def sessions_file(environ: Mapping[str, str]) -> Path:
    """Where secrets of sessions are kept: the user's folder of configuration."""
    folder = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else None)
    if folder is None:
        raise InputError("neither HOME nor XDG_CONFIG_HOME says where a session can be kept", hint="use MLMON_TOKEN")
    return Path(folder) / "mlmon" / "sessions.json"


def _timeout(environ: Mapping[str, str]) -> float:
    text = environ.get("MLMON_TIMEOUT", str(TIMEOUT_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        raise InputError(f"MLMON_TIMEOUT is a number of seconds up to 3600, got {text!r}")
    return seconds
