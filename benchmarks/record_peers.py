"""Records what NannyML and alibi-detect say of the shapes in tests/drift/compatible, as JSON, for its tests.

They are too heavy to install beside this project (and alibi-detect needs numpy 1), so each has its own environment:

    python -m venv /tmp/nannyml && /tmp/nannyml/bin/pip install nannyml==0.13.1 statsmodels
    /tmp/nannyml/bin/python benchmarks/record_peers.py nannyml > tests/drift/compatible/nannyml.json
    python -m venv /tmp/alibi && /tmp/alibi/bin/pip install alibi-detect==0.13.0
    /tmp/alibi/bin/python benchmarks/record_peers.py alibi > tests/drift/compatible/alibi.json
"""

import json
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "drift" / "compatible"))
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import shapes  # noqa: E402

NANNYML = {
    "ks": "kolmogorov_smirnov",
    "wasserstein": "wasserstein",
    "jensen_shannon": "jensen_shannon",
    "hellinger": "hellinger",
    "chi_square": "chi2",
}


def nannyml() -> dict[str, Any]:
    """Every method of `UnivariateDriftCalculator` with the window as one chunk, and PCA reconstruction of a table."""
    import nannyml as nml
    import pandas as pd

    def one(reference: np.ndarray, window: np.ndarray, numeric: bool) -> dict[str, float]:
        names = [
            ours for ours in NANNYML if (ours != "chi_square") == numeric or ours in ("jensen_shannon", "hellinger")
        ]
        methods = [NANNYML[ours] for ours in names]
        kind = "continuous_methods" if numeric else "categorical_methods"
        calculator = nml.UnivariateDriftCalculator(
            column_names=["x"],
            treat_as_categorical=[] if numeric else ["x"],
            chunk_size=10**9,
            **{kind: methods},
        )
        calculator.fit(pd.DataFrame({"x": reference}))
        found = calculator.calculate(pd.DataFrame({"x": window})).filter(period="analysis").to_df()
        return {ours: float(found[("x", NANNYML[ours], "value")].iloc[0]) for ours in names}

    return {
        "version": f"nannyml {version('nannyml')}, numpy {np.__version__}",
        "numbers": {name: one(*pair, numeric=True) for name, pair in shapes.numbers().items()},
        "categories": {name: one(*pair, numeric=False) for name, pair in shapes.categories().items()},
        "reconstruction": {name: reconstruction(*pair) for name, pair in shapes.tables().items()},
    }


def reconstruction(reference: dict[str, np.ndarray], window: dict[str, np.ndarray]) -> dict[str, float]:
    """PCA reconstruction error of reference and window, and its sampling error."""
    import nannyml as nml
    import pandas as pd

    calculator = nml.DataReconstructionDriftCalculator(column_names=list(reference), chunk_size=10**9)
    calculator.fit(pd.DataFrame(reference))
    found = calculator.calculate(pd.DataFrame(window)).to_df()
    value = ("reconstruction_error", "value")
    return {
        "reference": float(found[value].iloc[0]),
        "window": float(found[value].iloc[-1]),
        "sampling_error": float(found[("reconstruction_error", "sampling_error")].iloc[-1]),
    }


def alibi() -> dict[str, Any]:
    """`TabularDrift` by feature, categories as their places in order."""
    from alibi_detect.cd import TabularDrift

    def one(reference: np.ndarray, window: np.ndarray, numeric: bool) -> dict[str, Any]:
        if not numeric:
            known = np.unique(np.concatenate([reference, window]).astype(str))
            reference, window = (np.searchsorted(known, side.astype(str)) for side in (reference, window))
        sides = [side[~np.isnan(side)] if numeric else side for side in (reference, window)]
        before, now = (np.asarray(side, dtype=np.float64).reshape(-1, 1) for side in sides)
        found = TabularDrift(before, categories_per_feature=None if numeric else {0: None}).predict(
            now, drift_type="feature"
        )["data"]
        return {
            "value": float(found["distance"][0]),
            "p_value": float(found["p_val"][0]),
            "drifted": bool(found["is_drift"][0]),
        }

    return {
        "version": f"alibi-detect {version('alibi-detect')}, numpy {np.__version__}",
        "numbers": {name: one(*pair, numeric=True) for name, pair in shapes.numbers().items()},
        "categories": {name: one(*pair, numeric=False) for name, pair in shapes.categories().items()},
    }


if __name__ == "__main__":
    print(json.dumps({"nannyml": nannyml, "alibi": alibi}[sys.argv[1]](), indent=1))
