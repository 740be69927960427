"""An estimator as it is kept with a model version: numbers and names, nothing that runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlmon_dagster.drift.boosting import Trees
from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.estimation.calibration import Calibrator
from mlmon_dagster.drift.estimation.cbpe import Cbpe
from mlmon_dagster.drift.estimation.dle import Dle, Loss
from mlmon_dagster.drift.estimation.estimate import Support
from mlmon_dagster.drift.multivariate.encoding import Encoder

Estimator = Cbpe | Dle

Packed = tuple[dict[str, Any], dict[str, Array]]


def packed(estimator: Estimator) -> Packed:
    """The estimator as a JSON document and arrays."""
    about, arrays = _packed_support(estimator.support)
    if isinstance(estimator, Cbpe):
        about |= {"kind": "cbpe", "classes": list(estimator.classes), "resamples": len(estimator.resampled)}
        for number, calibrators in enumerate((estimator.calibrators, *estimator.resampled)):
            for place, one in enumerate(calibrators):
                arrays[f"calibrator.{number}.{place}"] = np.stack([one.scores, one.chances])
        return about, arrays
    about |= {"kind": "dle", "losses": {name: repr(one.deviation) for name, one in estimator.losses.items()}}
    for name, loss in estimator.losses.items():
        for number, trees in enumerate((loss.trees, *loss.folds)):
            about[f"start.{name}.{number}"] = repr(trees.start)
            for part in ("columns", "splits", "leaves"):
                arrays[f"trees.{name}.{number}.{part}"] = getattr(trees, part)
    return about, arrays


def unpacked(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> Estimator:
    """The estimator from what `packed` gave."""
    support = _unpacked_support(about, arrays)
    if about["kind"] == "cbpe":
        classes = tuple(about["classes"])
        each = [
            tuple(Calibrator(*arrays[f"calibrator.{number}.{place}"]) for place in range(len(classes)))
            for number in range(about["resamples"] + 1)
        ]
        return Cbpe(classes, each[0], tuple(each[1:]), support)
    losses = {}
    for name, deviation in about["losses"].items():
        numbers = [number for number in range(100) if f"start.{name}.{number}" in about]
        grown = [
            Trees(
                float(about[f"start.{name}.{number}"]),
                *(arrays[f"trees.{name}.{number}.{part}"] for part in ("columns", "splits", "leaves")),
            )
            for number in numbers
        ]
        losses[name] = Loss(grown[0], tuple(grown[1:]), float(deviation))
    return Dle(losses, support)


def _packed_support(support: Support) -> Packed:
    about, edges = support.encoder.packed("edges.")
    return (
        {"encoder": about, "rows": support.rows, "error": repr(support.error)},
        {**edges, "score.edges": support.edges, "score.shares": support.shares},
    )


def _unpacked_support(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> Support:
    encoder = Encoder.unpacked(about["encoder"], arrays, "edges.")
    return Support(encoder, arrays["score.edges"], arrays["score.shares"], about["rows"], float(about["error"]))
