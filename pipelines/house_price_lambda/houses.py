"""Synthetic houses whose features have exactly the means and standard deviations that they are asked to have.

`python pipelines/house_price_lambda/houses.py --rows 1000 --days 10 > houses.csv` writes as many as wanted.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Feature:
    """The values a feature can take, and the mean and standard deviation it has over all rows."""

    lowest: float
    highest: float
    step: float
    mean: float
    std: float
    dollars: float
    """What one unit of it adds to the price."""


FEATURES: Mapping[str, Feature] = {
    "bedrooms": Feature(1, 5, 1, 3.04, 1.44, 50_000),
    "bathrooms": Feature(1, 3, 1, 1.99, 0.82, 30_000),
    "sqft": Feature(400, 3600, 1, 1998, 496, 150),
    "age": Feature(0, 50, 0.1, 24.7, 14.8, -2_000),
    "location_score": Feature(1, 10, 0.1, 5.53, 2.60, 20_000),
}
"""The reference of the original example: means and standard deviations to the printed digits."""


@dataclass(frozen=True)
class Houses:
    """How many houses to make, and of which kind."""

    rows: int = 1000
    days: int = 10
    first_day: date = date(2026, 1, 1)
    correlation: float = 0.0
    """Rank correlation of bedrooms, bathrooms and sqft: 0 as in the original example, 0.6 is more like real houses."""
    base_price: float = 100_000
    noise: float = 25_000
    seed: int = 42
    features: Mapping[str, Feature] = field(default_factory=lambda: FEATURES)

    def make(self, first_id: int = 1) -> "pd.DataFrame":
        """The houses, `rows` of them spread over `days`: id, date, the features, price. The same every time."""
        import pandas as pd

        random = np.random.default_rng(self.seed)
        frame = pd.DataFrame({"id": np.arange(first_id, first_id + self.rows)})
        frame["date"] = [str(self.first_day + timedelta(days=i * self.days // self.rows)) for i in range(self.rows)]
        ranks, shared = {}, random.normal(size=self.rows)
        for name in self.features:
            common = self.correlation if name in ("bedrooms", "bathrooms", "sqft") else 0.0
            own = random.normal(size=self.rows)
            ranks[name] = np.argsort(np.argsort(np.sqrt(common) * shared + np.sqrt(1 - common) * own))
        for name, feature in self.features.items():
            frame[name] = sample(feature, self.rows)[ranks[name]]
        worth = sum(frame[name] * feature.dollars for name, feature in self.features.items())
        price = self.base_price + worth + random.normal(0, self.noise, self.rows)
        frame["price"] = price.round(2)
        return frame


def sample(feature: Feature, rows: int) -> "np.ndarray":
    """Sorted values of the feature: the least informative sample with its mean, standard deviation and range.

    Of all distributions on the possible values that have the mean and the variance, the one of greatest entropy
    is proportional to exp(a x + b x^2); Newton's method finds a and b, and the rows are its quantiles.
    """
    grid = np.round(np.arange(feature.lowest, feature.highest + feature.step / 2, feature.step), 6)
    z = (grid - feature.mean) / feature.std
    tilt = np.zeros(2)
    for _ in range(50):
        weights = np.exp(tilt[0] * z + tilt[1] * z**2)
        weights /= weights.sum()
        moments = np.array([z, z**2])
        means = moments @ weights
        tilt -= np.linalg.solve(np.cov(moments, aweights=weights, ddof=0), means - np.array([0.0, 1.0]))
    quantiles = (np.arange(rows) + 0.5) / rows
    return grid[np.searchsorted(np.cumsum(weights), quantiles).clip(0, len(grid) - 1)]


def with_production(reference: Houses, days: int = 6) -> "pd.DataFrame":
    """The reference, then as many houses a day from the same market; on the last day only large old villas are sold."""
    import pandas as pd

    each = reference.rows // reference.days
    later = reference.first_day + timedelta(days=reference.days)
    calm = replace(reference, rows=each * (days - 1), days=days - 1, first_day=later, seed=reference.seed + 1)
    villas = {
        **reference.features,
        "sqft": replace(reference.features["sqft"], highest=6000, mean=3500),
        "age": replace(reference.features["age"], highest=100, mean=60),
    }
    last = replace(calm, rows=each, days=1, first_day=later + timedelta(days=days - 1), features=villas)
    made = [reference.make(), calm.make(reference.rows + 1), last.make(reference.rows + calm.rows + 1)]
    return pd.concat(made, ignore_index=True)


def main() -> None:
    """Writes CSV on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=Houses.rows)
    parser.add_argument("--days", type=int, default=Houses.days)
    parser.add_argument("--correlation", type=float, default=Houses.correlation)
    parser.add_argument("--seed", type=int, default=Houses.seed)
    told = parser.parse_args()
    made = with_production(Houses(told.rows, told.days, correlation=told.correlation, seed=told.seed))
    made.to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
