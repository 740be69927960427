"""Our `compatible: scipy` against scipy, `compatible: sagemaker` against the numbers in Deequ's own tests."""

import numpy as np
import pytest
import shapes
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.peers import Compatible

NUMBERS = {name: pair for name, pair in shapes.numbers().items() if name != "missing"}


def compare(peer: str, method: str, reference, window):
    columns = (Column.of("x", side) for side in (reference, window))
    return Compatible.of(peer, method, threshold=0.1).compare(*columns)


@pytest.mark.parametrize("shape", NUMBERS)
def test_numbers_have_scipys_numbers(shape):
    reference, window = NUMBERS[shape]
    tested, distance = stats.ks_2samp(reference, window), stats.wasserstein_distance(reference, window)

    ks = compare("scipy", "ks", reference, window)

    assert (ks.value, ks.p_value) == (pytest.approx(tested.statistic), pytest.approx(tested.pvalue))
    assert compare("scipy", "wasserstein", reference, window).value == pytest.approx(distance, rel=1e-9)
    if np.std(reference):
        student = stats.ttest_ind(reference, window, equal_var=False)
        zscore = compare("scipy", "zscore", reference, window)
        assert (zscore.value, zscore.p_value) == (
            pytest.approx(abs(student.statistic), rel=1e-9),
            pytest.approx(student.pvalue, rel=1e-9),
        )


@pytest.mark.parametrize("shape", shapes.categories())
def test_categories_have_scipys_numbers(shape):
    reference, window = (side.astype(str) for side in shapes.categories()[shape])
    keys = np.union1d(reference, window)
    table = np.array([[(side == key).sum() for key in keys] for side in (reference, window)])

    chi = compare("scipy", "chi_square", reference, window)

    assert (chi.value, chi.p_value) == pytest.approx(stats.chi2_contingency(table)[:2])
    assert compare("scipy", "jensen_shannon", reference, window).value == pytest.approx(jensenshannon(*table))


def counted(counts: dict[str, int]) -> list[str]:
    return [name for name, count in counts.items() for _ in range(count)]


BEFORE = {"a": 10, "b": 20, "c": 25, "d": 10, "e": 5}


@pytest.mark.parametrize(
    ("now", "simple"),
    [
        ({"a": 11, "b": 20, "c": 25, "d": 10, "e": 10}, 0.06015037593984962),
        ({"f": 11, "a": 20, "c": 25, "d": 10, "e": 10}, 0.2857142857142857),
    ],
)
def test_the_distance_of_categories_is_deequs_less_the_noise_it_subtracts(now, simple):
    n, m = sum(BEFORE.values()), sum(now.values())

    one, ten = (
        compare("sagemaker", "auto", counted(BEFORE) * times, counted(now) * times).value for times in (1, 1000)
    )

    assert one == 0.0
    assert ten == pytest.approx(simple - 1.8 * np.sqrt((n + m) / (1000 * n * m)), abs=1e-12)


def test_the_distance_of_numbers_is_deequs():
    reference, window = [1, 2, 3, 4], [2, 3, 4, 5]

    assert compare("sagemaker", "auto", reference, window).value == 0.0
    many = compare("sagemaker", "auto", reference * 10_000, window * 10_000)
    assert many.value == pytest.approx(0.25 - 1.8 * np.sqrt(2 / 40_000), abs=1e-12)
    assert many.drifted


def test_chi_square_joins_small_categories_first():
    reference = counted({"a": 500, "b": 400, "c": 2, "d": 1, "e": 1})
    window = counted({"a": 480, "b": 410, "c": 5, "e": 1})
    expected = np.array([500, 404]) / 904 * 896

    found = compare("sagemaker", "chi_square", reference, window)

    assert found.value == pytest.approx(stats.chisquare([480, 416], expected).pvalue)
