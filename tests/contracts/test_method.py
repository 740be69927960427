"""What every drift method promises, whoever wrote it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbers_of_all_kinds import numbers

from mlmon_dagster import plugins
from mlmon_dagster.drift.bins import binned
from mlmon_dagster.drift.column import Column

METHODS = plugins.names("method")
NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=60)


def columns(method: object, numbers: list[float], words: list[str]) -> Column:
    return Column.of("x", numbers if "numeric" in type(method).kinds else words)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_tells_its_threshold_unit_and_kinds(name: str) -> None:
    plugin = plugins.load("method", name)
    assert plugin.default_threshold > 0
    assert plugin.unit
    assert plugin.kinds
    assert plugin.__doc__


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=40, deadline=None)
@given(numbers=NUMBERS, words=WORDS)
def test_identical_data_has_no_distance(name: str, numbers: list[float], words: list[str]) -> None:
    method = plugins.parse("method", name)
    column = columns(method, numbers, words)
    assert method.measure(column, column).value == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), numbers=NUMBERS, words=WORDS)
def test_a_distance_is_finite_not_negative_and_blind_to_order(
    name: str, data: st.DataObject, numbers: list[float], words: list[str]
) -> None:
    method = plugins.parse("method", name)
    reference = columns(method, data.draw(NUMBERS), data.draw(WORDS))
    found = method.measure(reference, columns(method, numbers, words))
    again = method.measure(reference, columns(method, numbers[::-1], words[::-1]))
    assert np.isfinite(found.value)
    assert found.value >= 0
    assert again == found
    assert found.p_value is None or 0 <= found.p_value <= 1


@pytest.mark.parametrize("name", METHODS)
def test_a_large_shift_is_beyond_the_default_threshold(name: str) -> None:
    method = plugins.parse("method", name)
    random = np.random.default_rng(1)
    reference = columns(method, list(random.normal(0, 1, 500)), ["a"] * 400 + ["b"] * 100)
    window = columns(method, [*random.normal(3, 1, 500), *([None] * 200)], ["b"] * 400 + ["z"] * 100 + [None] * 200)  # type: ignore[list-item]
    assert method.measure(reference, window).value > type(method).default_threshold


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), shift=st.sampled_from([0.0, 0.1, 2.0]), shape=st.sampled_from(["normal", "tied"]))
def test_bins_bound_what_values_say_exactly(name: str, seed: int, shift: float, shape: str) -> None:
    method = plugins.parse("method", name)
    if "numeric" not in type(method).kinds:
        return
    reference = Column.of("x", numbers(shape, 3000, seed))
    window = Column.of("x", numbers(shape, 500, seed + 1) + shift)
    exact, bounded = method.measure(reference, window), method.measure(binned(reference, reference.grid), window)
    assert exact.exact
    if bounded.exact:
        assert bounded.value == pytest.approx(exact.value, rel=1e-6)
    else:
        assert bounded.low is not None
        assert bounded.high is not None
        assert bounded.low * (1 - 1e-6) <= exact.value <= bounded.high * (1 + 1e-6)
        assert bounded.low <= bounded.value * (1 + 1e-6)
    assert exact.p_value is None or bounded.p_value == pytest.approx(exact.p_value, abs=0.05)


@pytest.mark.parametrize("name", METHODS)
def test_a_measure_tells_effect_and_effective_rows(name: str) -> None:
    method = plugins.parse("method", name)
    column = columns(method, [1.0, 2.0, 3.0] * 100, ["a", "b"] * 150)
    found = method.measure(column, column)
    assert found.effective_rows == 300
    assert found.effect is not None
    assert found.certainty == "exact"
    assert (type(method).version, bool(type(method).cost)) == (type(method).version, True)
