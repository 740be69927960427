"""Attributions of a fitted model by shap: how far each input moves each prediction."""

import warnings
from typing import TYPE_CHECKING, Any

from mlmon_dagster.drift.attribution import Attribution
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEED = 0
"""Of the order in which features are left out; the same rows have the same attributions."""


def attribution(model: Any, background: "pd.DataFrame", rows: "pd.DataFrame") -> Attribution:
    """Mean absolute SHAP values of the rows, against background rows, for any model of numbers.

    Of a classifier the probability of its last class is explained. `InputError` says how to install shap, and names
    inputs that are no numbers.
    """
    try:
        import shap
    except ImportError as error:
        raise InputError("attributions need shap", hint="pip install 'mlmon_dagster[shap]'") from error
    import numpy as np

    names = list(background.columns)
    text = [name for name in names if background[name].dtype.kind not in "iufb"]
    if text:
        raise InputError(f"attributions are for inputs that are numbers; {', '.join(map(str, text))} are not")

    def predict(matrix: "np.ndarray") -> "np.ndarray":
        import pandas as pd

        frame = pd.DataFrame(matrix, columns=names)
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(frame))[:, -1]
        return np.asarray(model.predict(frame), dtype=np.float64).reshape(len(frame))

    known, asked = (frame[names].to_numpy(np.float64) for frame in (background, rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.explainers.Permutation(predict, known, seed=SEED)
        values = explainer(asked, max_evals=2 * len(names) + 1, silent=True).values
    return Attribution(dict(zip(map(str, names), np.abs(values).mean(axis=0).tolist(), strict=True)))
