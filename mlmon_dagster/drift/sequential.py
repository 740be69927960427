"""Comparing two streams while they run: evidence that stays valid however often, and whenever, one looks at it.

A fixed-sample test that is looked at again and again finds a difference in the end although there is none. These do
not: under "no difference" the p-value falls to alpha *ever* with a probability of at most alpha.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Moments:
    """How many numbers there were, their mean and their variance."""

    count: int
    mean: float
    variance: float


def event_evidence(challenger: int, champion: int, share: float) -> float:
    """E-value against "the events hit both alike": the larger, the less likely is that.

    `share` is the probability that a request goes to the challenger. If both fail equally often, each failure is the
    challenger's with just that probability, however often anything fails and however that changes over the day: a
    stream of coins with known bias. Against it stands a coin of unknown bias (uniform prior), so the evidence is the
    ratio of a Beta function to the known likelihood.

    Lindon, Malek: Anytime-valid inference for multinomial count data, NeurIPS 2022 (two categories).

    >>> event_evidence(0, 0, 0.1)
    1.0
    >>> event_evidence(12, 2, 0.1) > 1000
    True
    """
    if not 0 < share < 1:
        return 1.0
    log_marginal = math.lgamma(challenger + 1) + math.lgamma(champion + 1) - math.lgamma(challenger + champion + 2)
    return _exp(log_marginal - challenger * math.log(share) - champion * math.log1p(-share))


def mean_evidence(challenger: Moments, champion: Moments, tau: float) -> float:
    """Likelihood ratio against "both have the same mean", mixed over differences of the size `tau` (normal).

    The mixture sequential probability ratio test of Johari, Koomen, Pekelis, Walsh: Always Valid Inference, Operations
    Research 2022, with the variance of the estimated difference; asymptotic in the counts.

    >>> same = Moments(1000, 5.0, 1.0)
    >>> mean_evidence(same, same, tau=0.1) < 1
    True
    >>> mean_evidence(Moments(1000, 5.3, 1.0), same, tau=0.1) > 1000
    True
    """
    if min(challenger.count, champion.count) < 2:
        return 1.0
    variance = challenger.variance / challenger.count + champion.variance / champion.count
    difference = challenger.mean - champion.mean
    if variance <= 0:
        return 1.0 if difference == 0 else math.inf
    spread = variance + tau * tau
    return math.sqrt(variance / spread) * _exp(tau * tau * difference * difference / (2 * variance * spread))


def paired_evidence(difference: Moments, tau: float) -> float:
    """The same against "the difference has mean zero", of differences on the same rows.

    >>> paired_evidence(Moments(1000, 0.0, 1.0), tau=0.1) < 1
    True
    >>> paired_evidence(Moments(1000, -0.3, 1.0), tau=0.1) > 1000
    True
    """
    if difference.count < 2:
        return 1.0
    variance = difference.variance / difference.count
    if variance <= 0:
        return 1.0 if difference.mean == 0 else math.inf
    spread = variance + tau * tau
    return math.sqrt(variance / spread) * _exp(tau * tau * difference.mean**2 / (2 * variance * spread))


def p_value(evidence: float) -> float:
    """The p-value at any time that an e-value stands for: the smallest over time must be kept by who watches.

    >>> p_value(1000.0)
    0.001
    """
    return 1.0 if evidence <= 1 else 1.0 / evidence


def _exp(power: float) -> float:
    return math.exp(power) if power < 700 else math.inf
