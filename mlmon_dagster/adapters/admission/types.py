"""Which types a skops file may hold: skops' own choice, ours, and those of the pipeline's own modules."""

import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlmon_dagster.adapters.admission.findings import Finding

TRUSTED = re.compile(
    r"sklearn\.(tree\._tree\.Tree"
    r"|ensemble\._hist_gradient_boosting\.predictor\.TreePredictor"
    r"|ensemble\._hist_gradient_boosting\.binning\._BinMapper"
    r"|_loss\.(loss|link|_loss)\.[A-Za-z]+"
    r"|linear_model\._(sgd_fast|stochastic_gradient|linear_loss|_glm\.glm)\.[A-Z][A-Za-z]+"
    r"|neighbors\._(kd_tree|ball_tree)\.(KDTree|BallTree|NewObj)[A-Za-z0-9]*"
    r"|metrics\._dist_metrics\.[A-Z][A-Za-z0-9]+"
    r"|calibration\._(CalibratedClassifier|SigmoidCalibration)"
    r"|gaussian_process\.kernels\.[A-Z][A-Za-z]+"
    r"|isotonic\.IsotonicRegression"
    r"|compose\._column_transformer\._RemainderColsList"
    r"|utils\._bunch\.Bunch)"
    r"|xgboost\.(sklearn\.XGB[A-Za-z]+|core\.Booster)"
    r"|lightgbm\.(sklearn\.LGBM[A-Za-z]+|basic\.Booster)"
)
"""Classes that fitted estimators hold beyond what skops trusts; no functions are among them."""

VARIABLE = "MLMON_TRUSTED_TYPES"
"""Names the types, separated by commas, that a deployment trusts as well."""


def untrusted(names: Iterable[str]) -> list[str]:
    """Those of the types that may not be loaded."""
    allowed = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")}
    return sorted(name for name in names if not (TRUSTED.fullmatch(name) or name in allowed or _own(name)))


def examine_types(directory: Path, files: Iterable[str]) -> Iterator[Finding]:
    """The types in skops files; nothing is loaded."""
    for name in files:
        if name.endswith(".skops"):
            import skops.io

            try:
                found = skops.io.get_untrusted_types(file=directory / name)
            except Exception as error:  # skops raises whatever the file makes it raise
                yield Finding("CORRUPT", name, f"skops cannot read it: {str(error).splitlines()[0][:200]}")
                continue
            for type_name in untrusted(found):
                yield Finding("UNTRUSTED", name, f"it holds {type_name}")


def _own(name: str) -> bool:
    """Whether the type is of a module of the people who train here: neither installed, nor Python's, nor ours."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("mlmon_dagster", "tests", "") or "." not in name:
        return False
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin] if spec and spec.origin else list(spec.submodule_search_locations or ()) if spec else []
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib", "platstdlib")]
    return bool(places) and not any(
        Path(place).resolve().is_relative_to(where) for place in places for where in installed
    )
