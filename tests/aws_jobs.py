"""EMR Serverless and Glue as a server that speaks their protocols, and a cluster that runs the jobs started there.

The server is moto's, which only keeps jobs; what runs them stands here: it reads a job's arguments as the service would
hand them over, runs the script that lies on S3, and sets the state.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mlmon-count"
STORAGE = "s3://counting/jobs"

Run = Callable[[str, list[str]], int]
"""Script and arguments -> exit code."""

Tell = Callable[[str, str], None]
"""Sets a job's state, and what the service says of it."""


def run_script(script: str, arguments: list[str]) -> int:
    """Runs it as the cluster's Python would, in this process: Spark starts once."""
    before, sys.argv = sys.argv, ["entry.py", *arguments]
    try:
        exec(compile(script, "entry.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - the script under test
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@dataclass
class Cluster:
    """Both services, and what was started there."""

    run: Run = run_script
    holds: bool = False
    """Whether jobs stay in their queue."""
    started: list[Any] = field(default_factory=list)
    """Jobs as the server keeps them."""
    cancelled: list[str] = field(default_factory=list)
    application: str = ""

    @property
    def emr(self) -> dict[str, Any]:
        return {"use": "emr_serverless", "application": self.application, "role": ROLE, **COMMON}

    @property
    def glue(self) -> dict[str, Any]:
        return {"use": "glue", "job": "mlmon-count", **COMMON}

    def start(self, job: Any, script: str, arguments: list[str], tell: Tell) -> None:
        """Runs it in a thread of its own: running, then done or failed, in the words of the service."""
        self.started.append(job)
        if not self.holds:
            threading.Thread(target=self._work, args=(script, arguments, tell), daemon=True).start()

    def _work(self, script: str, arguments: list[str], tell: Tell) -> None:
        tell("RUNNING", "")
        code = self.run(object_at(script).decode(), arguments)
        tell("FAILED" if code else "DONE", f"Job failed with exit code {code}" if code else "")


COMMON = {"storage": STORAGE, "region": REGION, "poll_seconds": 0.02}


def object_at(place: str) -> bytes:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bytes(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


@contextmanager
def cluster(endpoint: str, environment: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster at moto's address; jobs run as soon as they were started."""
    from moto.core.responses import ActionResult
    from moto.emrserverless import models as emr
    from moto.glue import models as glue
    from moto.glue import responses

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.setenv(name, "testing")
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    environment.setenv("AWS_DEFAULT_REGION", REGION)
    made = Cluster()
    location = {"LocationConstraint": REGION}
    s3 = boto3.client("s3")
    if "counting" not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="counting", CreateBucketConfiguration=location)
    client = boto3.client("emr-serverless")
    made.application = client.create_application(name="mlmon", releaseLabel="emr-7.9.0", type="SPARK")["applicationId"]
    if "mlmon-count" not in boto3.client("glue").list_jobs()["JobNames"]:
        boto3.client("glue").create_job(Name="mlmon-count", Role=ROLE, Command={"Name": "glueetl"},
                                        ExecutionProperty={"MaxConcurrentRuns": 100})  # fmt: skip

    start_emr, cancel_emr = emr.EMRServerlessBackend.start_job_run, emr.EMRServerlessBackend.cancel_job_run
    start_glue, told_glue = glue.FakeJob.start_job_run, glue.FakeJobRun.as_dict

    def on_emr(self: Any, *args: Any, **named: Any) -> Any:
        job = start_emr(self, *args, **named)
        submit, job.state = job.job_driver["sparkSubmit"], "PENDING"

        def tell(state: str, said: str) -> None:
            job.state, job.state_details = {"DONE": "SUCCESS"}.get(state, state), said

        made.start(job, submit["entryPoint"], submit["entryPointArguments"], tell)
        return job

    def cancels_emr(self: Any, application_id: str, job_run_id: str) -> Any:
        made.cancelled.append(job_run_id)
        return cancel_emr(self, application_id, job_run_id)

    def on_glue(self: Any, **named: Any) -> Any:
        id = start_glue(self, **named)
        job = next(one for one in self.job_runs if one.job_run_id == id)
        job.status, job._transitions, given = "STARTING", [], named["arguments"]

        def tell(state: str, said: str) -> None:
            job.status, job.told = {"DONE": "SUCCEEDED"}.get(state, state), said

        own = ["--JOB_ID", "j_1", "true", "--JOB_RUN_ID", id, "--JOB_NAME", "mlmon-count"]
        made.start(job, given["--scriptLocation"], [*own, *(word for pair in given.items() for word in pair)], tell)
        return id

    def stops_glue(self: Any) -> Any:
        made.cancelled.extend(self.parameters["JobRunIds"])
        return ActionResult({"SuccessfulSubmissions": [], "Errors": []})

    def tells_glue(self: Any) -> Any:
        return {**told_glue(self), "ErrorMessage": getattr(self, "told", "")}

    environment.setattr(emr.EMRServerlessBackend, "start_job_run", on_emr)
    environment.setattr(emr.EMRServerlessBackend, "cancel_job_run", cancels_emr)
    environment.setattr(glue.FakeJob, "start_job_run", on_glue)
    environment.setattr(glue.FakeJobRun, "as_dict", tells_glue)
    environment.setattr(responses.GlueResponse, "batch_stop_job_run", stops_glue, raising=False)
    yield made
