"""What a scikit-learn pipeline does to numbers before its model: fill what is missing, shift, scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.adapters.compiled.forest import UnsupportedError


@dataclass(frozen=True)
class Step:
    """`fill` replaces missing values; `scale` is one of three ways, each with the operations scikit-learn does."""

    kind: str
    """`fill`: x or first; `standard`: (x - first) / second; `range`: x * first + second."""
    first: tuple[float, ...]
    second: tuple[float, ...] = ()

    def row(self, values: Sequence[float]) -> list[float]:
        """One row through the step."""
        if self.kind == "fill":
            return [with_ if value != value else value for value, with_ in zip(values, self.first, strict=True)]
        if self.kind == "standard":
            return [(value - a) / b for value, a, b in zip(values, self.first, self.second, strict=True)]
        return [value * a + b for value, a, b in zip(values, self.first, self.second, strict=True)]

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        """Rows through the step: the same numbers as one by one."""
        first, second = np.array(self.first), np.array(self.second)
        if self.kind == "fill":
            return np.where(np.isnan(matrix), first, matrix)
        if self.kind == "standard":
            return np.asarray((matrix - first) / second)
        return np.asarray(matrix * first + second)


def steps_of(pipeline: Any) -> tuple[tuple[Step, ...], Any]:
    """(steps, the model at the end) of a scikit-learn pipeline, or of a model alone."""
    if type(pipeline).__name__ != "Pipeline":
        return (), pipeline
    *transformers, (_, model) = pipeline.steps
    return tuple(_step(one) for _, one in transformers if one not in (None, "passthrough")), model


def _step(transformer: Any) -> Step:
    name = type(transformer).__name__
    features = transformer.n_features_in_
    if name == "StandardScaler":
        mean = transformer.mean_ if transformer.with_mean else np.zeros(features)
        scale = transformer.scale_ if transformer.with_std else np.ones(features)
        return Step("standard", _floats(mean), _floats(scale))
    if name == "MinMaxScaler" and not transformer.clip:
        return Step("range", _floats(transformer.scale_), _floats(transformer.min_))
    if name == "SimpleImputer" and not transformer.add_indicator and transformer.strategy != "most_frequent":
        filled = np.asarray(transformer.statistics_, np.float64)
        if not isinstance(transformer.missing_values, float) or np.isnan(filled).any():
            raise UnsupportedError("its imputer fills something else than missing numbers")
        return Step("fill", _floats(filled))
    raise UnsupportedError(f"its step {name} has no compiled form")


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(map(float, np.asarray(values, np.float64)))
