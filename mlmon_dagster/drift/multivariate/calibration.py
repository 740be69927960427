"""Thresholds of joint monitors that keep an alarm budget, found on windows that were held out of the reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlmon_dagster.drift.calibration import AIM, BODY, TYPICAL, Calibration, Curve, declaration_digest
from mlmon_dagster.drift.chance import reached, seeded
from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.monitor import Monitor, method_name
from mlmon_dagster.drift.multivariate.joint import JOINT, Table
from mlmon_dagster.drift.multivariate.matrix import rows_of

CUTS, DRAWS, SCALING_DRAWS = 8, 96, 32
"""How often the reference is cut anew, random windows of the usual size, and those of every other size."""

MOST_ROWS = 20_000
"""Rows of the reference that are looked at, spread evenly: chance is hardly less in more."""

OWN_WINDOWS, MOST_OWN_WINDOWS = 8, 16
"""Windows of the reference itself that it takes to see how much they vary, and how many are looked at."""

Slices = Sequence[tuple[int, int]]
"""First row and end of each window of the reference as it was."""


def calibrate_joint(monitor: Monitor, reference: Table, rate: float, usual_rows: int, own: Slices = ()) -> Calibration:
    """The threshold with which a share `rate` of windows without drift alarm, for windows of `usual_rows` and others.

    The reference is cut at random; the method learns from the larger part and measures windows of the other, which it
    never saw. `own` are the reference's windows as they were: where they lie further from the others than random ones
    do, the threshold rises by as much. The same reference and monitor give the same threshold.
    """
    level = monitor.persistence.level(rate) if monitor.persistence else rate
    rows = np.linspace(0, rows_of(reference) - 1, min(rows_of(reference), MOST_ROWS)).astype(int)
    whole = _rows(reference, rows)
    most = max(len(rows) // 3, 1)
    usual = int(np.clip(usual_rows, 1, most))
    sizes = sorted({usual, *(size for size in (usual // 4, usual * 4) if monitor.minimum_rows <= size <= most)})
    drawn = _drawn(monitor, whole, sizes, usual)
    threshold, body = reached(drawn[usual], level * AIM), reached(drawn[usual], 2 * BODY)
    found = []
    for size in sizes:
        scaled = threshold * reached(drawn[size], 2 * BODY) / body if body > 0 else reached(drawn[size], level * AIM)
        found.append(threshold if size == usual else scaled)
    held_out = len(rows) - _held_out(len(rows), sizes)
    effective = tuple(size * held_out / (size + held_out) for size in sizes)
    variation = _variation(monitor, reference, own, Curve(effective, tuple(found)), drawn[usual], threshold)
    curve = Curve(effective, tuple(found), variation)
    return Calibration(declaration_digest(monitor, rate), rate, level, {JOINT: curve})


def _held_out(rows: int, sizes: Sequence[int]) -> int:
    """Rows that windows are drawn from: a fifth, or as many as the largest window has."""
    return max(rows // 5, sizes[-1])


def _drawn(monitor: Monitor, whole: Table, sizes: Sequence[int], usual: int) -> dict[int, Array]:
    """Distances of random windows of each size, in ascending order."""
    random, count = seeded(method_name(monitor.method), *whole), rows_of(whole)
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(CUTS):
        order = random.permutation(count)
        outside, inside = np.split(order, [_held_out(count, sizes)])
        learned = monitor.method.learn(_rows(whole, np.sort(inside)))
        for size in sizes:
            for _ in range((DRAWS if size == usual else SCALING_DRAWS) // CUTS):
                window = _rows(whole, random.choice(outside, size, replace=False))
                found[size].append(float(monitor.method.measure(learned, window).value))
    return {size: np.sort(np.array(values)) for size, values in found.items()}


def _variation(monitor: Monitor, reference: Table, own: Slices, curve: Curve, drawn: Array, threshold: float) -> float:
    """How much further from the rest the reference's own windows lie than random ones of their size."""
    filled = [(start, stop) for start, stop in own if stop - start >= monitor.minimum_rows]
    typical = float(np.quantile(drawn, TYPICAL)) / threshold if threshold > 0 else 0.0
    if len(filled) < OWN_WINDOWS or not typical:
        return 1.0
    ratios, count = [], rows_of(reference)
    for start, stop in filled[:: -(-len(filled) // MOST_OWN_WINDOWS)]:
        inside = np.arange(start, stop)
        outside = np.concatenate([np.arange(start), np.arange(stop, count)])
        rest = outside[np.linspace(0, len(outside) - 1, min(len(outside), MOST_ROWS)).astype(int)]
        learned = monitor.method.learn(_rows(reference, rest))
        usual = curve.at(len(rest), len(inside)) * typical
        ratios.append(float(monitor.method.measure(learned, _rows(reference, inside)).value) / usual)
    return max(1.0, float(np.quantile(ratios, TYPICAL)))


def _rows(table: Table, rows: Any) -> dict[str, Array]:
    return {name: np.asarray(values)[rows] for name, values in table.items()}
