"""Predictions and drift scores of many rows at a time, the same as the server gives for each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.adapters.mlflow.manifest import verify
from mlmon_dagster.adapters.mlflow.model_directory import PROFILE, LoadedModel, load_model
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import FeatureScore, RecordScorer
from mlmon_dagster.errors import DataError, FailedError

if TYPE_CHECKING:
    import pyarrow as pa

ADDED = ("prediction", "drift_score", "drift_max", "model_version")
"""Columns that follow those of the input."""

LARGEST_INTEGER = 2**53
"""Beyond it a float64, which models compute with, no longer holds every integer."""

REASON = "reason"
"""The column of rows that were set aside."""


@dataclass(frozen=True)
class ScoredRows:
    """`rows` end with `prediction`, `drift_score`, `drift_max` and `model_version`; `aside` ends with `reason`."""

    rows: "pa.RecordBatch"
    aside: "pa.RecordBatch"
    invalid: int = 0
    """Rows set aside because the model's prediction is not a finite number."""


@dataclass(frozen=True)
class Numbers:
    """Of some rows."""

    columns: "tuple[pa.Array, pa.Array, pa.Array]"
    """`prediction`, `drift_score` and `drift_max` of the rows without a reason, in their order."""
    reasons: "pa.Array | None"
    """For every row why it has no numbers, null where it has; `None` when all have."""
    invalid: int
    """Rows whose prediction is not a finite number."""


