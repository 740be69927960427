"""The profile that is registered with a model version: its columns, how they go together, scores beside labels."""

from typing import TYPE_CHECKING

from mlmon_dagster.assets.outcomes import PREDICTION
from mlmon_dagster.assets.probabilities import PREFIX
from mlmon_dagster.drift.covariance import MOST
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.performance import PERFORMANCE
from mlmon_dagster.drift.performance.classes import class_name
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scores import Scores
from mlmon_dagster.pipeline.monitoring import LABEL, Performance

if TYPE_CHECKING:
    import pyarrow as pa


def reference_profile(
    columns: "pa.Table", declared: Performance | None, labelled: "pa.Table | None", *, exact: bool = False
) -> Profile:
    """The profile of the model's inputs and predictions on the reference, with all that it can carry.

    A covariance of its numbers where there are 2 to 100 of them, and, from `labelled` rows (predictions of rows that
    the model did not learn from, probabilities of classes and `label`), scores beside their labels.
    """
    profile = Profile.of(columns, exact=exact)
    numbers = sum(one.kind != "categorical" for one in profile.columns.values())
    together = Parts.like(profile.columns, covariance=2 <= numbers <= MOST, scores={}).counted(columns).covariance
    scores = None if declared is None or labelled is None else _scores(declared, labelled)
    return Profile(profile.columns, profile.rows, Parts(together, {scores.names[0]: scores} if scores else {}))


def _scores(declared: Performance, labelled: "pa.Table") -> Scores | None:
    """Predictions that are numbers, or the probability of the greater of two classes; None where there is neither."""
    metric, label = PERFORMANCE[declared.metric], columns_of(labelled, [LABEL])[LABEL]
    probabilities = {name for name in labelled.column_names if name.startswith(PREFIX)}
    score = PREDICTION
    if metric.task != "regression":
        classes = [PREFIX + class_name(one) for one in label.values.tolist()]
        if len(classes) != 2 or (probabilities != set(classes) if probabilities else metric.takes != "scores"):
            return None
        score = classes[-1] if probabilities else PREDICTION
    columns = {LABEL: label, **columns_of(labelled, [score])}
    if columns[score].kind != "numeric" or not columns[score].present or label.kind == "datetime":
        return None
    return Parts(None, {score: Scores.like(columns, score, LABEL)}).counted(labelled).scores[score]
