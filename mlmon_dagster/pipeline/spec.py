"""What a pipeline file declares: one frozen dataclass for each thing a user writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from mlmon_dagster.pipeline.deployment import APPROVAL_FLOORS, ModelDeployment
from mlmon_dagster.pipeline.forms import REPOSITORY, CallableName, Name, Owner, Share
from mlmon_dagster.pipeline.monitoring import ModelMonitoring
from mlmon_dagster.pipeline.monitors import require_declared, require_fitting
from mlmon_dagster.pipeline.places import no_file, not_inside
from mlmon_dagster.pipeline.serving import ModelInferencing
from mlmon_dagster.pipeline.source import Source
from mlmon_dagster.pipeline.stages import StageName
from mlmon_dagster.pipeline.windows import Day, Windows
from mlmon_dagster.plugins import CONFIG, unknown


@dataclass(frozen=True)
class ColumnRule:
    """What the values of one column must satisfy."""

    __pydantic_config__ = CONFIG

    type: Literal["float", "integer", "string", "boolean", "timestamp"]
    minimum: Annotated[float | None, Field(description="the least value")] = None
    maximum: Annotated[float | None, Field(description="the greatest value")] = None
    one_of: Annotated[tuple[str | int | float | bool, ...] | None, Field(description="the only values")] = None
    pattern: Annotated[str | None, Field(description="regular expression for the whole text")] = None
    nullable: Annotated[bool, Field(description="whether a value may be missing")] = False
    unique: Annotated[bool, Field(description="whether no two rows of a window share a value")] = False


@dataclass(frozen=True)
class DataIngestion:
    """Stage 1: cuts the source into windows."""

    __pydantic_config__ = CONFIG

    source: Source

    def __post_init__(self) -> None:
        if self.source.rows.time is None:
            raise ValueError("data_ingestion cuts windows by time: `source` must name its `time` column")


@dataclass(frozen=True)
class DataPreparation:
    """Stage 2: cleans rows against the schema; invalid rows are set aside with a reason."""

    __pydantic_config__ = CONFIG

    schema: Annotated[Mapping[str, ColumnRule], Field(description="column: what its values must satisfy")] = field(
        default_factory=dict
    )
    on_invalid: Annotated[
        Literal["quarantine", "fail"], Field(description="what happens to invalid rows, or to the whole window")
    ] = "quarantine"
    maximum_invalid: Annotated[Share, Field(description="share of invalid rows above which the window fails")] = 0.1


@dataclass(frozen=True)
class CallableFeature:
    """A feature computed in Python: a function that takes the prepared rows (pandas) and returns one column."""

    __pydantic_config__ = CONFIG

    call: CallableName


@dataclass(frozen=True)
class FeatureStore:
    """Stage 3: features as SQL expressions over the prepared rows, or Python functions."""

    __pydantic_config__ = CONFIG

    features: Annotated[
        Mapping[Name, str | CallableFeature], Field(description="name: SQL expression (DuckDB), or {call: function}")
    ] = field(default_factory=dict)
    key: Annotated[tuple[str, ...], Field(description="columns that together identify a row")] = ()


@dataclass(frozen=True)
class ReferencePeriod:
    """The windows that the model is trained on and that later windows are compared with."""

    __pydantic_config__ = CONFIG

    until: Annotated[Day, Field(description="the reference ends before this day")]
    since: Annotated[Day | None, Field(description="and starts on this day (default: the first window)")] = None


@dataclass(frozen=True)
class ModelRegistry:
    """Stage 4: registers a pre-trained model (`uri`: MLflow URI or path) or trains one (`train`)."""

    __pydantic_config__ = CONFIG

    model: Annotated[Name, Field(description="name in the registry")]
    reference: ReferencePeriod
    train: Annotated[
        CallableName | None,
        Field(description="module.path:function: rows of the reference (pandas) in, fitted model out"),
    ] = None
    uri: (
        Annotated[
            str,
            Field(description="a pre-trained model: models:/name/1, runs:/..., or a path"),
            AfterValidator(no_file),
            AfterValidator(not_inside),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.train is None) == (self.uri is None):
            raise ValueError("model_registry needs exactly one of `train` (a function) and `uri` (a pre-trained model)")


@dataclass(frozen=True)
class CicdEnforcement:
    """Stage 8: locked stages stay as they are, gate evidence is written."""

    __pydantic_config__ = CONFIG

    repository: Annotated[str | None, Field(pattern=REPOSITORY, description="owner/name on GitHub")] = None
    lock: Annotated[tuple[StageName, ...], Field(description="stages that must be locked for a gate to open")] = ()


@dataclass(frozen=True)
class MayBeEmpty:
    """The annotation of a stage whose keys all have defaults: `model_inferencing:` alone declares them.

    A validator that replaces the null before it is read would leave pydantic's JSON mode, where a list is a tuple.
    """

    def __get_pydantic_core_schema__(self, stage: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda declared: stage() if declared is None else declared, core_schema.nullable_schema(handler(stage))
        )


@dataclass(frozen=True)
class Stages:
    """The eight canonical stages; every pipeline has all of them."""

    __pydantic_config__ = CONFIG

    data_ingestion: DataIngestion
    data_preparation: Annotated[DataPreparation, MayBeEmpty()]
    feature_store: Annotated[FeatureStore, MayBeEmpty()]
    model_registry: ModelRegistry
    model_deployment: ModelDeployment
    model_inferencing: Annotated[ModelInferencing, MayBeEmpty()]
    model_monitoring: ModelMonitoring
    cicd_enforcement: Annotated[CicdEnforcement, MayBeEmpty()]

    def __post_init__(self) -> None:
        for environment, declared in self.model_deployment.environments.items():
            try:
                declared.serving(self.model_inferencing.realtime)
            except ValueError as error:
                facts = {"message": f"{environment}: {error}", "at": f"model_deployment.{environment}.durability"}
                raise PydanticCustomError("value_error", "{message}", facts) from None
        known = self.model_monitoring.check_names
        for environment, declared in self.model_deployment.environments.items():
            for name in declared.gate.checks:
                if name not in known:
                    message = f"the gate of {environment}: {unknown('check', name, known)}"
                    facts = {"message": message, "at": f"model_deployment.{environment}.gate.checks"}
                    raise PydanticCustomError("unknown_check", "{message}", facts)


@dataclass(frozen=True)
class Pipeline:
    """The declared life of one model: one YAML file in a Git repository."""

    __pydantic_config__ = CONFIG

    pipeline: Annotated[Name, Field(description="the pipeline's name")]
    project: Annotated[Name, Field(description="the group of pipelines it belongs to")]
    owner: Annotated[Owner, Field(description="team:name or an e-mail address")]
    windows: Annotated[Windows, Field(description="how data is cut by time")]
    stages: Annotated[Stages, Field(description="the eight stages")]
    description: Annotated[str, Field(description="for people")] = ""

    def __post_init__(self) -> None:
        monitoring = self.stages.model_monitoring
        require_fitting(self.windows, monitoring.monitors)
        require_declared(monitoring.monitors, monitoring.segments)
        if (folder := self.stages.model_inferencing.folder) and folder.environment not in (None, *self.environments):
            raise ValueError(
                f"the folder is scored in {folder.environment}, which `model_deployment` does not declare "
                f"(it has {', '.join(self.environments)})"
            )

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.pipeline

    @property
    def environments(self) -> tuple[str, ...]:
        """Declared environments, in the order of a promotion."""
        return tuple(self.stages.model_deployment.environments)

    @property
    def folder_environment(self) -> str:
        """The environment whose live version scores the declared folder."""
        folder = self.stages.model_inferencing.folder
        return (folder and folder.environment) or self.environments[-1]

    def approvals(self, environment: str) -> int:
        """Distinct approvals that the gate of `environment` asks for."""
        declared = self.stages.model_deployment.environments[environment].gate.approvals
        return APPROVAL_FLOORS[environment] if declared is None else declared
