"""Persistence: what several windows say together."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.persistence import Persistence


@given(st.integers(1, 5), st.integers(0, 4), st.lists(st.sampled_from([True, False, None]), max_size=8))
def test_the_state_is_what_every_way_to_fill_the_gaps_says(windows: int, more: int, past: list[bool | None]) -> None:
    rule = Persistence(windows, windows + more)
    newest = ([None] * 20 + past)[-(rule.of - 1) :] if rule.of > 1 else []
    gaps = sum(one is None for one in newest)
    ways = []
    for filled in product([True, False], repeat=gaps):
        answers = iter(filled)
        ways.append(1 + sum(next(answers) if one is None else one for one in newest) >= rule.windows)
    expected = "persists" if all(ways) else "unknown" if any(ways) else "passing"
    assert rule.state(past, now=True) == expected
    assert rule.state(past, now=False) == "below"


@pytest.mark.parametrize(("windows", "of"), [(1, 1), (1, 3), (2, 3), (3, 5), (4, 4)])
def test_windows_above_as_often_as_the_level_says_alarm_as_often_as_asked(windows: int, of: int) -> None:
    rate = 0.02
    rule = Persistence(windows, of)
    above = np.random.default_rng(1).random(200_000) < rule.level(rate)
    counts = np.convolve(above, np.ones(of), "full")[: len(above)]
    assert (above & (counts >= windows)).mean() == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize(
    ("declared", "place", "said"),
    [
        ({"windows": 3, "of": 2}, ("persistence",), "3 of 2 windows can never be above"),
        ({"windows": 0, "of": 2}, ("persistence", "windows"), "greater than or equal to 1"),
        ({"windows": 2}, ("persistence", "of"), "Field required"),
        ("2 of 3", ("persistence",), "object"),
    ],
)
def test_a_mistake_is_found_where_it_is(declared: object, place: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_monitor("mine", {"use": "ks", "column": "x", "persistence": declared})
    assert any(one["loc"][: len(place)] == place and said in one["msg"] for one in caught.value.errors())
