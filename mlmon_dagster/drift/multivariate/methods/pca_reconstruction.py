"""The reconstruction error of principal components: finds columns that no longer go together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.matrix import Standard

FOLDS = 5
"""Parts of the reference that are measured on the plane of the other parts."""


@dataclass(frozen=True)
class PcaReconstruction:
    """Relative change of the mean distance of rows from the plane of the reference's principal components.

    The components that explain `explained` of the variance are kept; a row's error is what they leave of it. The
    reference's mean error is that of rows on the plane of other rows, as a window's are; the p-value compares both
    means (normal limit). The mean error itself is the number of NannyML's `DataReconstructionDriftCalculator`: the
    metric `reconstruction_error`. Blind to a shift within the plane.
    Source: NannyML; Jolliffe, "Principal Component Analysis", 2002.
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "relative change of the reconstruction error"

    explained: Annotated[float, Field(gt=0, lt=1, description="share of the variance that components keep")] = 0.65

    def learn(self, reference: Table) -> Learned:
        standard = Standard.of(reference)
        width, rows = len(standard.means), 0
        products = np.zeros((width, width))
        for block in standard.blocks(reference):
            products += block.T @ block
            rows += len(block)
        values, vectors = np.linalg.eigh(products / rows)
        values, vectors = values[::-1], vectors[:, ::-1]
        whole = max(float(values.sum()), 1e-300)
        kept = int(np.searchsorted(np.cumsum(values) / whole, self.explained, side="right")) + 1
        plane = vectors[:, : min(kept, width)]
        arrays = {"means": standard.means, "stds": standard.stds, "plane": plane}
        mean, spread, _ = _errors(standard, plane, reference)
        unseen = _unseen(standard, plane.shape[1], reference)
        about = {"standard": standard.document(), "rows": rows, "mean": repr(mean), "spread": repr(spread)}
        about |= {"unseen": repr(unseen)}
        return Learned(about, arrays)

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        from scipy.special import ndtr

        about, arrays = learned.about, learned.arrays
        standard = Standard.read(about["standard"], arrays["means"], arrays["stds"])
        mean, spread, by_column = _errors(standard, arrays["plane"], window)
        before, spread_before = float(about["unseen"]), float(about["spread"])
        rows = len(next(iter(window.values())))
        sampled = float(np.hypot(spread / np.sqrt(rows), spread_before / np.sqrt(about["rows"])))
        noise = float(np.hypot(sampled, before - float(about["mean"])))  # and how far the plane itself is uncertain
        score = abs(mean - before) / noise if noise else 0.0 if mean == before else float("inf")
        change = abs(mean - before) / before if before > 1e-12 else abs(mean - before)
        order = np.argsort(-by_column, kind="stable")
        names = tuple(standard.fills)
        numbers = {"reconstruction_error": mean, "reconstruction_error.error": spread / float(np.sqrt(rows))}
        return JointMeasure(change, float(2 * ndtr(-score)), numbers, tuple(names[one] for one in order))


def _unseen(standard: Standard, kept: int, reference: Table) -> float:
    """The mean error of the reference's rows on planes of the other rows: what new rows have without any drift."""
    products = np.zeros((FOLDS, len(standard.means), len(standard.means)))
    for one, part in _parts(standard, reference):
        products[one] += part.T @ part
    whole, total, count = products.sum(axis=0), 0.0, 0
    rests = []
    for one in range(FOLDS):
        plane = np.linalg.eigh(whole - products[one])[1][:, ::-1][:, :kept]
        rests.append(np.eye(len(plane)) - plane @ plane.T)
    for one, part in _parts(standard, reference):
        error = part @ rests[one]
        total += float(np.sqrt(np.einsum("ij,ij->i", error, error)).sum())
        count += len(part)
    return total / count


def _parts(standard: Standard, reference: Table) -> Iterator[tuple[int, Array]]:
    """The fold and the rows of every fifth row of each block."""
    for block in standard.blocks(reference):
        yield from ((one, block[one::FOLDS]) for one in range(FOLDS))


def _errors(standard: Standard, plane: Array, rows: Table) -> tuple[float, float, Array]:
    """Mean and standard deviation (n - 1) of the rows' errors, and the mean squared error of each column."""
    rest = np.eye(len(plane)) - plane @ plane.T
    found, squares, count = [], np.zeros(len(plane)), 0
    for block in standard.blocks(rows):
        error = block @ rest
        found.append(np.sqrt(np.einsum("ij,ij->i", error, error)))
        squares += np.einsum("ij,ij->j", error, error)
        count += len(block)
    errors = np.concatenate(found)
    spread = float(errors.std(ddof=1)) if count > 1 else float("nan")
    return float(errors.mean()), spread, squares / count
