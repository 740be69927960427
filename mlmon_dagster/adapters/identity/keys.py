"""Public keys of a provider, fetched when they are needed, kept for a while, and never more than a few."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from mlmon_dagster.errors import UnavailableError

KEPT_SECONDS = 3600
PAUSE_SECONDS = 30
"""How soon a key that was not found is looked for again: made-up names are no way to make us call others."""

LARGEST_BYTES = 64_000
MOST = 32
TIMEOUT_SECONDS = 5


@dataclass
class Keys:
    """Documents by address; raises `UnavailableError` when the provider is out of reach or answers nonsense."""

    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, bytes | None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fetch(self, url: str) -> bytes | None:
        """The document at `url`; `None` when the provider says that there is none."""
        with self._lock:
            until, known = self._kept.get(url, (0.0, None))
            if self.clock() < until:
                return known
            found = _get(url)
            if len(self._kept) >= MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[url] = (self.clock() + (KEPT_SECONDS if found is not None else PAUSE_SECONDS), found)
            return found

    def named(self, url: str, kid: str) -> Any:
        """The key `kid` of the key set at `url`, ready to verify with, or `None`; looked for again after a pause."""
        found = _key(self.fetch(url), kid)
        if found is None:
            with self._lock:
                until, content = self._kept.get(url, (0.0, None))
                again = self.clock() > until - KEPT_SECONDS + PAUSE_SECONDS
                if content is not None and again:
                    self._kept.pop(url)
            found = _key(self.fetch(url), kid) if again else None
        return found


def _key(content: bytes | None, kid: str) -> Any:
    import jwt

    try:
        keys = json.loads(content or b"{}").get("keys", [])
        wanted = [key for key in keys if key.get("kid") == kid]
        return jwt.PyJWK(wanted[0]).key if wanted else None
    except (ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
        raise UnavailableError("the provider's key set cannot be read") from error


def _get(url: str) -> bytes | None:
    import httpx

    content = b""
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT_SECONDS, follow_redirects=False) as answer:
            if answer.status_code == 404:
                return None
            if answer.status_code != 200:
                raise UnavailableError(f"{answer.url.host} answered {answer.status_code} instead of its keys")
            for part in answer.iter_bytes():
                content += part
                if len(content) > LARGEST_BYTES:
                    raise UnavailableError(f"the keys of {answer.url.host} are larger than {LARGEST_BYTES} bytes")
    except httpx.HTTPError as error:
        raise UnavailableError(f"the provider's keys cannot be fetched: {error}") from error
    return content
