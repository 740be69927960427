"""Calibration against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.isotonic import IsotonicRegression

from mlmon_dagster.drift.estimation.calibration import Calibrator, calibration_error


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rows=st.integers(2, 80))
def test_a_calibrator_is_scikit_learns_isotonic_regression(data, rows):
    scores = data.draw(npst.arrays(np.float64, rows, elements=st.floats(0, 1, width=16)))
    hits = data.draw(npst.arrays(np.int64, rows, elements=st.integers(0, 1))).astype(float)
    asked = np.linspace(-0.2, 1.2, 41)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, hits)

    np.testing.assert_allclose(Calibrator.of(scores, hits).apply(asked), theirs.predict(asked), atol=1e-9)


def test_scores_that_say_the_truth_are_left_as_they_are_and_others_are_not():
    random = np.random.default_rng(1)
    truth = random.random(4000)
    hits = (random.random(4000) < truth).astype(float)

    assert Calibrator.chosen(truth, hits).apply(np.array([0.2, 0.7])) == pytest.approx([0.2, 0.7], abs=0.06)
    sure = truth**4 / (truth**4 + (1 - truth) ** 4)
    calibrated = Calibrator.chosen(sure, hits).apply(sure)
    assert calibration_error(sure, hits) > 0.1
    assert calibration_error(calibrated, hits) < 0.02


def test_perfect_probabilities_have_no_calibration_error():
    hits = np.array([0.0, 1.0] * 100)
    assert calibration_error(hits, hits) == 0
    assert calibration_error(1 - hits, hits) == 1
