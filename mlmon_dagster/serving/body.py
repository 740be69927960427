"""From the bytes of a request to a JSON value, with limits."""

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from mlmon_dagster.serving.problems import ProblemError

BODY_LIMIT_BYTES = 1_000_000


async def read_json(request: Request) -> Any:
    """The body as a JSON value. Raises `ProblemError`: 413 over 1 MB, 415 for other types, 400 for other than JSON,
    422 for NaN and infinity, which JSON does not have.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").lower().removeprefix("charset=")
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise ProblemError(415, f"expected content type application/json in UTF-8, got {kind.strip() or 'none'}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "compressed bodies are not accepted")
    return parse_json(await _read(request))


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
        raise _too_large()
    content = bytearray()
    try:
        async for block in request.stream():
            content += block
            if len(content) > BODY_LIMIT_BYTES:
                raise _too_large()
    except ClientDisconnect:
        raise ProblemError(400, "the connection ended before the body did") from None
    return bytes(content)


def parse_json(content: bytes) -> Any:
    """The JSON value of UTF-8 bytes; `ProblemError` 400, or 422 for NaN, infinity and a key that comes twice."""
    try:
        return json.loads(content.decode(), parse_constant=_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise ProblemError(400, "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ProblemError(
            400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except (ValueError, RecursionError):
        raise ProblemError(
            400, "the body is not JSON that can be read: too deep, or a number with too many digits"
        ) from None


def _constant(name: str) -> Any:
    raise ProblemError(422, f"{name} is not a number in JSON; a missing value is null")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ProblemError(422, f"the body names {', '.join(twice)} more than once")
    return found


def _too_large() -> ProblemError:
    return ProblemError(413, f"the body is larger than {BODY_LIMIT_BYTES} bytes; send fewer records at a time")
