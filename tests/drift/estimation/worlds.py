"""Two worlds that stay as they are while their inputs move: one of classes, one of numbers."""

import numpy as np

from mlmon_dagster.drift.performance import Outcomes

NAMES = np.array(["0", "1"])


def classes(rows: int, shift: float = 0.0, seed: int = 0, concept: float = 1.0):
    """A classifier that is far too sure of itself; `concept` below 1 weakens what its inputs say."""
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1, rows)
    chance = 1 / (1 + np.exp(-concept * (1.5 * x - 0.5)))
    labels = (random.random(rows) < chance).astype(int)
    given = 1 / (1 + np.exp(-3 * (1.5 * x - 0.5)))
    outcomes = Outcomes.of(NAMES[labels], NAMES[(given > 0.5).astype(int)], given, ("0", "1"))
    return outcomes, {"x": x, "noise": random.normal(0, 1, rows)}


def numbers(rows: int, shift: float = 0.0, seed: int = 0):
    """A regression whose errors grow with the distance of x from 0."""
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1, rows)
    predictions = 2 * x + 20
    labels = predictions + random.normal(0, 1, rows) * (0.5 + np.abs(x))
    return Outcomes.of(labels, predictions), {"x": x, "kind": random.choice(np.array(["a", "b"], dtype=object), rows)}
