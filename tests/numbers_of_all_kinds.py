"""Columns of every shape that numbers come in, from a seed."""

import numpy as np
from hypothesis import strategies as st

SHAPES = {
    "normal": lambda random, n: random.normal(size=n),
    "tied": lambda random, n: np.round(random.normal(size=n), 1),
    "zeros": lambda random, n: np.where(random.random(n) < 0.4, 0.0, random.lognormal(size=n)),
    "constant": lambda random, n: np.full(n, 3.25),
    "two": lambda random, n: random.choice([0.1, 0.3], n),
    "cauchy": lambda random, n: random.standard_cauchy(n),
    "outlier": lambda random, n: np.append(random.normal(size=n - 1), 1e12),
    "float32": lambda random, n: random.normal(size=n).astype(np.float32),
    "small": lambda random, n: random.integers(-5, 6, n),
    "wide": lambda random, n: random.integers(-(10**9), 10**9, n),
    "ids": lambda random, n: 2**60 + random.integers(0, 3 * n, n),
    "uint64": lambda random, n: (2**63 + random.integers(0, 3 * n, n).astype(np.uint64)).astype(np.uint64),
    "whole": lambda random, n: random.integers(0, 30, n).astype(np.float64),
}


def numbers(shape: str, rows: int, seed: int) -> np.ndarray:
    """So many rows of that shape."""
    return SHAPES[shape](np.random.default_rng(seed), rows)


@st.composite
def columns(draw: st.DrawFn, most: int = 300) -> np.ndarray:
    """An array of any shape, at times shifted or stretched."""
    values = numbers(draw(st.sampled_from(sorted(SHAPES))), draw(st.integers(1, most)), draw(st.integers(0, 2**32)))
    if values.dtype.kind == "f" and draw(st.booleans()):
        values = (values * draw(st.sampled_from([1, 1.5])) + draw(st.sampled_from([0, 0.25, 10]))).astype(values.dtype)
    return values
