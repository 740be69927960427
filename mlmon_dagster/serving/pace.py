"""How many rows of a batch the event loop computes itself: a batch that takes longer would hold up single requests."""

import time

import numpy as np

from mlmon_dagster.adapters.compiled.runtime import RowModel
from mlmon_dagster.drift.scorer import RecordScorer

INLINE_SECONDS = 0.003
TRIED_ROWS = 256
MOST_ROWS = 1_000_000


def inline_rows(model: RowModel, scorer: RecordScorer) -> int:
    """Rows that take up to 3 ms, measured on rows like the reference's: equal ones would take trees one way only."""
    centers = np.array([one.mean for one in scorer.features])
    deviations = np.array([1 / one.scale if one.scale > 0 else 0.0 for one in scorer.features])
    many = np.random.default_rng(0).normal(centers, deviations, (TRIED_ROWS, len(centers)))
    try:
        for matrix in (many[:1], many):
            model.rows(matrix)
        began = time.perf_counter()
        model.rows(many[:1])
        first = time.perf_counter()
        model.rows(many)
        second = time.perf_counter()
    except Exception:  # a model that refuses such rows is asked in a thread
        return 0
    least = first - began
    each = max((second - first - least) / (TRIED_ROWS - 1), 1e-9)
    return int(max(1, min(MOST_ROWS, (INLINE_SECONDS - least) / each)))
