"""Drift that only a segment has is found and named, and noise is not."""

import numpy as np
import pytest

from mlmon_dagster import plugins


def world(rows: int, seed: int, moved: str = "") -> dict[str, np.ndarray]:
    """Prices by city; in one of them they may move while those of all others move back."""
    random = np.random.default_rng(seed)
    city = random.choice(np.array(["Ulm", "Bonn", "Köln", "Kiel"], dtype=object), rows)
    price = random.normal(0, 1, rows)
    price[city == moved] = np.sqrt(0.2) * price[city == moved] + 1.5
    return {"city": city, "price": price, "rooms": random.integers(1, 8, rows).astype(float)}


def measured(reference: dict[str, np.ndarray], window: dict[str, np.ndarray], **fields: object):
    method = plugins.parse("joint", {"use": "segment_drift", **fields})
    return method.measure(method.learn(reference), window)


def test_the_segment_is_named_in_words_with_the_column_that_moved_in_it() -> None:
    found = measured(world(8_000, 1), world(3_000, 2, "Ulm"))
    assert found.columns[0] == "price where city is 'Ulm'"
    assert found.value > 0.4
    assert found.p_value < 1e-20
    assert 600 < found.numbers["segment_drift.rows"] < 900


def test_bins_of_numbers_and_missing_values_are_segments_too() -> None:
    window = world(3_000, 3)
    high = np.quantile(window["price"], 0.75)
    window["rooms"][window["price"] > high] = 7
    assert measured(world(8_000, 1), window).columns[0].startswith("rooms where price is above 0.")
    before = world(8_000, 4)
    for side in (before, window):
        side["rooms"][:400] = np.nan
    window["price"][:400] += 4
    assert "price where rooms is missing" in measured(before, window).columns


def test_searching_hundreds_of_segments_finds_nothing_in_noise() -> None:
    method = plugins.parse("joint", "segment_drift")
    learned = method.learn(world(6_000, 5))
    told = [method.measure(learned, world(1_500, seed)).numbers["segment_drift.segments"] for seed in range(100, 200)]
    assert sum(count > 0 for count in told) <= 4


@pytest.mark.parametrize("rows", [50, 99])
def test_thin_segments_are_not_looked_at(rows: int) -> None:
    found = measured(world(2_000, 6), world(rows, 7, "Ulm"), segment_rows=100)
    assert (found.value, found.p_value, found.numbers["segment_drift.compared"]) == (0.0, 1.0, 0.0)
