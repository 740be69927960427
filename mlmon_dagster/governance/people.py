"""People who are known under more than one name: their consent counts once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Person:
    """A name whose bearer is known under another one too."""

    id: str
    """The other name."""
    seq: int
    person: str
    """The name that stands for the person."""
    linked_by: str
    linked_at: datetime


def names_of(people: Iterable[Person]) -> dict[str, str]:
    """Name -> the name that stands for the person."""
    return {one.id: one.person for one in people}


def person_of(name: str, names: Mapping[str, str]) -> str:
    """The name that stands for the person.

    >>> person_of("pia-github", {"pia-github": "pia"})
    'pia'
    """
    return names.get(name, name)
