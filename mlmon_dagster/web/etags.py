"""Changes of what was seen: a record's `ETag` is the number of its last entry, and a change names the one it saw.

The command compares it inside its transaction, so that of two who saw the same only one changes it.
"""

import re
from typing import Annotated

from fastapi import Header

from mlmon_dagster.web.problems import ProblemError

IfMatch = Annotated[str | None, Header(max_length=200, description="the `ETag` of what was seen")]

NEVER = 0
"""No entry has this number: what is seen so is always changed."""


def etag(seq: int) -> str:
    """The tag of a record as its entry left it."""
    return f'"{seq}"'


def seen_tag(given: str | None) -> str | None:
    """What stands in the tag; `None` for `*`, which any state matches. Raises `ProblemError` 428 without a tag."""
    if given is None:
        raise ProblemError(428, "IF_MATCH", "a change takes the header If-Match with the ETag of what was seen")
    return None if given.strip() == "*" else given.strip().removeprefix('"').removesuffix('"')


def seen(given: str | None) -> int | None:
    """The number of the entry that the tag names, see `seen_tag`; a tag that is none of ours matches nothing."""
    tag = seen_tag(given)
    return None if tag is None else int(tag) if re.fullmatch(r"[0-9]{1,18}", tag) else NEVER
