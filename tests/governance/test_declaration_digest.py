"""The digest of a declaration."""

from dataclasses import dataclass, field

from mlmon_dagster.governance.locks import declaration_digest


@dataclass(frozen=True)
class One:
    limit: float = 1.0
    names: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Other:
    limit: float = 1.0
    names: dict[str, int] = field(default_factory=dict)


def test_equal_declarations_have_one_digest_whatever_their_order() -> None:
    assert declaration_digest(One(names={"a": 1, "b": 2})) == declaration_digest(One(names={"b": 2, "a": 1}))


def test_any_change_changes_the_digest() -> None:
    told = {
        declaration_digest(one) for one in (One(), One(2.0), One(names={"a": 1}), One(names={"a": 2}), Other(), None)
    }
    assert len(told) == 6
