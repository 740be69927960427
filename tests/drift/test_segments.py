"""The worst segment: found where there is one, and seldom where there is none; and what explains a change."""

import numpy as np
import pytest

from mlmon_dagster.drift.segments import LossTable, worst_segment


def world(rows, seed, bad=0.0):
    """Losses that are `bad` larger for large houses in Ulm."""
    random = np.random.default_rng(seed)
    columns = {
        "size": random.normal(100, 20, rows),
        "city": random.choice(np.array(["Ulm", "Bonn", "Kiel"], dtype=object), rows),
        "noise": random.normal(0, 1, rows),
    }
    worse = (columns["size"] > 113) & (columns["city"] == "Ulm")
    return columns, random.exponential(1, rows) + bad * worse


def test_the_rows_where_a_model_is_worst_are_named_by_their_conditions():
    columns, loss = world(4000, 1, bad=2.0)

    found = worst_segment(columns, loss)

    assert "city is 'Ulm'" in found.text
    assert "size above 11" in found.text
    assert found.loss - found.rest == pytest.approx(2, abs=0.35)
    assert found.p_value < 1e-6
    assert found.rows >= 50


def test_where_no_segment_is_worse_none_is_named_however_many_are_tried():
    found = [worst_segment(*world(600, seed), minimum=30, significance=0.05) for seed in range(60)]

    assert sum(one is not None for one in found) <= 8


def test_a_segment_has_at_least_as_many_rows_as_asked_for():
    columns, loss = world(4000, 1, bad=5.0)

    assert worst_segment(columns, loss, minimum=2000) is None
    assert worst_segment({}, loss) is None
    assert worst_segment(columns, np.ones(4000)) is None


def test_missing_values_are_a_segment():
    columns, loss = world(2000, 3)
    gone = np.arange(2000) % 7 == 0
    columns["size"][gone] = np.nan

    assert worst_segment(columns, loss + 3 * gone).text == "size is missing"


def test_a_column_whose_values_moved_to_where_losses_are_large_explains_the_change():
    random = np.random.default_rng(4)
    before = {"risk": random.normal(0, 1, 5000), "other": random.normal(0, 1, 5000)}
    now = {"risk": random.normal(1.5, 1, 3000), "other": random.normal(0.5, 1, 3000)}
    loss_before, loss_now = (np.exp(table["risk"] / 2) for table in (before, now))

    first, second = LossTable.of(before, loss_before).causes(now, loss_now)

    change = loss_now.mean() - loss_before.mean()
    assert (first.column, second.column) == ("risk", "other")
    assert first.mix == pytest.approx(change, rel=0.25)
    assert abs(second.mix) < 0.1 * change
    assert first.mix + first.within == pytest.approx(change)
    assert second.mix + second.within == pytest.approx(change)


def test_a_changed_concept_is_explained_by_no_column():
    random = np.random.default_rng(5)
    table = {"x": random.normal(0, 1, 4000)}

    (cause,) = LossTable.of(table, np.ones(4000)).causes(table, np.full(4000, 3.0))

    assert (cause.mix, cause.within) == (pytest.approx(0), pytest.approx(2))
