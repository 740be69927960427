"""Pages of a list: a cursor says where the next page starts, and is signed, so that nobody makes one up."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from mlmon_dagster.web.fields import WholeNumber
from mlmon_dagster.web.problems import ProblemError

T = TypeVar("T")

LARGEST_PAGE = 500


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: tuple[T, ...]
    next: str | None = Field(description="give it as `cursor` for the next part; null at the end")


class Paging:
    """What a request asks for: how many items, and from where."""

    def __init__(self, request: Request, limit: int, cursor: str | None) -> None:
        self.limit = limit
        self._key: bytes = request.app.state.web.settings.key
        filters = sorted((name, value) for name, value in request.query_params.items() if name not in PAGING)
        self._list = f"{request.url.path}?{filters}"
        self.after = None if cursor is None else self._read(cursor)

    def page(self, items: Sequence[T], place: Callable[[T], str]) -> Page[T]:
        """The part of the whole list that was asked for; `place` names an item, which must be the same later."""
        start = 0
        if self.after is not None:
            places = [place(item) for item in items]
            if self.after not in places:
                raise _stale()
            start = places.index(self.after) + 1
        return self.cut(items[start:], place)

    def cut(self, items: Sequence[T], place: Callable[[T], str]) -> Page[T]:
        """The page that the items begin with; one more than it holds says that there is another."""
        part = tuple(items[: self.limit])
        return Page[T](items=part, next=self.write(place(part[-1])) if len(items) > self.limit else None)

    def write(self, place: str) -> str:
        """The cursor after the item at this place."""
        text = place.encode()
        return base64.urlsafe_b64encode(self._signature(text) + text).decode()

    def _read(self, cursor: str) -> str:
        try:
            content = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
            if hmac.compare_digest(content[:16], self._signature(content[16:])):
                return content[16:].decode()
        except ValueError:
            pass
        raise _stale()

    def _signature(self, text: bytes) -> bytes:
        return hmac.new(self._key, self._list.encode() + b"\n" + text, hashlib.sha256).digest()[:16]


PAGING = ("limit", "cursor")


def _stale() -> ProblemError:
    return ProblemError(400, "CURSOR", "the cursor is not one of this list", hint="start again without a cursor")


def paging(
    request: Request,
    limit: Annotated[WholeNumber, Query(ge=1, le=LARGEST_PAGE, description="how many items")] = 50,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next` of the page before")] = None,
) -> Paging:
    """The dependency of every route that lists."""
    return Paging(request, limit, cursor)


Paged = Annotated[Paging, Depends(paging)]
