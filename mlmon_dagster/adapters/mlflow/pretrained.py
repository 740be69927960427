"""Models that were trained elsewhere: found by MLflow URI or path, never unpickled."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.admission.admitting import admit, admit_file
from mlmon_dagster.adapters.admission.findings import NotAdmittedError
from mlmon_dagster.adapters.admission.mlmodel import read_mlmodel
from mlmon_dagster.adapters.admission.smoke import smoke
from mlmon_dagster.adapters.admission.trees import examine_trees
from mlmon_dagster.adapters.mlflow.manifest import Manifest
from mlmon_dagster.adapters.mlflow.model_directory import EXAMPLE, load_skops
from mlmon_dagster.adapters.mlflow.signature import read_inputs
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PretrainedModel:
    """A model as it came: the estimator, the names of its inputs, and its input example if it has one."""

    model: Any
    inputs: tuple[str, ...]
    example: "pd.DataFrame | None"


def read_pretrained(path: Path) -> PretrainedModel:
    """The model in an MLflow model directory or a `.skops` file, once it was admitted and tried in a sandbox.

    Raises `NotAdmittedError` with every reason, and `InputError` for pickles and when the inputs cannot be determined.
    """
    if path.is_file():
        return _from_file(path)
    if not (path / "MLmodel").is_file():
        raise InputError(f"{path} is neither an MLflow model (a directory with the file MLmodel) nor a .skops file")
    admit(path)
    example = _example(path)
    if example is not None:
        _tried(path, Manifest.of(path).digest)
    model = load_admitted(path)
    if unsound := list(examine_trees(model, path.name)):
        raise NotAdmittedError(unsound)
    named = tuple(map(str, getattr(model, "feature_names_in_", ())))
    inputs = named or tuple(column.name for column in read_inputs(path))
    return PretrainedModel(model, inputs, example)


def _from_file(path: Path) -> PretrainedModel:
    if path.suffix != ".skops":
        raise InputError(
            f"{path.name} is not a .skops file; pickles and joblib files are refused: loading one runs the code in it",
            hint="save the model with skops.io.dump(model, 'model.skops') or mlflow.sklearn.save_model",
        )
    admit_file(path)
    model = load_skops(path)
    if unsound := list(examine_trees(model, path.name)):
        raise NotAdmittedError(unsound)
    inputs = tuple(map(str, getattr(model, "feature_names_in_", ())))
    if not inputs:
        raise InputError(
            f"{path.name} does not say which columns the model takes",
            hint="fit it on a DataFrame, or save it with mlflow.sklearn.save_model(..., signature=...)",
        )
    return PretrainedModel(model, inputs, None)


def load_admitted(directory: Path) -> Any:
    """The scikit-learn model of a directory that was admitted."""
    told, _ = read_mlmodel(directory)
    return load_skops(directory / str(told["flavors"]["sklearn"]["pickled_model"]))


@lru_cache(maxsize=16)
def _tried(directory: Path, digest: str) -> None:
    """Each content once in a process."""
    smoke(directory)


def _example(directory: Path) -> "pd.DataFrame | None":
    return read_example(directory) if (directory / EXAMPLE).is_file() else None


def read_example(directory: Path) -> "pd.DataFrame":
    """The input example kept with an MLflow model: as many rows as were kept, columns named."""
    import json

    import pandas as pd

    split = json.loads((directory / EXAMPLE).read_bytes())
    return pd.DataFrame(split["data"], columns=split.get("columns"))
