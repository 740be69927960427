"""Linear models of scikit-learn as weights and intercepts."""

from typing import Any

import numpy as np

from mlmon_dagster.adapters.compiled.forest import UnsupportedError
from mlmon_dagster.adapters.compiled.outcome import Outcome

REGRESSORS = frozenset(
    (
        *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "ElasticNet", "ElasticNetCV"),
        *("SGDRegressor", "HuberRegressor", "BayesianRidge", "ARDRegression", "Lars", "LinearSVR", "QuantileRegressor"),
        *("TheilSenRegressor", "OrthogonalMatchingPursuit"),
    )
)
LOG_REGRESSORS = frozenset(("PoissonRegressor", "GammaRegressor"))
CLASSIFIERS = frozenset(
    (
        *("LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearSVC", "RidgeClassifier"),
        *("RidgeClassifierCV", "Perceptron", "LinearDiscriminantAnalysis"),
    )
)


def linear_of(model: Any) -> tuple[np.ndarray, Outcome]:
    """(weights of shape (outputs, features), outcome with the intercepts); `UnsupportedError` for other models."""
    name = type(model).__name__
    if not type(model).__module__.startswith("sklearn."):
        raise UnsupportedError(f"{name} is not scikit-learn's")
    if name in REGRESSORS | LOG_REGRESSORS:
        weights = np.atleast_2d(np.asarray(model.coef_, np.float64))
        if weights.shape[0] != 1:
            raise UnsupportedError("it has several outputs")
        return weights, Outcome(_base(model, 1), exponential=name in LOG_REGRESSORS)
    if name in CLASSIFIERS:
        weights = np.atleast_2d(np.asarray(model.coef_, np.float64))
        classes = tuple(model.classes_.tolist())
        if len(weights) not in (1, len(classes)) or not all(isinstance(one, str | int | float) for one in classes):
            raise UnsupportedError("its classes are not one for each score")
        return weights, Outcome(_base(model, len(weights)), classes=classes)
    raise UnsupportedError(f"{name} has no compiled form")


def _base(model: Any, outputs: int) -> tuple[float, ...]:
    intercept = np.ravel(np.asarray(model.intercept_, np.float64))
    return tuple(map(float, np.broadcast_to(intercept, (outputs,))))
