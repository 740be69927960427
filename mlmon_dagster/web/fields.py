"""Types of what comes in: strict, bounded, and with one way of being written."""

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NUMBER = re.compile(r"[0-9]{1,9}")


FORMS: Mapping[str, str] = {
    r"^[a-z][a-z0-9_]{0,63}$": "a name of small letters, digits and _ that starts with a letter, such as house_prices",
    r"^(\*|[a-z][a-z0-9_]{0,63})$": "the name of a project, or * for all",
    r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$": "the name of a person: letters, digits and . _ @ + -, such as ann",
    r"^[a-z]+-[0-9]{1,18}$": "an identifier such as promotion-41",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T-][0-9:]{2,8})?$": "a window such as 2026-01-05",
    r"^[0-9a-f]{6,64}$": "a digest, or its first 6 characters at least",
    r"^([0-9a-f]{40}|[0-9a-f]{64})$": "a whole commit, as `git rev-parse HEAD` prints it",
    r"^[a-z0-9]{8}$": "a token's identifier: the 8 characters after mlm_",
}
"""Pattern -> what it asks for, in words."""


class Body(BaseModel):
    """A request's body: no field that is not known, no value that has to be turned into another type first."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, str_strip_whitespace=True)


def _readable(text: str) -> str:
    if _INVISIBLE.search(text):
        raise ValueError("holds control characters, or ones that cannot be seen or turn the direction of text")
    return text


def _number(value: Any) -> Any:
    """Digits only: no sign, blank or underscore, which `int` would take."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise ValueError("expected a whole number")
        return int(value)
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("expected a time with its offset, such as 2026-01-05T12:00:00Z")
    found = datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
    if not 2000 <= found.year < 2200:
        raise ValueError("expected a year from 2000 to 2199")
    return found.astimezone(timezone.utc)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"), Field(examples=["house_prices"])]
"""Of a pipeline, project, stage or role."""

Person = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$"), Field(examples=["ann"])]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z]+-[0-9]{1,18}$"), Field(examples=["promotion-41"])]
"""Such as `promotion-12`."""

Text = Annotated[
    str,
    StringConstraints(max_length=2000, strip_whitespace=True),
    AfterValidator(_readable),
    Field(examples=["nightly evaluation"]),
]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
    AfterValidator(_readable),
    Field(examples=["metrics reviewed"]),
]
Key = Annotated[
    str,
    StringConstraints(max_length=150, strip_whitespace=True),
    AfterValidator(_readable),
    Field(examples=["nightly-2026-01-05"]),
]
"""Makes a command safe to repeat."""

EnvironmentName = Literal["dev", "staging", "prod"]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1), Field(examples=[3])]
WholeNumber = Annotated[int, BeforeValidator(_number)]
"""A number in an address."""

ProjectName = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,63})$")]
"""A project, or `*` for all of them."""

Moment = Annotated[datetime, BeforeValidator(_moment), Field(examples=["2026-01-05T12:00:00Z"])]
"""A time with its offset, such as `2026-01-05T12:00:00Z`; the year is one that a log can hold."""

Document = Annotated[str, StringConstraints(min_length=1, max_length=500_000), AfterValidator(_readable)]
"""A whole file as text."""

WindowKey = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T-][0-9:]{2,8})?$"), Field(examples=["2026-01-05"])
]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=256), AfterValidator(_readable), Field(examples=["inputs"])
]
"""A filter's value."""
