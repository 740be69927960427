"""The area under ROC and the gap of the classes against every pair, and against scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from often import often
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlmon_dagster.drift.ranking import ranked

SCORE = st.floats(-1e300, 1e300) | st.sampled_from([-1.0, -0.0, 0.0, 0.5, 5e-324, 1.0])


@often
@given(st.lists(SCORE, min_size=1, max_size=40), st.lists(SCORE, min_size=1, max_size=40))
def test_every_pair_is_counted(positive: list[float], negative: list[float]) -> None:
    pairs = sum((p > n) - (p < n) for p in positive for n in negative)
    truth = np.array([True] * len(positive) + [False] * len(negative))
    expected = (len(positive) * len(negative) + pairs) / (2 * len(positive) * len(negative))
    found = ranked(truth, np.array(positive + negative))
    assert found.area == expected
    assert found.gap == pytest.approx(stats.ks_2samp(positive, negative, method="asymp").statistic, abs=1e-12)


@pytest.mark.parametrize("decimals", [2, 17])
def test_the_difference_from_scikit_learn_is_nought(decimals: int) -> None:
    random = np.random.default_rng(0)
    truth = random.random(20_000) < 0.2
    scores = np.round(1 / (1 + np.exp(-random.normal(truth, 1))), decimals)
    assert ranked(truth, scores).area == pytest.approx(roc_auc_score(truth, scores), abs=1e-15)
