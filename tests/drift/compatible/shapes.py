"""Pairs of columns in many shapes, made the same way by whoever asks: the tests, and the recorder of peers' numbers."""

from collections.abc import Mapping

import numpy as np


def numbers() -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Reference and window of numbers, by a name that says what is odd about them."""
    random = np.random.default_rng(20240501)
    normal = random.normal
    lognormal = np.round(random.lognormal(0, 1, 1500), 2)
    return {
        "small": (normal(0, 1, 300), normal(0.2, 1, 250)),
        "same": (normal(0, 1, 1200), normal(0, 1, 1100)),
        "shifted": (normal(0, 1, 3000), normal(0.5, 1.2, 2000)),
        "large": (normal(10, 3, 12000), normal(10.4, 3, 6000)),
        "outlier": (np.append(normal(0, 1, 1500), 1e6), normal(1, 1, 900)),
        "outlier_in_window": (normal(0, 1, 1500), np.append(normal(1, 1, 900), -1e5)),
        "skewed": (lognormal, np.round(random.lognormal(0.1, 1, 1300), 2)),
        "cauchy": (random.standard_cauchy(11000), random.standard_cauchy(2000) + 0.3),
        "integers": (random.integers(0, 60, 1400), random.integers(5, 70, 1300)),
        "few_values": (random.integers(0, 4, 1400), random.integers(1, 5, 1300)),
        "twenty_values": (random.integers(0, 20, 900), random.integers(0, 22, 800)),
        "two_values": (random.integers(0, 2, 900).astype(float), (random.random(700) < 0.6).astype(float)),
        "zero_inflated": (
            np.where(random.random(1600) < 0.6, 0.0, random.exponential(1, 1600)),
            np.where(random.random(1500) < 0.5, 0.0, random.exponential(1, 1500)),
        ),
        "missing": (
            np.where(random.random(1300) < 0.1, np.nan, normal(0, 1, 1300)),
            np.where(random.random(1200) < 0.4, np.nan, normal(0.1, 1, 1200)),
        ),
        "constant": (np.full(1100, 3.0), np.full(1200, 3.0)),
        "disjoint": (random.uniform(0, 1, 10500), random.uniform(2, 3, 1500)),
        "edges_beyond": (random.uniform(0, 1, 10500), random.uniform(-0.5, 1.5, 1500)),
    }


def categories() -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Reference and window of text, by a name that says what is odd about them."""
    random = np.random.default_rng(20240502)
    words = np.array([f"c{place:02d}" for place in range(40)], dtype=object)
    few, two = words[:5], words[:2]
    return {
        "same": (random.choice(few, 900), random.choice(few, 800)),
        "shifted": (random.choice(few, 1500, p=[0.4, 0.3, 0.1, 0.1, 0.1]), random.choice(few, 1400)),
        "many": (random.choice(words, 2500), random.choice(words, 700)),
        "new_category": (random.choice(few, 1500), np.append(random.choice(few, 1400), "new")),
        "new_category_small": (random.choice(few, 700), np.append(random.choice(few, 600), "new")),
        "gone": (random.choice(few, 1500), random.choice(few[:4], 1400)),
        "two": (random.choice(two, 800), random.choice(two, 700, p=[0.6, 0.4])),
        "rare": (random.choice(words, 1200, p=np.r_[0.961, np.full(39, 0.001)]), random.choice(words[:6], 900)),
    }


def tables() -> Mapping[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Reference and window of several columns, by a name that says what is odd about them."""
    random = np.random.default_rng(20240503)

    def rows(count: int, correlation: float, shift: float = 0.0) -> dict[str, np.ndarray]:
        base = random.normal(shift, 1, count)
        near = correlation * base + np.sqrt(1 - correlation**2) * random.normal(0, 1, count)
        return {
            "base": base,
            "near": near,
            "far": random.exponential(2, count),
            "sum": base + near + random.normal(0, 0.1, count),
            "kind": random.choice(np.array(["a", "b", "c"], dtype=object), count, p=[0.6, 0.3, 0.1]),
        }

    def numeric(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: column for name, column in table.items() if name != "kind"}

    def holes(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        kind = table["kind"].copy()
        kind[random.random(len(kind)) < 0.1] = None
        return {
            **table,
            "far": np.where(random.random(len(table["far"])) < 0.2, np.nan, table["far"]),
            "kind": kind,
        }

    return {
        "same": (numeric(rows(3000, 0.8)), numeric(rows(2000, 0.8))),
        "correlation": (numeric(rows(3000, 0.8)), numeric(rows(2000, -0.8))),
        "shifted": (numeric(rows(2500, 0.3)), numeric(rows(40000, 0.3, shift=0.5))),
        "with_categories": (rows(3000, 0.5), rows(1500, 0.1)),
        "with_holes": (holes(rows(3000, 0.5)), holes(rows(1500, 0.1))),
    }
