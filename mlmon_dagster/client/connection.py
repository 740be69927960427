"""HTTP to a server: who one is recognised as, answers as records, refusals as errors, patience with a busy server."""

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from mlmon_dagster.errors import (
    BlockedError,
    ChangedError,
    DeniedError,
    FailedError,
    InputError,
    MissingError,
    MlmonError,
    UnavailableError,
)
from mlmon_dagster.lifecycle.desk.answers import Recorded

if TYPE_CHECKING:
    import httpx

R = TypeVar("R")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = 500
CLOCK_SECONDS = 60
"""A clock that differs more is told: logins and tokens depend on it."""

ERRORS: Mapping[int, type[MlmonError]] = {
    401: DeniedError,
    403: DeniedError,
    404: MissingError,
    409: BlockedError,
    412: ChangedError,
    429: UnavailableError,
    502: FailedError,
    503: UnavailableError,
    504: UnavailableError,
}


class Connection:
    """Requests to one server. Tokens are not sent readable over a network: `url` is https, or on this machine."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        session: str | None = None,
        timeout_seconds: float = 30,
        http: "httpx.Client | None" = None,
    ) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"MLMON_URL is not the address of a server: {url!r}", hint="https://mlmon.example.com")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and http is None:
            raise InputError(
                f"MLMON_URL sends what recognises you readable over the network: {url}", hint="use https://"
            )
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._cookie = "__Host-mlmon" if parts.scheme == "https" else "mlmon"
        self._token, self._session, self._timeout = token, session, timeout_seconds
        self._http = http or _http(timeout_seconds)
        self._csrf: str | None = None

    def get(self, path: str, **query: Any) -> Any:
        """The document at a path."""
        return self._request("GET", path, query=query)

    def items(self, kind: type[R], path: str, **query: Any) -> tuple[R, ...]:
        """Every item of a list, oldest first as a desk has them (lists come newest first)."""
        return tuple(reversed([read(kind, one) for one in self.pages(path, **query)]))

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """The documents of a list, page after page."""
        cursor = None
        while True:
            page = self.get(path, limit=PAGE, cursor=cursor, **query)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def one(self, kind: type[R], path: str, **query: Any) -> R:
        """The record at a path."""
        return read(kind, self.get(path, **query))

    def post(self, path: str, body: Mapping[str, Any], *, approving: bool = False) -> Any:
        """The answer to a change; a repetition because of a bad line has no second effect."""
        return self._request("POST", path, body=body, approving=approving)

    def change(self, kind: type[R], path: str, body: Mapping[str, Any], *, approving: bool = False) -> Recorded[R]:
        """A changed record with its receipt."""
        return recorded(kind, self.post(path, body, approving=approving))

    def put(self, path: str, body: Mapping[str, Any], *, tag: str) -> Any:
        """The answer to a change of what was seen as `tag` (`*` for whatever is there)."""
        return self._request("PUT", path, body=body, tag=tag)

    def text(self, path: str) -> str:
        """The text at a path that holds no document, such as a page."""
        return self._send("GET", path, headers=self._recognition("GET", approving=False)).text

    def delete(self, path: str, **query: Any) -> Any:
        """The answer to a removal."""
        return self._request("DELETE", path, query=query)

    def log_in(self, name: str, password: str) -> tuple[str, Any]:
        """A new session: its secret, and who was recognised."""
        answer = self._send("POST", "/api/session", json={"name": name, "password": password})
        return str(answer.cookies[self._cookie]), answer.json()

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        approving: bool = False,
        tag: str | None = None,
    ) -> Any:
        headers = self._recognition(method, approving=approving)
        if method in ("POST", "PUT"):
            headers["Idempotency-Key"] = str(uuid.uuid4())
        headers |= {} if tag is None else {"If-Match": tag}
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        answer = self._send(method, path, params=given, headers=headers, **({} if body is None else {"json": body}))
        return answer.json() if answer.content else None

    def _recognition(self, method: str, *, approving: bool) -> dict[str, str]:
        if self._session is not None and (approving or self._token is None):
            headers = {"Cookie": f"{self._cookie}={self._session}"}
            if method != "GET":
                headers["X-CSRF-Token"] = self._csrf_token(headers)
            return headers
        if self._token is not None:
            return {"Authorization": f"Bearer {self._token}"}
        raise DeniedError(
            f"nothing says who you are at {self.url}",
            hint="set MLMON_TOKEN, or: mlmon login NAME",
            code="UNAUTHENTICATED",
        )

    def _csrf_token(self, headers: Mapping[str, str]) -> str:
        if self._csrf is None:
            self._csrf = str(self._send("GET", "/api/session", headers=headers).json()["csrf"])
        return self._csrf

    def _send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> "httpx.Response":
        """Sends until the server answers, as long as the time allows; the key of the request stays the same."""
        import httpx

        end = time.monotonic() + self._timeout
        given = {"Origin": self.url, **(headers or {})}
        while True:
            try:
                answer = self._http.request(method, self.url + path, headers=given, **more)
            except httpx.HTTPError as error:
                raise UnavailableError(f"{self.url} cannot be reached: {error}", hint="is MLMON_URL right?") from error
            wait = _wait(answer)
            if wait is None or time.monotonic() + wait > end:
                break
            time.sleep(wait)
        if answer.is_success:
            return answer
        raise refusal(answer)


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read(kind: type[R], document: Any) -> R:
    """The record that a document holds; `FailedError` when the server speaks of something else."""
    from pydantic import ValidationError

    try:
        found: R = _adapter(kind).validate_python(document)  # type: ignore[arg-type]
    except ValidationError as error:
        raise FailedError(
            f"the server's answer is not a {kind.__name__}: {error.errors()[0]['msg']}",
            hint="is it mlmon of the same version?",
        ) from error
    return found


def recorded(kind: type[R], document: Any) -> Recorded[R]:
    """A changed record with its receipt and gate."""
    from mlmon_dagster.governance.gates import GateVerdict
    from mlmon_dagster.lifecycle.queries import Receipt

    gate = document.get("gate")
    return Recorded(
        read(kind, document), read(Receipt, document["receipt"]), None if gate is None else read(GateVerdict, gate)
    )


def refusal(answer: "httpx.Response") -> MlmonError:
    """The error that a refused request is."""
    try:
        body = answer.json()
        detail, code, hint = str(body["detail"]), str(body["code"]), body.get("hint")
    except (ValueError, KeyError, TypeError):
        return FailedError(f"{answer.url.host} answered {answer.status_code}, and not as mlmon does")
    kind = ERRORS.get(answer.status_code, InputError if answer.status_code < 500 else FailedError)
    if answer.status_code == 401:
        hint = _clock(answer) or hint
    return kind(detail, hint=hint, code=code)


def _clock(answer: "httpx.Response") -> str | None:
    """Whether the clocks differ, which would explain that nobody was recognised."""
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
    seconds = round(abs((datetime.now(timezone.utc) - there).total_seconds()))
    return f"the clock differs from the server's by {seconds} s" if seconds > CLOCK_SECONDS else None


def _wait(answer: "httpx.Response") -> float | None:
    """How long the server asks to wait; `None` when it does not."""
    if answer.status_code not in (429, 503):
        return None
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _http(timeout_seconds: float) -> "httpx.Client":
    import httpx

    return httpx.Client(timeout=timeout_seconds, follow_redirects=False)
