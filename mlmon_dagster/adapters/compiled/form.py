"""How a registered model is computed: its compiled form, or that it is served as it is and why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlmon_dagster.adapters.compiled.order import Splits
from mlmon_dagster.adapters.compiled.outcome import Outcome
from mlmon_dagster.adapters.compiled.steps import Step
from mlmon_dagster.errors import DataError

FOLDER, DOCUMENT, GRAPH = "compiled", "form.json", "forest.onnx"
FORMAT, READABLE = 2, (1, 2)
"""The format that is written, and those that are read: forms of format 1 tell no splits."""

Kind = Literal["linear", "trees", "array", "frame"]


@dataclass(frozen=True)
class Form:
    """`linear` and `trees` are compiled and need no scikit-learn; `array` models are called with a numpy array, `frame`
    models with a DataFrame.
    """

    kind: Kind
    reason: str = ""
    """Why the model is not compiled."""
    steps: tuple[Step, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    """Of a linear model: (outputs, features)."""
    outcome: Outcome = field(default_factory=Outcome)
    missing: bool = True
    """Whether the model takes missing values."""
    largest: float | None = None
    """The model takes no larger number; `None` for no limit."""
    splits: tuple[Splits, ...] = ()
    """First splits of a few trees, by which a batch's rows are put in order; none where that does not pay."""
    rows: int = 0
    """Rows on which it was compared with the model itself, among them values at thresholds and missing ones."""
    tolerance: float = 0.0
    """Largest relative difference that was accepted."""

    @property
    def compiled(self) -> bool:
        """Whether neither scikit-learn nor pandas is needed."""
        return self.kind in ("linear", "trees")

    def write(self, directory: Path, graph: bytes | None) -> None:
        """Keeps the form, and the graph of trees, in a folder of the model directory."""
        folder = directory / FOLDER
        folder.mkdir()
        document = {"format": FORMAT, **asdict(self)}
        (folder / DOCUMENT).write_text(json.dumps(document, sort_keys=True, indent=1, allow_nan=False) + "\n")
        if graph is not None:
            (folder / GRAPH).write_bytes(graph)

    @classmethod
    def read(cls, directory: Path) -> "Form":
        """The form of a model directory; a directory of an older version has none and is served as a `frame`."""
        try:
            content = (directory / FOLDER / DOCUMENT).read_bytes()
        except FileNotFoundError:
            return cls("frame", "it was registered before models were compiled")
        try:
            document: dict[str, Any] = json.loads(content)
            version = document.pop("format")
            if version not in READABLE:
                expected = " and ".join(map(str, READABLE))
                raise DataError(f"the compiled form has format {version}, this program reads formats {expected}")
            return cls(**{**document, **_nested(document)})
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{FOLDER}/{DOCUMENT} cannot be read: {error}", hint="register the model again") from error


def _nested(document: Mapping[str, Any]) -> dict[str, Any]:
    steps: Sequence[Mapping[str, Any]] = document["steps"]
    return {
        "steps": tuple(Step(one["kind"], tuple(one["first"]), tuple(one["second"])) for one in steps),
        "weights": tuple(map(tuple, document["weights"])),
        "outcome": Outcome.read(document["outcome"]),
        "splits": tuple(Splits(tuple(one["features"]), tuple(one["thresholds"])) for one in document.get("splits", ())),
    }
