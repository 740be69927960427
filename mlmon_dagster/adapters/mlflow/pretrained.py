"""Models that were trained elsewhere: found by MLflow URI or path, never unpickled."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.mlflow.model_directory import EXAMPLE, SAFE_MODULES, load_skops
from mlmon_dagster.adapters.mlflow.signature import read_inputs
from mlmon_dagster.errors import DataError, InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PretrainedModel:
    """A model as it came: the estimator, the names of its inputs, and its input example if it has one."""

    model: Any
    inputs: tuple[str, ...]
    example: "pd.DataFrame | None"


def read_pretrained(path: Path) -> PretrainedModel:
    """The model in an MLflow model directory or a `.skops` file.

    Raises `InputError` for pickles (loading one runs its code) and when the inputs cannot be determined.
    """
    if path.is_file():
        return _from_file(path)
    if not (path / "MLmodel").is_file():
        raise InputError(f"{path} is neither an MLflow model (a directory with the file MLmodel) nor a .skops file")
    model = _load(path / _model_file(path))
    named = tuple(map(str, getattr(model, "feature_names_in_", ())))
    inputs = named or tuple(column.name for column in read_inputs(path))
    return PretrainedModel(model, inputs, _example(path))


def _from_file(path: Path) -> PretrainedModel:
    if path.suffix != ".skops":
        raise InputError(
            f"{path.name} is not a .skops file; pickles and joblib files are refused: loading one runs the code in it",
            hint="save the model with skops.io.dump(model, 'model.skops') or mlflow.sklearn.save_model",
        )
    model = _load(path)
    inputs = tuple(map(str, getattr(model, "feature_names_in_", ())))
    if not inputs:
        raise InputError(
            f"{path.name} does not say which columns the model takes",
            hint="fit it on a DataFrame, or save it with mlflow.sklearn.save_model(..., signature=...)",
        )
    return PretrainedModel(model, inputs, None)


def _model_file(directory: Path) -> str:
    import yaml

    flavors = yaml.safe_load((directory / "MLmodel").read_text()).get("flavors", {})
    sklearn = flavors.get("sklearn")
    if sklearn is None:
        raise InputError(f"the model has the flavors {', '.join(sorted(flavors)) or 'none'}; expected sklearn")
    form = sklearn.get("serialization_format") or "pickle"
    if form != "skops" or sklearn.get("code"):
        raise InputError(
            f"the model is kept as {form}, which runs code when it is loaded",
            hint="save it again with mlflow.sklearn.save_model(..., serialization_format='skops')",
        )
    file = (directory / str(sklearn["pickled_model"])).resolve()
    if not file.is_relative_to(directory.resolve()):
        raise DataError(f"the model names a file outside of its directory: {sklearn['pickled_model']}")
    return str(sklearn["pickled_model"])


def _load(file: Path) -> Any:
    import skops.io

    try:
        unusual = skops.io.get_untrusted_types(file=file)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{file.name} is not a readable skops file: {error}") from error
    foreign = [name for name in unusual if not name.startswith(SAFE_MODULES)]
    if foreign:
        raise InputError(
            f"{file.name} holds types that a pre-trained model may not bring: {', '.join(foreign)}",
            hint="train it in the pipeline (`train`), where its types are known",
        )
    return load_skops(file, unusual)


def _example(directory: Path) -> "pd.DataFrame | None":
    return read_example(directory) if (directory / EXAMPLE).is_file() else None


def read_example(directory: Path) -> "pd.DataFrame":
    """The input example kept with an MLflow model: as many rows as were kept, columns named."""
    import json

    import pandas as pd

    split = json.loads((directory / EXAMPLE).read_bytes())
    return pd.DataFrame(split["data"], columns=split.get("columns"))
