"""Champion and challenger on their labels: whether either is better, by evidence that holds however often one looks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlmon_dagster.drift.performance import PERFORMANCE
from mlmon_dagster.drift.sequential import Moments, mean_evidence, p_value, paired_evidence

TOO_FEW = 30
"""Labels below which a mean is not yet normal enough for the evidence to hold."""


@dataclass(frozen=True)
class Losses:
    """What the labels of one window say: losses of each version's own rows, and differences where both answered."""

    champion: Moments
    challenger: Moments
    paired: Moments
    """Of `challenger - champion`, on requests that both answered (shadows)."""


@dataclass(frozen=True)
class Compared:
    """The comparison so far."""

    labels: int
    """Those it rests on, of the version that has fewer."""
    difference: float
    """Challenger's mean loss minus champion's, relative to the champion's; below zero it is better."""
    p: float
    """P-value at any time against "both are as good"."""
    paired: bool


def loss_of(metric: str) -> str:
    """What is compared for a performance metric: a mean over rows, which a sum of rows can be tested by.

    >>> loss_of("mae"), loss_of("rmse"), loss_of("f1")
    ('absolute error', 'squared error', 'wrong classes')
    """
    if PERFORMANCE[metric].task != "regression":
        return "wrong classes"
    return "squared error" if metric in ("mse", "rmse", "r2") else "absolute error"


def compare(windows: Sequence[Losses], difference: float) -> Compared | None:
    """All windows so far, oldest first; `None` while there are too few labels of either version.

    Paired differences are used where there are enough of them, because what both find hard cancels out. `difference`
    is the relative difference that matters: the evidence is strongest for one of about this size, and valid for any.
    The p-value is the smallest over the looks, one for each window.
    """
    smallest, found = 1.0, None
    for count in range(1, len(windows) + 1):
        one = _look(windows[:count], difference)
        if one is not None:
            smallest = min(smallest, one.p)
            found = Compared(one.labels, one.difference, smallest, one.paired)
    return found


def _look(windows: Sequence[Losses], difference: float) -> Compared | None:
    champion, challenger = added(one.champion for one in windows), added(one.challenger for one in windows)
    paired = added(one.paired for one in windows)
    scale = champion.mean
    if champion.count < TOO_FEW or not scale > 0:
        return None
    tau = difference * scale
    if paired.count >= TOO_FEW:
        return Compared(paired.count, paired.mean / scale, p_value(paired_evidence(paired, tau)), True)
    labels = min(champion.count, challenger.count)
    if labels < TOO_FEW:
        return None
    evidence = mean_evidence(challenger, champion, tau)
    return Compared(labels, (challenger.mean - champion.mean) / scale, p_value(evidence), False)


def added(parts: Iterable[Moments]) -> Moments:
    """Moments of all the numbers together.

    >>> added([Moments(1, 1.0, 0.0), Moments(1, 3.0, 0.0)])
    Moments(count=2, mean=2.0, variance=1.0)
    """
    known = [one for one in parts if one.count]
    count = sum(one.count for one in known)
    if not count:
        return Moments(0, 0.0, 0.0)
    mean = math.fsum(one.count * one.mean for one in known) / count
    variance = math.fsum(one.count * (one.variance + (one.mean - mean) ** 2) for one in known) / count
    return Moments(count, mean, variance)
