"""Real registered model versions in a home of their own, for tests of what runs them."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.settings import read_settings


def reference():
    random = np.random.default_rng(3)
    return pd.DataFrame({"sqft": random.normal(2000, 500, 200), "grade": random.integers(1, 13, 200)})


def profile(frame):
    return Profile.of({name: Column.of(name, frame[name].to_numpy()) for name in frame}).to_bytes()


def register_versions(home, count=2):
    """Settings with that home, and versions 1 to `count` of the model `houses`, which differ in their predictions."""
    settings, frame = read_settings({"MLMON_HOME": str(home), "MLMON_PIPELINES": str(home / "pipelines")}), reference()
    registry = open_registry(settings)
    versions = [
        registry.register(
            RandomForestRegressor(5, max_depth=3, random_state=seed).fit(frame, frame.sqft * (seed + 1)),
            name="houses",
            example=frame,
            profile=profile(frame),
            facts={},
        )
        for seed in range(count)
    ]
    return settings, versions
