"""What every place for checkpoints promises."""

from pathlib import Path

import pytest

from mlmon_dagster.adapters.checkpoints.opening import open_store
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.ports import CheckpointStore


@pytest.fixture(params=["folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    return open_store(str(tmp_path / "checkpoints"))


def test_an_empty_store_has_nothing(store: CheckpointStore) -> None:
    assert store.newest() is None
    assert list(store.notes()) == []
    assert list(store.leaves()) == []


def test_notes_are_kept_in_order_and_the_newest_is_found(store: CheckpointStore) -> None:
    store.put(2, "two", bytes(64))
    store.put(1000, "thousand", bytes(32) * 998)
    store.put(1001, "größer", b"\x01" * 32)
    assert list(store.notes()) == ["two", "thousand", "größer"]
    assert store.newest() == "größer"
    assert [(first, len(leaves) // 32) for first, leaves in store.leaves()] == [(1, 2), (3, 998), (1001, 1)]


def test_of_one_size_the_first_and_the_latest_are_kept(store: CheckpointStore) -> None:
    for note in ("first", "second", "third"):
        store.put(7, note, b"")
    store.put(8, "eight", bytes(32))
    assert list(store.notes()) == ["first", "third", "eight"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot be kept"):
        open_store(str(tmp_path / "file")).put(1, "one", bytes(32))
