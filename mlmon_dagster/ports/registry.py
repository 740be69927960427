"""Registered model versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class ModelVersion:
    """An immutable model: name, number, digest.

    `digest` is the SHA-256 of the manifest (path, size and SHA-256 of every file of the model).
    """

    name: str
    number: int
    digest: str
    uri: str
    inputs: tuple[str, ...]
    """Names of the model's input columns, in order."""
    created_at: datetime


class ModelRegistry(Protocol):
    """Registered model versions with their reference profile; MLflow in both worlds."""

    def register(
        self,
        model: Any,
        *,
        name: str,
        example: Any,
        profile: bytes,
        facts: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
    ) -> ModelVersion:
        """Registers a fitted model with signature and input example; the same content gives the same version again.

        `files` are kept with the model and belong to its digest: name -> content.
        """
        ...

    def register_uri(self, uri: str, *, name: str, profile: bytes, facts: Mapping[str, str]) -> ModelVersion:
        """Registers a pre-trained model by MLflow URI or path."""
        ...

    def pretrained(self, uri: str) -> Any:
        """A pre-trained model before it is registered: `.model`, `.inputs` (names) and `.example` (or `None`)."""
        ...

    def version(self, name: str, number: int) -> ModelVersion:
        """Raises `MissingError`, `UnavailableError`."""
        ...

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """Newest first; empty when the model is unknown."""
        ...

    def load(self, version: ModelVersion) -> Any:
        """The model with `predict(pandas.DataFrame)`, after its digest is verified."""
        ...

    def native(self, version: ModelVersion) -> Any:
        """The fitted model itself, after its digest is verified, for what it gives beyond predictions."""
        ...

    def profile(self, version: ModelVersion) -> bytes:
        """The reference profile's bytes; `MissingError` when the version has none."""
        ...

    def file(self, version: ModelVersion, name: str) -> bytes:
        """One of the files it was registered with; `MissingError` when it has none of that name."""
        ...

    def attach(self, version: ModelVersion, files: Mapping[str, bytes]) -> None:
        """Keeps files beside a registered version: path -> bytes, replacing those of the same path.

        They are no part of the model: its digest stays as it is.
        """
        ...

    def attached(self, version: ModelVersion, path: str) -> bytes:
        """The bytes of an attached file; `MissingError` when there is none of that path."""
        ...

    def example(self, version: ModelVersion) -> Any:
        """The input example as a pandas DataFrame."""
        ...

    def aliases(self, name: str) -> Mapping[str, int]:
        """Alias -> number of the version it points to; empty when the model is unknown."""
        ...

    def point(self, version: ModelVersion, environment: str) -> None:
        """Moves the alias `environment` to this version: a result of a deployment, never an input."""
        ...
