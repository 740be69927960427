"""Page-Hinkley against river, whose forgetting differs: without it both are the same test."""

import numpy as np
import pytest
from river import drift

from mlmon_dagster.drift.streaming.page_hinkley import PageHinkley
from mlmon_dagster.errors import DataError


@pytest.mark.parametrize("direction", ["up", "down", "both"])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_changes_that_river_finds_at_the_same_values(seed, direction):
    random = np.random.default_rng(seed)
    values = np.concatenate([random.normal(0, 1, 700), random.normal(0.8, 1, 700), random.normal(-3, 2, 400)])
    theirs = drift.PageHinkley(delta=0.05, threshold=25, alpha=1, mode=direction)
    ours = PageHinkley(allowance=0.05, threshold=25, forgetting=1, direction=direction)
    found = []

    for place, value in enumerate(values.tolist()):
        theirs.update(value)
        changed = ours.update(value).changed
        assert changed == theirs.drift_detected
        found += [place] if changed else []

    assert found


def test_one_direction_is_deaf_to_the_other():
    falling = [1.0] * 100 + [0.0] * 100

    assert not any(PageHinkley(threshold=5, direction="up").update(value).changed for value in falling)
    down = PageHinkley(threshold=5, direction="down")
    assert sum(down.update(value).changed for value in falling)


def test_parameters_without_a_meaning_are_refused():
    with pytest.raises(DataError, match="threshold > 0"):
        PageHinkley(threshold=0)
