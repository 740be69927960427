"""JSON as the API accepts it: one meaning for every reader, and nothing that a database or a page cannot hold."""

import json
import math
from typing import Any

from mlmon_dagster.web.problems import ProblemError

DEEPEST = 20
LONGEST_NUMBER = 100
INT64 = 2**63


def read_json(content: bytes) -> Any:
    """The value of UTF-8 bytes.

    Raises `ProblemError`: 400 for what is not JSON or too deep, 422 for a key that comes twice, NaN, infinity, numbers
    beyond 64 bits and halves of surrogate pairs.
    """
    try:
        text = content.decode("utf-8")
        if "\x00" in text:
            raise ProblemError(400, "NOT_JSON", "the body is not JSON in UTF-8")
        value = json.loads(
            text, parse_constant=_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_unique
        )
    except UnicodeDecodeError:
        raise ProblemError(400, "NOT_JSON", "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProblemError(400, "NOT_JSON", f"the body is not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise _too_deep() from None
    _walk(value, 1)
    return value


def _constant(name: str) -> Any:
    raise ProblemError(422, "NOT_A_NUMBER", f"{name} is not a number in JSON; a missing value is null")


def _float(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(value):
        raise ProblemError(422, "NUMBER", "a number is too large or too long")
    return value


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ProblemError(400, "NUMBER", f"a number has {len(text)} digits")
    value = int(text)
    if not -INT64 <= value < INT64:
        raise ProblemError(422, "NUMBER", "a whole number does not fit into 64 bits")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProblemError(422, "DUPLICATE_KEY", "an object names a key more than once")
    return found


def _walk(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        _readable(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _readable(key)
            _walk(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, depth + 1)


def _readable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProblemError(422, "SURROGATE", "a text holds half of a surrogate pair") from None
    if "\x00" in text:
        raise ProblemError(422, "NUL", "a text holds the character NUL")


def _too_deep() -> ProblemError:
    return ProblemError(400, "TOO_DEEP", f"the body is nested deeper than {DEEPEST} levels")
