"""The model of house prices: gradient-boosted trees over what a house is and where it stands."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

INPUTS = [
    "bedrooms",
    "bathrooms",
    "sqft_living",
    "sqft_lot",
    "floors",
    "waterfront",
    "view",
    "condition",
    "grade",
    "age",
    "location_score",
]
"""Columns the model sees, in order; neither the price nor anything known only after the sale."""


def train(data: "pd.DataFrame") -> "HistGradientBoostingRegressor":
    """A regressor of `price` (US dollars) fitted on the reference's rows; the same rows give the same model.

    Small leaves are forbidden on purpose: the error on the reference then says what to expect of later weeks.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=200, max_leaf_nodes=6, min_samples_leaf=40, random_state=0)
    return model.fit(data[INPUTS].astype(float), data["price"].astype(float))
