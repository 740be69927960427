"""Settings of the web process, read from the environment where it starts."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlmon_dagster.errors import InputError

SHORTEST_KEY = 32
SAMPLES = ("changeme", "secret", "password", "example")
"""What a key must not hold: these come from samples."""


@dataclass(frozen=True)
class WebSettings:
    """How the API is reached and what it signs cursors with."""

    url: str
    """Where browsers reach it (`MLMON_WEB_URL`); its origin is the only one whose changes are accepted."""
    key: bytes
    """Signs page cursors (`MLMON_WEB_KEY`, the same for all processes; by default kept in `home`)."""

    dagster: str | None = None
    """Where the read-only Dagster webserver listens (`MLMON_DAGSTER_UPSTREAM`), to be shown at `/dagster`."""

    @property
    def origin(self) -> str:
        """Scheme and host of `url`, as browsers send it."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))

    @property
    def host(self) -> str:
        """What a `Host` header has to be."""
        return urlsplit(self.url).netloc

    @property
    def secure(self) -> bool:
        """Whether browsers come by https, so that cookies can be held to it."""
        return self.url.startswith("https://")


def read_web_settings(environ: Mapping[str, str] | None = None, *, home: Path, address: str) -> WebSettings:
    """Settings from `environ`; `address` is where the process listens. A value that may be secret is never printed."""
    environ = os.environ if environ is None else environ
    url = environ.get("MLMON_WEB_URL", address).strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
        raise InputError(
            f"MLMON_WEB_URL is not the address of a server: {url!r}", hint="for example https://mlmon.example.com"
        )
    return WebSettings(url, _key(environ.get("MLMON_WEB_KEY"), home), _upstream(environ))


def _upstream(environ: Mapping[str, str]) -> str | None:
    url = environ.get("MLMON_DAGSTER_UPSTREAM", "").strip().rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
        raise InputError(f"MLMON_DAGSTER_UPSTREAM is not the address of a server: {url!r}")
    return url or None


def _key(text: str | None, home: Path) -> bytes:
    if text is None:
        return _kept_key(home / "web.key")
    text = text.strip()
    if len(text) < SHORTEST_KEY or any(sample in text.lower() for sample in SAMPLES):
        raise InputError(
            f"MLMON_WEB_KEY needs at least {SHORTEST_KEY} random characters",
            hint='python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return text.encode()


def _kept_key(file: Path) -> bytes:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}", hint="set MLMON_WEB_KEY instead") from error
    with os.fdopen(part, "wb") as sink:
        key = secrets.token_urlsafe(32).encode()
        sink.write(key)
    return key
