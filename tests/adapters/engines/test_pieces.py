"""Rows counted piece by piece."""

import pytest
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster.adapters.engines._pieces import counted
from mlmon_dagster.drift.profile import Profile

PROFILE = Profile.of(rows_of_all_kinds(12_000, seed=1))
WINDOW = rows_of_all_kinds(1_000, seed=2, shift=0.1)


@pytest.mark.parametrize("size", [1, 7, 333, 1_000])
def test_any_cut_into_pieces_counts_to_the_same_bytes(size: int) -> None:
    names = list(PROFILE.columns)
    rows = WINDOW.slice(0, 60) if size == 1 else WINDOW
    pieces = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    whole = PROFILE.counted(rows)
    found = counted(PROFILE, names, pieces)
    assert [name for name in names if found.columns[name].kind != whole.columns[name].kind] == []
    different = [
        name for name in names
        if Profile({name: found.columns[name]}, 1).digest != Profile({name: whole.columns[name]}, 1).digest
    ]  # fmt: skip
    assert different == []


def test_pieces_of_another_kind_are_told_even_where_one_of_them_is_all_missing() -> None:
    pieces = [WINDOW.select(["city"]).rename_columns(["normal"]).slice(start, 100) for start in (0, 100)]
    empty = WINDOW.select(["nothing"]).rename_columns(["normal"])
    found = counted(PROFILE, ["normal"], [empty, *pieces])
    assert found.columns["normal"].kind == "categorical"
    assert found.columns["normal"].rows == found.rows == 1_200
