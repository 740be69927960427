"""Lists of what governance keeps: what is asked for, and the page of it that is read from the database."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends

from mlmon_dagster.web.cursor import Page, Paging
from mlmon_dagster.web.fields import EnvironmentName, Name

R = TypeVar("R")


def filters(pipeline: Name | None = None, environment: EnvironmentName | None = None) -> dict[str, str | None]:
    """The dependency of every route that lists what belongs to a pipeline in an environment."""
    return {"pipeline": pipeline, "environment": environment}


Filters = Annotated[dict[str, str | None], Depends(filters)]


def newest(paging: Paging, listed: Callable[..., tuple[R, ...]], **wanted: Any) -> Page[R]:
    """The page that was asked for, newest first; `listed` is the `list` of a desk's noun.

    What comes into being meanwhile moves no page: each goes on from the record that the one before ended with.
    """
    found = listed(**wanted, newest=paging.limit + 1, before=paging.after)[::-1]
    return paging.cut(found, _id)


def _id(record: Any) -> str:
    return str(record.id)
