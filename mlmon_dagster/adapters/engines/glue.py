"""The engine `glue`."""

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

STATES = {
    "SUCCEEDED": "done", "FAILED": "failed", "STOPPED": "failed", "TIMEOUT": "failed", "ERROR": "failed",
    "EXPIRED": "failed",
}  # fmt: skip
"""States in which a run has ended."""


@dataclass(frozen=True)
class Glue:
    """Starts a run of a Spark job of Glue, waits for it, and fetches its counts from S3; rows never leave the cluster.

    The job (Glue 5 or later) says with which role and how many workers; its script and arguments are given here.
    `modules` is what Glue installs first: this package in the same version. Credentials are the process's own; they
    may start, see and stop runs of the job, and read and write below `storage`.

    In a pipeline, `table` and `time` say which rows are a window's: those of the table from its start to before its
    end, instead of the rows that the stages kept.

    Example: `{use: glue, job: mlmon-count, storage: "s3://acme-mlmon/counting", modules: mlmon_dagster,
    table: scored.sales, time: at}`
    """

    job: Annotated[str, Field(min_length=1, max_length=255, description="name of the Spark job")]
    storage: Storage
    modules: Annotated[
        str | None, Field(min_length=1, description="Python modules that Glue installs, with commas between them")
    ] = None
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
        wanted = wanted_rows("glue", rows, self.table, self.time)
        service = _Job(client("glue", self.region), self)
        return count_by_job(
            service, self.storage, wanted, profile, Patience(self.timeout_minutes * 60, self.poll_seconds)
        )


@dataclass(frozen=True)
class _Job:
    """The job's runs."""

    glue: Any
    declared: Glue
    name: str = "Glue"

    def start(self, script: str, arguments: list[str], token: str) -> str:
        """Its own time limit ends the run too, should nobody be there to stop it."""
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        modules = {"--additional-python-modules": self.declared.modules} if self.declared.modules else {}
        found: str = self.glue.start_job_run(
            JobName=self.declared.job,
            Arguments={"--scriptLocation": script, **modules, **given},
            Timeout=self.declared.timeout_minutes,
        )["JobRunId"]
        return found

    def progress(self, job: str) -> Progress:
        run = self.glue.get_job_run(JobName=self.declared.job, RunId=job)["JobRun"]
        return Progress(STATES.get(run["JobRunState"], "waiting"), run["JobRunState"], run.get("ErrorMessage", ""))  # type: ignore[arg-type]

    def cancel(self, job: str) -> None:
        self.glue.batch_stop_job_run(JobName=self.declared.job, JobRunIds=[job])
