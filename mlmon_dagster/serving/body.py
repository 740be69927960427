"""What kind of body a request has, and JSON read with care: depth, numbers and repeated names."""

import json
from typing import Any

from mlmon_dagster.serving.messages import JSON, Request
from mlmon_dagster.serving.problems import ProblemError

CSV = b"text/csv"
ARROW = b"application/vnd.apache.arrow.stream"


def require_kind(request: Request, *kinds: bytes) -> bytes:
    """The body's content type, one of `kinds`; `ProblemError` 415 for others, other charsets and compressed bodies."""
    headers = request.headers
    found = headers.get(b"content-type", b"")
    if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
        raise ProblemError(415, "compressed bodies are not accepted")
    if found in kinds:
        return found
    kind, _, parameters = found.partition(b";")
    kind = kind.strip().lower()
    charset = parameters.replace(b" ", b"").lower().removeprefix(b"charset=").strip(b'"')
    if kind not in kinds or charset not in (b"", b"utf-8"):
        expected = " or ".join(one.decode() for one in kinds)
        got = found.decode("latin-1") or "none"
        raise ProblemError(415, f"expected content type {expected} in UTF-8, got {got}")
    return kind


def read_json(request: Request) -> Any:
    """The body of a JSON request as a value."""
    require_kind(request, JSON)
    return parse_json(request.body)


def parse_json(content: bytes) -> Any:
    """The JSON value of UTF-8 bytes; `ProblemError` 400, or 422 for nothing, NaN, infinity and names that repeat."""
    if not content:
        raise ProblemError(422, "the body is empty; expected JSON with the model's features")
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
