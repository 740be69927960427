"""The mean squared reconstruction error of principal components, from sums alone."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.covariance import COARSE, Covariance
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.numbers import covariance_of, kept_covariance, read_covariance, window_covariance
from mlmon_dagster.errors import DataError


@dataclass(frozen=True)
class PcaResidual:
    """Relative change of the mean squared distance of rows from the plane of the reference's principal components.

    `pca_reconstruction` of columns of numbers with squares instead of distances, which sums are enough for: a profile
    with a covariance gives the same number as the rows. The components that explain `explained` of the variance are
    kept. The p-value holds for elliptical distributions, whose kurtosis is taken from the reference (normal limit).
    Blind to a shift within the plane.
    Source: Muirhead, "Aspects of Multivariate Statistical Theory", 1982; Jolliffe, "Principal Component Analysis",
    2002.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "relative change of the squared reconstruction error"

    explained: Annotated[float, Field(gt=0, lt=1, description="share of the variance that components keep")] = 0.65
    pair_rows: Annotated[int, Field(ge=4, description="rows in which any two columns need a value")] = 30

    def learn(self, reference: Table) -> Learned:
        return kept_covariance(covariance_of(reference))

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        before = read_covariance(learned)
        return self.compare(before, window_covariance(before, window))

    def compare(self, reference: Covariance, window: Covariance) -> JointMeasure:
        """The same number from two covariances on the same axes; `DataError` for a pair with too few rows."""
        from scipy.special import ndtr

        varies = [name for name, one in zip(reference.names, np.diagonal(reference.matrix), strict=True) if one > 0]
        reference, window = reference.only(varies), window.only(varies)
        for side, rows in (("reference", reference.rows), ("window", window.rows)):
            if len(varies) < 2 or rows.min() < self.pair_rows:
                raise DataError(
                    f"the {side} has two columns with less than {self.pair_rows} rows with a value in both",
                    hint="take longer windows, or other columns",
                )
        before, now = _moments(reference, reference), _moments(reference, window)
        values, vectors = np.linalg.eigh(before)
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
        kept = int(np.searchsorted(np.cumsum(values) / values.sum(), self.explained, side="right")) + 1
        kept = min(kept, len(varies) - 1)
        plane = vectors[:, :kept]
        rest = np.eye(len(varies)) - plane @ plane.T
        error, found = float(np.sum(rest * before)), float(np.sum(rest * now))
        if error <= 1e-12:
            raise DataError("the reference's columns lie on one plane: there is nothing left to reconstruct")
        n, m = int(reference.rows.min()), int(window.rows.min())
        flat = rest @ before
        excess = _kurtosis(reference)
        variance = 2 * excess * float(np.sum(flat * flat.T)) + (excess - 1) * error**2
        optimism = _optimism(values, kept, n)
        error += optimism
        noise = float(np.hypot(np.sqrt(variance * (1 / n + 1 / m)), optimism))
        by_column = np.abs(np.diagonal(rest @ (now - before) @ rest))
        order = np.argsort(-by_column, kind="stable")
        numbers = {"pca_residual.before": error, "pca_residual.now": found}
        p_value = float(2 * ndtr(-abs(found - error) / noise)) if noise else 1.0
        return JointMeasure(abs(found - error) / error, p_value, numbers, tuple(varies[one] for one in order))


def _moments(reference: Covariance, rows: Covariance) -> Array:
    """Mean products of standardised values: distances from the reference's means over its standard deviations."""
    count = rows.rows.astype(np.float64)
    whole = np.diagonal(reference.rows).astype(np.float64)
    mean = np.diagonal(reference.sums).astype(np.float64) / whole
    spread = np.sqrt(np.diagonal(reference.squares).astype(np.float64) / whole - mean**2)
    sums = rows.sums.astype(np.float64) / count
    about = rows.products.astype(np.float64) / count - sums * mean[None, :] - (sums * mean[None, :]).T
    return np.asarray((about + np.outer(mean, mean)) / np.outer(spread, spread))


def _optimism(values: Array, kept: int, rows: int) -> float:
    """How much less the plane leaves of its own rows than of new ones: twice what a rotation of it by chance costs.

    Source: Anderson, "Asymptotic Theory for Principal Component Analysis", 1963.
    """
    inner, outer = values[:kept, None], values[None, kept:]
    apart = np.maximum(inner - outer, np.sqrt(inner * outer / rows))
    return float(2 * np.sum(inner * outer / apart) / rows)


def _kurtosis(reference: Covariance) -> float:
    """Fourth moments over those of a normal distribution with the same correlations: 1 for a normal one."""
    width = len(reference.axes)
    squares = np.diagonal(reference.squares).astype(np.float64) / np.diagonal(reference.rows).astype(np.float64)
    fourth = reference.quarts.astype(np.float64) / reference.rows.astype(np.float64)
    normal = 1 + 2 * np.nan_to_num(reference.correlations) ** 2
    one, two = np.triu_indices(width)
    found = fourth * 16.0**COARSE / np.outer(squares, squares)
    return float(max(1.0, found[one, two].sum() / normal[one, two].sum()))
