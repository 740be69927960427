"""Columns and profiles: what is counted, what is kept, what is refused."""

import numpy as np
import pytest

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError


@pytest.mark.parametrize(
    ("values", "kind", "present", "missing", "infinite"),
    [
        ([1.5, None, np.nan, np.inf, -np.inf], "numeric", 1, 2, 2),
        ([1, 2, 2, None], "numeric", 3, 1, 0),
        ([2**60 + 1, None], "numeric", 1, 1, 0),
        ([True, False, None], "boolean", 2, 1, 0),
        (["a", None, "b"], "categorical", 2, 1, 0),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"), "datetime", 1, 1, 0),
        ([None, None], "numeric", 0, 2, 0),
        ([], "numeric", 0, 0, 0),
        (np.ma.array([1.0, 2.0], mask=[True, False]), "numeric", 1, 1, 0),
    ],
)
def test_values_are_counted_by_what_they_are(
    values: object, kind: str, present: int, missing: int, infinite: int
) -> None:
    column = Column.of("x", values)
    assert (column.kind, column.present, column.missing, column.infinite) == (kind, present, missing, infinite)
    assert column.rows == present + missing + infinite


def test_moments_match_numpy() -> None:
    values = np.random.default_rng(0).normal(5, 2, 300).round(1)
    column = Column.of("x", values)
    assert (column.mean, column.std) == (pytest.approx(values.mean()), pytest.approx(values.std()))


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}], [object()]])
def test_what_is_no_column_is_refused_by_name(values: object) -> None:
    with pytest.raises(DataError, match="column 'x'"):
        Column.of("x", values)


def profile() -> Profile:
    return Profile.of({"n": Column.of("n", [1.0, 2.0, None]), "s": Column.of("s", ["a", "b", "a"])})


def test_a_profile_survives_its_bytes_which_are_always_the_same() -> None:
    first = profile()
    again = Profile.from_bytes(first.to_bytes())
    assert again.to_bytes() == first.to_bytes() == profile().to_bytes()
    assert again.digest == first.digest
    assert (again.rows, again.columns["n"].missing, list(again.columns["s"].values)) == (3, 1, ["a", "b"])


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-30], lambda raw: b"PK" + raw[2:40], lambda raw: b"", lambda raw: raw[::-1]]
)
def test_a_spoilt_profile_is_refused(spoil: object) -> None:
    with pytest.raises(DataError, match="profile"):
        Profile.from_bytes(spoil(profile().to_bytes()))  # type: ignore[operator]


def test_a_profile_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.drift.archive.PLAIN_VERSION", 99)
    raw = profile().to_bytes()
    monkeypatch.undo()
    with pytest.raises(DataError, match="version 99"):
        Profile.from_bytes(raw)


@pytest.mark.parametrize("columns", [{}, {"x": Column.of("x", [])}])
def test_an_empty_reference_is_an_error(columns: dict[str, Column]) -> None:
    with pytest.raises(DataError, match="empty"):
        Profile.of(columns)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="different lengths"):
        Profile.of({"x": Column.of("x", [1]), "y": Column.of("y", [1, 2])})


def test_numbers_whose_squares_float64_cannot_hold_have_a_mean_and_a_spread() -> None:
    column = Column.of("x", [-1e300, 1e300, 3e300])
    assert column.mean == pytest.approx(1e300)
    assert column.std == pytest.approx(np.std([-1.0, 1.0, 3.0]) * 1e300)