@dataclass(frozen=True)
class BatchScorer:
    """A verified model with the reference that its rows are scored against."""

    model: LoadedModel
    scorer: RecordScorer
    digest: str
    version: int

    @classmethod
    def open(cls, directory: Path, version: int, digest: str | None = None) -> "BatchScorer":
        """Of a model directory; `DataError` for a changed file or without a reference profile."""
        found = verify(directory, digest).digest
        model = load_model(directory, found)
        try:
            content = (directory / PROFILE).read_bytes()
        except FileNotFoundError:
            raise DataError(
                f"the model has no reference profile ({PROFILE}), so rows cannot be scored",
                hint="register the model again with the reference it was trained on",
            ) from None
        names = tuple(column.name for column in model.inputs)
        return cls(model, RecordScorer.of(Profile.from_bytes(content), names), found, version)

    @property
    def inputs(self) -> tuple[ModelInput, ...]:
        """The columns that the model takes."""
        return self.model.inputs

    def score(self, batch: "pa.RecordBatch") -> ScoredRows:
        """Every row with its prediction, or set aside with the reason for which the server would not answer it."""
        import pyarrow as pa

        names = [name for name in batch.schema.names if name not in ADDED]
        found = self.numbers(batch)
        if found.reasons is None:
            kept, aside = batch, _aside(batch.slice(0, 0), pa.nulls(0, pa.string()))
        else:
            chosen = found.reasons.is_null()
            aside = _aside(batch.filter(found.reasons.is_valid()), found.reasons.drop_null())
            kept = batch.filter(chosen)
        version = pa.array(np.full(kept.num_rows, self.version, np.int64))
        columns = [*(kept.column(name) for name in names), *found.columns, version]
        return ScoredRows(pa.RecordBatch.from_arrays(columns, [*names, *ADDED]), aside, found.invalid)

    def numbers(self, batch: "pa.RecordBatch") -> Numbers:
        """What is known of every row: its numbers, or the reason for which it has none."""
        import pyarrow.compute as pc

        columns = {column.name: _column(batch, column) for column in self.inputs}
        reasons = self._reasons(columns, batch.num_rows)
        if reasons is not None:
            kept = pc.is_null(reasons)
            columns = {name: column.filter(kept) for name, column in columns.items()}
        rows = batch.num_rows if reasons is None else reasons.null_count
        found = self._computed(columns, rows) if rows else (_NONE, _NONE, _NONE)
        return _told(found, reasons)

    def _reasons(self, columns: "dict[str, pa.Array]", rows: int) -> "pa.Array | None":
        """Why rows are refused, null where they are not; `None` when none is."""
        import pyarrow as pa
        import pyarrow.compute as pc

        reasons = None

        def refuse(wrong: "pa.Array", sentence: str) -> None:
            nonlocal reasons
            if pc.any(wrong).as_py():
                told = pc.if_else(wrong, pa.scalar(sentence), pa.scalar(None, pa.string()))
                reasons = told if reasons is None else pc.coalesce(reasons, told)

        for column in self.inputs:
            values = columns[column.name]
            if not column.nullable:
                refuse(pc.is_null(values, nan_is_null=True), f"{column.name} is missing")
            if pa.types.is_floating(values.type):
                refuse(pc.fill_null(pc.is_inf(values), False), f"{column.name} is not a finite number")
                if column.kind == "integer":
                    broken = pc.not_equal(values, pc.floor(values))
                    refuse(pc.fill_null(pc.and_not(broken, pc.is_nan(values)), False), f"{column.name} is no integer")
            if not pa.types.is_boolean(values.type) and column.kind == "integer":
                large = pc.greater(pc.abs(pc.cast(values, pa.float64(), safe=False)), float(LARGEST_INTEGER))
                refuse(pc.fill_null(large, False), f"{column.name} is too large a number")
        return reasons

    def _computed(self, columns: "dict[str, pa.Array]", rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions, and mean and largest score of each row."""
        import pyarrow as pa

        try:
            if self.model.rows is not None:
                matrix = np.empty((rows, len(self.inputs)))
                for place, column in enumerate(self.inputs):
                    matrix[:, place] = _numbers(columns[column.name])
                return self.model.rows.rows(matrix), *self.scorer.rows(matrix)[1:]
            scores = np.empty((rows, len(self.inputs)), order="F")
            for place, (column, feature) in enumerate(zip(self.inputs, self.scorer.features, strict=True)):
                scores[:, place] = _scores(feature, columns[column.name])
            return self.model.predict(pa.table(columns).to_pandas()), *self.scorer.together(scores)
        except (ValueError, TypeError) as error:
            raise FailedError(f"the model cannot score these rows: {str(error).splitlines()[0]}") from error


_NONE = np.zeros(0)
INVALID = "the model's prediction is not a finite number"
TOO_FAR = "a feature lies too far from the reference for a score"


def _told(found: tuple[np.ndarray, np.ndarray, np.ndarray], reasons: "pa.Array | None") -> Numbers:
    """Without the rows whose numbers are none, which get a reason."""
    import pyarrow as pa

    predictions, means, largest = found
    invalid = _invalid(predictions)
    wrong = invalid | ~np.isfinite(means) | ~np.isfinite(largest)
    if wrong.any():
        told: list[str | None] = [None] * len(wrong) if reasons is None else reasons.to_pylist()
        places = np.arange(len(wrong)) if reasons is None else np.flatnonzero(reasons.is_null())
        for place, bad in zip(places[wrong], invalid[wrong], strict=True):
            told[place] = INVALID if bad else TOO_FAR
        reasons = pa.array(told, pa.string())
        predictions, means, largest = (one[~wrong] for one in found)
    columns = (pa.array(predictions), pa.array(means), pa.array(largest))
    return Numbers(columns, reasons, int(invalid.sum()))


def joined(pieces: Sequence[Numbers]) -> Numbers:
    """The numbers of several pieces, one after the other."""
    import pyarrow as pa

    if len(pieces) == 1:
        return pieces[0]
    told = [one for one in pieces if len(one.columns[0])] or pieces[:1]  # of other pieces no type is known
    columns = [pa.concat_arrays(parts) for parts in zip(*(one.columns for one in told), strict=True)]
    reasons = None
    if any(one.reasons is not None for one in pieces):
        nothing = [pa.nulls(len(one.columns[0]), pa.string()) if one.reasons is None else one.reasons for one in pieces]
        reasons = pa.concat_arrays(nothing)
    return Numbers((columns[0], columns[1], columns[2]), reasons, sum(one.invalid for one in pieces))


def _invalid(predictions: np.ndarray) -> np.ndarray:
    invalid = np.zeros(len(predictions), bool)
    if predictions.dtype.kind == "f":
        np.logical_not(np.isfinite(predictions), out=invalid)
    elif predictions.dtype.kind == "O":
        invalid[:] = [value is None or value != value for value in predictions.tolist()]
    return invalid


def as_batch(table: "pa.Table") -> "pa.RecordBatch":
    """The whole table as one batch, also where it has no row."""
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def check_columns(names: "tuple[str, ...]", scorer: BatchScorer, place: str) -> None:
    """`DataError` names the inputs that a file lacks, and the nearest columns it has."""
    from mlmon_dagster.plugins import unknown

    for column in scorer.inputs:
        if column.name not in names:
            raise DataError(f"[SCHEMA] {place}: {unknown('column', column.name, names)}")


def _column(batch: "pa.RecordBatch", column: ModelInput) -> "pa.Array":
    import pyarrow as pa

    values = batch.column(batch.schema.get_field_index(column.name))
    wanted: dict[str, Callable[[Any], bool]] = {
        "float": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
        "integer": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
        "boolean": pa.types.is_boolean,
        "timestamp": lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind),
        "string": lambda kind: (
            pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
        ),
    }
    if pa.types.is_null(values.type):
        values = pa.nulls(len(values), pa.string() if column.kind == "string" else pa.float64())
    elif not wanted[column.kind](values.type):
        raise DataError(f"[SCHEMA] the model's input {column.name} is a {column.kind}, the column is {values.type}")
    return values


def _numbers(values: "pa.Array") -> np.ndarray:
    """float64, NaN where a value is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(values.type) or values.null_count or values.type != pa.float64():
        values = pc.fill_null(pc.cast(values, pa.float64(), safe=False), float("nan"))
    found: np.ndarray = values.to_numpy(zero_copy_only=False)
    return found


def _scores(feature: FeatureScore, values: "pa.Array") -> np.ndarray:
    """|z| of every value: each different one of a category's is looked up once."""
    import pyarrow as pa

    if feature.kind == "number":
        return feature.scores(_numbers(values))
    if feature.kind == "unscored":
        return np.where(np.asarray(values.is_null()), feature.missing, 0.0)
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    known = np.array([*map(feature.score, encoded.dictionary.to_pylist()), feature.missing])
    places = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    found: np.ndarray = known[places]
    return found


def _aside(batch: "pa.RecordBatch", reasons: "pa.Array") -> "pa.RecordBatch":
    import pyarrow as pa

    names = [name for name in batch.schema.names if name != REASON]
    return pa.RecordBatch.from_arrays([*(batch.column(name) for name in names), reasons], [*names, REASON])
