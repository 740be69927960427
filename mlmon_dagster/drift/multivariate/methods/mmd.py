"""Maximum mean discrepancy on a budget: the distance of two distributions in the space of a kernel."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.matrix import Standard, rows_of, thinned

SAMPLE = 500
"""Rows of the reference that the kernel's width is taken from."""

LARGEST = 100_000
"""Rows of a side that are looked at; of more, as many, spread evenly."""


@dataclass(frozen=True)
class Mmd:
    """Distance of the mean kernel features of window and reference, less what chance explains; 0 to 1.4.

    The Gaussian kernel's width is the median distance of reference rows; it is approximated by `features` random
    Fourier features, so that a window costs one pass and the reference is kept as one mean. The p-value comes from a
    gamma distribution with the mean and variance that the squared distance has without drift.
    Source: Gretton and others, "A Kernel Two-Sample Test", 2012; Rahimi and Recht, "Random Features for Large-Scale
    Kernel Machines", 2007.
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "distance in the kernel's space"

    features: Annotated[int, Field(ge=16, le=4096, description="random Fourier features")] = 256

    def learn(self, reference: Table) -> Learned:
        reference = thinned(reference, LARGEST)
        standard, rows = Standard.of(reference), rows_of(reference)
        chosen = np.unique(np.linspace(0, rows - 1, SAMPLE).astype(int))
        sample = standard.matrix({name: values[chosen] for name, values in reference.items()})
        frequencies = _frequencies(sample, self.features)
        total = np.zeros(self.features)
        products = np.zeros((self.features, self.features))
        for block in standard.blocks(reference):
            features = _features(block, frequencies)
            total += features.sum(axis=0)
            products += features.T @ features
        mean = total / rows
        covariance = products / rows - np.outer(mean, mean)
        about = {
            "standard": standard.document(),
            "rows": rows,
            "trace": repr(float(np.trace(covariance))),
            "square": repr(float(np.sum(covariance**2))),
        }
        arrays = {"means": standard.means, "stds": standard.stds, "frequencies": frequencies, "mean": mean}
        return Learned(about, arrays)

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        from scipy.special import gammaincc

        about, arrays = learned.about, learned.arrays
        standard = Standard.read(about["standard"], arrays["means"], arrays["stds"])
        window = thinned(window, LARGEST)
        rows, total, moved = rows_of(window), np.zeros(len(arrays["mean"])), np.zeros(len(standard.means))
        for block in standard.blocks(window):
            total += _features(block, arrays["frequencies"]).sum(axis=0)
            moved += block.sum(axis=0)
        squared = float(np.sum((total / rows - arrays["mean"]) ** 2))
        share = 1 / rows + 1 / about["rows"]
        expected, variance = float(about["trace"]) * share, 2 * float(about["square"]) * share**2
        known = expected > 1e-12 and variance > 0  # constant columns have no chance to differ by
        p_value = float(gammaincc(expected**2 / variance, squared * expected / variance)) if known else 1.0
        p_value = 0.0 if not known and squared > 1e-9 else p_value
        order = np.argsort(-np.abs(moved / rows), kind="stable")
        names = tuple(standard.fills)
        value = float(np.sqrt(max(squared - expected, 0.0)))
        return JointMeasure(value, p_value, {}, tuple(names[one] for one in order))


def _frequencies(sample: Array, features: int) -> Array:
    """Random frequencies of a Gaussian kernel with the median heuristic: (columns, features / 2), always the same."""
    squares = np.sum(sample**2, axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * sample @ sample.T
    upper = distances[np.triu_indices(len(sample), 1)]
    width = float(np.sqrt(max(np.median(upper), 1e-12))) if len(upper) else 1.0
    random = np.random.default_rng(20120301)
    return np.asarray(random.normal(size=(sample.shape[1], features // 2)) / (width or 1.0))


def _features(rows: Array, frequencies: Array) -> Array:
    """cos and sin of the projections: their inner product approximates the kernel."""
    angles = rows @ frequencies
    found = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(found / np.sqrt(frequencies.shape[1]))
