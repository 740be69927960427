"""A model as a directory: written as an MLflow model in the skops format, verified, and loaded without MLflow."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.admission.admitting import admit
from mlmon_dagster.adapters.admission.findings import Finding, NotAdmittedError
from mlmon_dagster.adapters.admission.signing import sign, verify_signature
from mlmon_dagster.adapters.admission.trees import examine_trees
from mlmon_dagster.adapters.admission.types import untrusted
from mlmon_dagster.adapters.compiled.form import FOLDER, GRAPH, Form
from mlmon_dagster.adapters.compiled.runtime import ArrayModel, CompiledModel, RowModel
from mlmon_dagster.adapters.mlflow.canonical import make_canonical
from mlmon_dagster.adapters.mlflow.manifest import Manifest, verify
from mlmon_dagster.adapters.mlflow.scores import write_scores
from mlmon_dagster.adapters.mlflow.signature import ModelInput, conform, matrix_of, read_inputs
from mlmon_dagster.errors import DataError, InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MODEL = "model.skops"
PROFILE = "profile.npz"
EXAMPLE = "input_example.json"
EXAMPLE_ROWS = 50
"""Rows of the input example: enough to try a server with."""


@dataclass(frozen=True)
class LoadedModel:
    """A verified model in memory. A row gives the same prediction, to the last bit, alone and among others."""

    inputs: tuple[ModelInput, ...]
    form: Form
    rows: RowModel | None
    """For models whose inputs are numbers: float64 rows to predictions, without pandas."""
    frames: Any = None
    """The scikit-learn model where it takes DataFrames only."""

    def predict(self, frame: "pd.DataFrame") -> "np.ndarray":
        """One prediction for each row: shape (rows,). `DataError` for missing columns or another shape."""
        if self.rows is None:
            return one_dimensional(self.frames.predict(conform(frame, self.inputs)), len(frame))
        matrix = matrix_of(frame, self.inputs)
        assert matrix is not None  # noqa: S101 - all inputs are numbers, or there would be no `rows`
        return one_dimensional(self.rows.rows(matrix), len(frame))

    @property
    def classifies(self) -> bool:
        """Whether predictions are classes, of which the model itself may give probabilities."""
        model = self.frames or getattr(self.rows, "model", None)
        return bool(self.form.outcome.classes) or hasattr(model, "classes_")


def one_dimensional(predictions: Any, rows: int) -> "np.ndarray":
    """The predictions as an array of shape (rows,); `DataError` for anything else."""
    import numpy as np

    array = np.asarray(predictions)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise DataError(f"the model gave predictions of shape {array.shape} for {rows} rows; expected one for each row")
    return array


def write_model(
    directory: Path, model: Any, example: "pd.DataFrame", profile: bytes, files: Mapping[str, bytes] | None = None
) -> Manifest:
    """Writes a fitted scikit-learn model with signature, input example, reference profile, manifest and `files`.

    The signature comes from all rows of `example`, of which the first 50 are kept. The same model gives the same
    files, so the same digest. Raises `InputError` when the model cannot be kept in the skops format, and when what was
    written would not be admitted where it is served.
    """
    import mlflow.sklearn
    import sklearn
    import skops
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model, infer_signature

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = infer_signature(example, one_dimensional(model.predict(example), len(example)))
        described = Model(model_uuid="0" * 32, utc_time_created="1970-01-01 00:00:00.000000")
        try:
            mlflow.sklearn.save_model(
                model,
                directory,
                mlflow_model=described,
                signature=signature,
                input_example=example.head(EXAMPLE_ROWS),
                serialization_format="skops",
                skops_trusted_types=unusual_types(model),
                pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
            )
        except MlflowException as error:
            raise InputError(
                f"the model ({type(model).__name__}) cannot be kept in the skops format: {error.__cause__ or error}",
                hint="keep functions and classes that the model uses at the top level of an importable module",
            ) from error
    make_canonical(directory / MODEL)
    for name, content in {PROFILE: profile, **(files or {})}.items():
        (directory / name).write_bytes(content)
    described.model_size_bytes = None
    described.save(directory / "MLmodel")
    _compile(directory, model, example)
    write_scores(directory, profile, read_inputs(directory), example)
    manifest = Manifest.of(directory)
    manifest.write(directory)
    sign(directory)
    admit(directory)
    return manifest


def unusual_types(model: Any) -> list[str]:
    """Types in the model beyond those that skops trusts by itself: kept with the model, loaded only with its digest."""
    import skops.io

    try:
        return sorted(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    except Exception as error:  # skops raises whatever the object's own state raises
        raise InputError(
            f"the model ({type(model).__name__}) cannot be kept in the skops format: {error}",
            hint="models are scikit-learn estimators; functions and classes in them stand at the top level of a module",
        ) from error


def _compile(directory: Path, model: Any, example: "pd.DataFrame") -> None:
    import pandas as pd

    from mlmon_dagster.adapters.compiled.compiling import compile_model

    inputs = read_inputs(directory)
    names = [column.name for column in inputs]

    def predict(matrix: "np.ndarray") -> "np.ndarray":
        frame = pd.DataFrame(matrix, columns=names)
        return one_dimensional(model.predict(conform(frame, inputs)), len(frame))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        form, graph = compile_model(model, predict, matrix_of(example, inputs))
    form.write(directory, graph)


def load_model(directory: Path, digest: str | None = None) -> LoadedModel:
    """The model in `directory`, after every file is verified against the manifest and it against `digest`.

    A compiled form is loaded without scikit-learn. Raises `DataError` for a changed file or one that is not admitted,
    `InputError` for a model without signature.
    """
    verify(directory, digest)
    form = Form.read(directory)
    verify_signature(directory)
    admit(directory, unread=(MODEL,) if form.compiled else ())
    inputs = read_inputs(directory)
    if form.compiled:
        graph = directory / FOLDER / GRAPH
        content = graph.read_bytes() if graph.exists() else None
        return LoadedModel(inputs, form, CompiledModel(form, len(inputs), content))
    model = load_native(directory)
    if form.kind == "array":
        return LoadedModel(inputs, form, ArrayModel(model))
    return LoadedModel(inputs, form, None, model)


def load_native(directory: Path) -> Any:
    """The scikit-learn model itself, of a directory that was verified."""
    model = load_skops(directory / MODEL)
    if unsound := list(examine_trees(model, MODEL)):
        raise NotAdmittedError(unsound)
    return model


def load_skops(file: Path) -> Any:
    """The object in a skops file that holds types we trust and no others; `DataError` otherwise.

    What the file's own `MLmodel` says about trust is not asked: it comes from where the file comes from.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        unusual = skops.io.get_untrusted_types(file=file)
        if refused := untrusted(unusual):
            raise NotAdmittedError([Finding("UNTRUSTED", file.name, f"it holds {name}") for name in refused])
        return skops.io.load(file, trusted=unusual)
    except UntrustedTypesFoundException as error:
        raise DataError(f"{file.name} holds types that are not trusted: {error}") from error
    except (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError) as error:
        raise DataError(
            f"{file.name} cannot be loaded: {error}",
            hint="it needs the library versions in the model's requirements.txt and the modules it was trained with",
        ) from error
