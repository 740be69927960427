"""The model of the original example: a forest of 100 trees over five features of a house."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

INPUTS = ["bedrooms", "bathrooms", "sqft", "age", "location_score"]
"""Columns the model sees, in order."""

TREES = 100


def train(data: "pd.DataFrame") -> "RandomForestRegressor":
    """A forest that predicts `price` (US dollars); the same rows give the same forest."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(n_estimators=TREES, random_state=42)
    return model.fit(data[INPUTS].astype(float), data["price"].astype(float))
