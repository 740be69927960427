"""What every joint method promises, whoever wrote it."""

import numpy as np
import pytest
import shapes

from mlmon_dagster import plugins
from mlmon_dagster.drift.multivariate.joint import Learned
from mlmon_dagster.drift.packing import pack, unpack
from mlmon_dagster.errors import DataError

METHODS = plugins.names("joint")
OF_PAIRS = ("correlation_shift", "pca_residual")
BLIND_TO_A_SHIFT = ("pca_reconstruction", *OF_PAIRS)
TABLES = shapes.tables()


def measured(name, reference, window, **fields):
    method = plugins.parse("joint", {"use": name, **fields})
    return method.measure(method.learn(reference), window)


def table(rows, seed, shift=0.0, columns=5):
    random = np.random.default_rng(seed)
    found = {f"x{place}": random.normal(shift if place == 2 else 0, 1, rows) for place in range(columns)}
    return found | {"kind": random.choice(np.array(["a", "b"], dtype=object), rows)}


@pytest.mark.parametrize("name", METHODS)
def test_a_joint_method_tells_its_threshold_and_unit(name):
    plugin = plugins.load("joint", name)
    assert plugin.default_threshold > 0
    assert plugin.unit
    assert "Source: " in plugin.__doc__


@pytest.mark.parametrize("name", METHODS)
def test_it_finds_columns_that_no_longer_go_together_though_each_is_as_ever(name):
    found = measured(name, *TABLES["correlation"])

    assert found.value > plugins.load("joint", name).default_threshold
    assert found.p_value < 1e-10


@pytest.mark.parametrize("name", METHODS)
def test_without_drift_there_is_hardly_a_distance(name):
    found = measured(name, table(3000, 1), table(2000, 2))

    assert found.value < plugins.load("joint", name).default_threshold
    assert found.p_value > 0.01


@pytest.mark.parametrize("name", METHODS)
def test_p_values_below_a_twentieth_come_at_most_so_often_without_drift(name):
    fields = {"trees": 15} if name == "domain_classifier" else {}
    small = [
        measured(name, table(600, 2 * seed), table(300, 2 * seed + 1), **fields).p_value < 0.05 for seed in range(40)
    ]

    assert sum(small) <= 6


@pytest.mark.parametrize("name", METHODS)
def test_what_it_keeps_is_numbers_and_text_and_gives_the_same_measure_again(name):
    reference, window = TABLES["with_holes"]
    method = plugins.parse("joint", name)
    learned = method.learn(reference)
    about, arrays = unpack(pack(learned.about, learned.arrays), "it")

    assert method.measure(Learned(about, arrays), window) == method.measure(learned, window)
    assert pack(learned.about, learned.arrays) == pack(*_parts(method.learn(reference)))


def _parts(learned):
    return learned.about, learned.arrays


@pytest.mark.parametrize("name", METHODS)
def test_order_of_rows_hardly_matters_and_order_of_columns_not_at_all(name):
    reference, window = table(500, 3), table(400, 4, shift=0.6)
    found = measured(name, reference, window)
    again = measured(name, reference, dict(reversed(window.items())))

    assert again == found
    assert found.columns[0].split(" where ")[0] == "x2" or name in BLIND_TO_A_SHIFT


@pytest.mark.parametrize("name", METHODS)
def test_new_categories_holes_and_infinities_are_measured(name):
    window = table(300, 5)
    window["x0"][:30] = np.nan
    window["x1"][:5] = np.inf
    window["kind"] = np.where(np.arange(300) < 100, "new", window["kind"])
    window["kind"][-10:] = None

    found = measured(name, table(500, 6), window)

    assert np.isfinite(found.value)
    assert 0 <= found.p_value <= 1


@pytest.mark.parametrize("name", METHODS)
def test_a_constant_column_and_a_single_one_are_measured(name):
    reference, window = {"x": np.ones(200)}, {"x": np.ones(100)}
    if name in OF_PAIRS:
        with pytest.raises(DataError, match="two columns"):
            measured(name, reference, window)
        return

    found = measured(name, reference, window)

    assert found.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_column_that_vanished_is_an_error_that_names_it(name):
    window = table(100, 7)
    del window["x3"]
    with pytest.raises(DataError, match="'x3'"):
        measured(name, table(200, 8), window)
