"""Registered model versions in MLflow: each with signature, input example, reference profile, manifest and digest."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.mlflow.connection import connect, shown, translated
from mlmon_dagster.adapters.mlflow.manifest import Manifest, verify
from mlmon_dagster.adapters.mlflow.model_directory import (
    PROFILE,
    LoadedModel,
    load_model,
    load_native,
    write_model,
)
from mlmon_dagster.adapters.mlflow.pretrained import PretrainedModel, read_example, read_pretrained
from mlmon_dagster.adapters.mlflow.signature import read_inputs
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

    from mlmon_dagster.settings import Settings

DIGEST = "mlmon.digest"
INPUTS = "mlmon.inputs"
ARTIFACT = "model"
ATTACHED = "attached"


@dataclass(frozen=True)
class MlflowRegistry:
    """The port `ModelRegistry` over an MLflow database or server.

    `url` is the tracking and registry URI. `artifacts` is where a registry of our own (SQLite) keeps the files;
    with a server it is `None`: the server says where.
    """

    url: str
    artifacts: Path | None = None

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client, connected at first use."""
        return connect(self.url)

    def register(
        self,
        model: Any,
        *,
        name: str,
        example: "pd.DataFrame",
        profile: bytes,
        facts: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
    ) -> ModelVersion:
        """Registers a fitted model; the same content gives the version that is there.

        `example` holds input rows: the signature is read from all of them, the first 50 are kept. `facts` become
        tags. Raises `InputError` when the model cannot be kept without pickle.
        """
        with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary:
            directory = Path(temporary) / ARTIFACT
            manifest = write_model(directory, model, example, profile, files or {})
            with translated(self.url):
                return self._found(name, manifest.digest) or self._created(name, directory, manifest, facts)

    def register_uri(self, uri: str, *, name: str, profile: bytes, facts: Mapping[str, str]) -> ModelVersion:
        """Registers a pre-trained model that carries an input example; `InputError` when it has none."""
        found = self.pretrained(uri)
        if found.example is None:
            raise InputError(
                f"the model at {uri} has no input example, so its input types are unknown",
                hint="save it with mlflow.sklearn.save_model(..., input_example=frame.head())",
            )
        return self.register(
            found.model, name=name, example=found.example, profile=profile, facts={**facts, "uri": uri}
        )

    def pretrained(self, uri: str) -> PretrainedModel:
        """The model behind an MLflow URI (`models:/name/1`, `runs:/id/path`, `s3://...`) or a path."""
        if "://" not in uri and not uri.startswith(("models:/", "runs:/")):
            if not Path(uri).exists():
                raise MissingError(f"there is no model at {uri}")
            return read_pretrained(Path(uri))
        import mlflow.artifacts

        with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary, translated(self.url):
            location = self._location(uri)
            path = mlflow.artifacts.download_artifacts(location, dst_path=temporary, tracking_uri=self.url)
            return read_pretrained(Path(path))

    def _location(self, uri: str) -> str:
        """Where the files are: MLflow itself resolves `models:/` by a global setting only."""
        if not uri.startswith("models:/"):
            return uri
        name, at, alias = uri.removeprefix("models:/").partition("@")
        if at:
            return str(self.client.get_model_version_by_alias(name, alias).source)
        name, _, number = name.rpartition("/")
        if not number.isdecimal():
            raise InputError(f"{uri!r} names no version; expected models:/name/1 or models:/name@alias")
        return str(self.client.get_model_version(name, number).source)

    def at(self, uri: str) -> ModelVersion:
        """The version at `models:/name/1` or `models:/name@alias`; `MissingError` names those that there are."""
        name, at, alias = uri.removeprefix("models:/").partition("@")
        if at:
            known = self.aliases(name)
            if alias not in known:
                raise MissingError(unknown(f"alias of the model {name}", alias, tuple(known)))
            return self.version(name, known[alias])
        name, _, number = name.rpartition("/")
        if not name or not number.isdecimal():
            raise InputError(f"{uri!r} names no version; expected models:/name/1 or models:/name@alias")
        return self.version(name, int(number))

    def version(self, name: str, number: int) -> ModelVersion:
        """The version; `MissingError` names those that exist."""
        try:
            with translated(self.url):
                return self._version(self.client.get_model_version(name, str(number)))
        except MissingError:
            known = ", ".join(str(version.number) for version in self.versions(name)) or "none"
            raise MissingError(f"there is no version {number} of the model {name} (known: {known})") from None

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """Every version with a digest, newest first; versions that others registered have none and are left out."""
        with translated(self.url):
            found = self._search(f"name = '{_quoted(name)}'")
        ours = [self._version(version) for version in found if DIGEST in version.tags]
        return sorted(ours, key=lambda version: version.number, reverse=True)

    def load(self, version: ModelVersion) -> LoadedModel:
        """The model with `predict(DataFrame)` -> shape (rows,); `DataError` when a file is not what was registered."""
        with self._files(version) as directory:
            return load_model(directory, version.digest)

    def native(self, version: ModelVersion) -> Any:
        """The scikit-learn model itself, as it was fitted; what it gives beyond predictions is not compiled."""
        with self._files(version) as directory:
            return load_native(directory)

    def export(self, version: ModelVersion, directory: Path) -> None:
        """Copies the version's verified files to `directory`, which must not exist."""
        with self._files(version) as verified:
            shutil.copytree(verified, directory)

    def profile(self, version: ModelVersion) -> bytes:
        """The reference profile's bytes; `MissingError` when the version has none."""
        with self._files(version) as directory:
            if not (directory / PROFILE).is_file():
                raise MissingError(f"version {version.number} of {version.name} has no reference profile")
            return (directory / PROFILE).read_bytes()

    def file(self, version: ModelVersion, name: str) -> bytes:
        """One of the files it was registered with; `MissingError` when it has none of that name."""
        with self._files(version) as directory:
            if not (directory / name).is_file():
                raise MissingError(
                    f"version {version.number} of {version.name} has no {name}",
                    hint="it was registered without: register the model again",
                )
            return (directory / name).read_bytes()

    def attach(self, version: ModelVersion, files: Mapping[str, bytes]) -> None:
        """Keeps files beside the version, in the run that registered it; the model's own files stay as they are."""
        with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary, translated(self.url):
            for path, content in files.items():
                file = Path(temporary) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            self.client.log_artifacts(self._run(version), temporary, ATTACHED)

    def attached(self, version: ModelVersion, path: str) -> bytes:
        """The bytes of an attached file; `MissingError` when there is none."""
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary, translated(self.url):
            run = self._run(version)
            try:
                return Path(self.client.download_artifacts(run, f"{ATTACHED}/{path}", temporary)).read_bytes()
            except (OSError, MlflowException) as error:
                folder = f"{ATTACHED}/{path}".rpartition("/")[0]
                if f"{ATTACHED}/{path}" in [one.path for one in self.client.list_artifacts(run, folder)]:
                    raise
                message = f"version {version.number} of {version.name} has no attached file {path}"
                raise MissingError(message) from error

    def example(self, version: ModelVersion) -> "pd.DataFrame":
        """The input example, up to 50 rows."""
        with self._files(version) as directory:
            return read_example(directory)

    def aliases(self, name: str) -> dict[str, int]:
        """Alias -> number of the version it points to; empty when the model is unknown."""
        with translated(self.url):
            found = self.client.search_registered_models(f"name = '{_quoted(name)}'")
            return {alias: int(number) for model in found for alias, number in dict(model.aliases).items()}

    def point(self, version: ModelVersion, environment: str) -> None:
        """Moves the alias `environment` to this version."""
        with translated(self.url):
            self.client.set_registered_model_alias(version.name, environment, str(version.number))

    @contextmanager
    def _files(self, version: ModelVersion) -> Iterator[Path]:
        """A private, verified copy of the version's files, for as long as the context lasts."""
        with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary:
            with translated(self.url):
                directory = Path(self.client.download_artifacts(self._run(version), ARTIFACT, dst_path=temporary))
            verify(directory, version.digest)
            yield directory

    def _run(self, version: ModelVersion) -> str:
        return self.client.get_model_version(version.name, str(version.number)).run_id or ""

    def _found(self, name: str, digest: str) -> ModelVersion | None:
        same = self._search(f"name = '{_quoted(name)}' and tags.`{DIGEST}` = '{digest}'")
        return min((self._version(version) for version in same), key=lambda version: version.number, default=None)

    def _search(self, query: str) -> list["MlflowVersion"]:
        found: list[MlflowVersion] = []
        token = None
        while page := self.client.search_model_versions(query, page_token=token):
            found += page
            token = page.token
            if not token:
                break
        return found

    def _created(self, name: str, directory: Path, manifest: Manifest, facts: Mapping[str, str]) -> ModelVersion:
        inputs = [column.name for column in read_inputs(directory)]
        tags = {**facts, DIGEST: manifest.digest, INPUTS: json.dumps(inputs)}
        run = self.client.create_run(self._experiment(name), tags=dict(facts), run_name=f"register {name}")
        self.client.log_artifacts(run.info.run_id, str(directory), ARTIFACT)
        self._refuse_cut(run.info.run_id, manifest)
        self.client.set_terminated(run.info.run_id)
        self._ensure_model(name)
        created = self.client.create_model_version(
            name, f"{run.info.artifact_uri}/{ARTIFACT}", run.info.run_id, tags=tags
        )
        return self._version(created)

    def _refuse_cut(self, run: str, manifest: Manifest) -> None:
        """`DataError` when a file did not arrive whole: a version of it would be found again and never load."""
        sizes: dict[str, int | None] = {}
        folders = [ARTIFACT]
        while folders:
            for one in self.client.list_artifacts(run, folders.pop()):
                if one.is_dir:
                    folders.append(one.path)
                else:
                    sizes[one.path.removeprefix(f"{ARTIFACT}/")] = one.file_size
        for path, (size, _) in manifest.files.items():
            if path not in sizes or sizes[path] not in (None, size):  # not every store tells sizes
                self.client.set_terminated(run, "FAILED")
                raise DataError(
                    f"{path} of the model did not arrive whole in MLflow at {shown(self.url)}: "
                    f"{sizes.get(path, 0)} of {size} bytes",
                    hint="is its artifact store full? register the model again",
                )

    def _experiment(self, name: str) -> str:
        title = f"mlmon/{name}"
        found = self.client.get_experiment_by_name(title)
        if found is None:
            return self.client.create_experiment(title, self.artifacts.resolve().as_uri() if self.artifacts else None)
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _ensure_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _version(self, version: "MlflowVersion") -> ModelVersion:
        if DIGEST not in version.tags:
            raise InputError(
                f"version {version.version} of {version.name} in MLflow at {shown(self.url)} has no digest",
                hint=f"register it by a pipeline: `model_registry: {{uri: models:/{version.name}/{version.version}}}`",
            )
        return ModelVersion(
            name=version.name,
            number=int(version.version),
            digest=version.tags[DIGEST],
            uri=f"models:/{version.name}/{version.version}",
            inputs=tuple(json.loads(version.tags[INPUTS])),
            created_at=datetime.fromtimestamp(version.creation_timestamp / 1000, timezone.utc),
        )


def open_registry(settings: "Settings") -> MlflowRegistry:
    """The registry that the settings name; an SQLite registry keeps its files under `settings.home`."""
    embedded = settings.mlflow_url.startswith("sqlite:")
    return MlflowRegistry(settings.mlflow_url, settings.home / "mlflow-artifacts" if embedded else None)


def _quoted(name: str) -> str:
    return name.replace("'", "")
