"""Changes of what was seen: a record's `ETag` is the number of its last entry, and a change names the one it saw."""

from typing import Annotated

from fastapi import Header

from mlmon_dagster.web.problems import ProblemError

IfMatch = Annotated[str | None, Header(max_length=200, description="the `ETag` of what was seen")]


def etag(seq: int) -> str:
    """The tag of a record as its entry left it."""
    return f'"{seq}"'


def refuse_changed(given: str | None, seq: int) -> None:
    """Raises `ProblemError` 428 without a tag, 412 when the record has changed since."""
    if given is None:
        raise ProblemError(428, "IF_MATCH", "a change takes the header If-Match with the ETag of what was seen")
    if given.strip() not in (etag(seq), "*"):
        raise ProblemError(412, "CHANGED", "it was changed since it was seen", hint="read it again")
