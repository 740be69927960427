"""The engine `emr_serverless`."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from mlmon_dagster.adapters.engines._jobs import (
    Minutes,
    Patience,
    Poll,
    Progress,
    Region,
    Storage,
    Table,
    Time,
    client,
    count_by_job,
    wanted_rows,
)
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.ports import Rows

STATES = {"SUCCESS": "done", "FAILED": "failed", "CANCELLED": "failed"}
"""States in which a job has ended."""

PYTHON = "./environment/bin/python"


@dataclass(frozen=True)
class EmrServerless:
    """Starts a Spark job on EMR Serverless, waits for it, and fetches its counts from S3; rows never leave the cluster.

    `environment` is a packed Python environment with this package in the same version. Credentials are the process's
    own; they may start, see and cancel jobs of the application, pass the role, and read and write below `storage`.

    In a pipeline, `table` and `time` say which rows are a window's: those of the table from its start to before its
    end, instead of the rows that the stages kept.

    Example: `{use: emr_serverless, application: 00f1a2b3c4d5, role: "arn:aws:iam::123456789012:role/mlmon-count",
    storage: "s3://acme-mlmon/counting", environment: "s3://acme-mlmon/env.tar.gz", table: scored.sales, time: at}`
    """

    application: Annotated[str, Field(pattern=r"^[0-9a-z]{1,64}$", description="id of the Spark application")]
    role: Annotated[
        str,
        Field(pattern=r"^arn:aws[a-zA-Z0-9-]*:iam::\d{12}:role/\S+$", description="ARN of the role that jobs run as"),
    ]
    storage: Storage
    environment: Annotated[
        str | None, Field(pattern=r"^s3://\S+$", description="environment packed by venv-pack, as s3://bucket/key")
    ] = None
    parameters: Annotated[str | None, Field(min_length=1, description="further parameters of spark-submit")] = None
    table: Table = None
    time: Time = None
    timeout_minutes: Minutes = 60
    poll_seconds: Poll = 10.0
    region: Region = None

    def __post_init__(self) -> None:
        if (self.table is None) != (self.time is None):
            raise ValueError("`table` and `time` go together: which rows, and when they were")

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Parquet at `s3://`, tables of the catalogue, and queries of these; the bytes that Spark counts anywhere."""
        wanted = wanted_rows("emr_serverless", rows, self.table, self.time)
        service = _Application(client("emr-serverless", self.region), self)
        return count_by_job(
            service, self.storage, wanted, profile, Patience(self.timeout_minutes * 60, self.poll_seconds)
        )


@dataclass(frozen=True)
class _Application:
    """The application's jobs."""

    emr: Any
    declared: EmrServerless
    name: str = "EMR Serverless"

    def start(self, script: str, arguments: list[str], token: str) -> str:
        """Its own time limit ends the job too, should nobody be there to cancel it."""
        found: str = self.emr.start_job_run(
            applicationId=self.declared.application,
            clientToken=token,
            executionRoleArn=self.declared.role,
            jobDriver={
                "sparkSubmit": {
                    "entryPoint": script,
                    "entryPointArguments": arguments,
                    **({"sparkSubmitParameters": parameters} if (parameters := self._parameters()) else {}),
                }
            },
            executionTimeoutMinutes=self.declared.timeout_minutes,
            name=f"mlmon-{token[:12]}",
            tags={"mlmon": "count"},
        )["jobRunId"]
        return found

    def _parameters(self) -> str:
        places = {
            "spark.archives": f"{self.declared.environment}#environment",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
            "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
        }
        packed = [f"--conf {key}={value}" for key, value in places.items()] if self.declared.environment else []
        return " ".join([*packed, *filter(None, [self.declared.parameters])])

    def progress(self, job: str) -> Progress:
        run = self.emr.get_job_run(applicationId=self.declared.application, jobRunId=job)["jobRun"]
        return Progress(STATES.get(run["state"], "waiting"), run["state"], run.get("stateDetails", ""))  # type: ignore[arg-type]

    def cancel(self, job: str) -> None:
        self.emr.cancel_job_run(applicationId=self.declared.application, jobRunId=job)
