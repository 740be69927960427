"""The engines `emr_serverless` and `glue`: what they send, and every way in which a job may not end well."""

import dataclasses
import json
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from aws_jobs import REGION, ROLE, STORAGE, Cluster, object_at
from pydantic import ValidationError
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster import plugins
from mlmon_dagster.adapters.engines._jobs import Patience, Progress, client, count_by_job
from mlmon_dagster.adapters.engines.emr_serverless import EmrServerless, _Application
from mlmon_dagster.adapters.engines.glue import Glue, _Job
from mlmon_dagster.adapters.spark_job import ENTRY, _tell, read_s3, write_s3
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import FailedError, InputError, MissingError, UnavailableError
from mlmon_dagster.ports import Engine, Rows

NAMES = ["normal", "city"]
PROFILE = Profile.of(rows_of_all_kinds(12_000, seed=1).select(NAMES))
WINDOW = rows_of_all_kinds(500, seed=2).select(NAMES)
ROWS = Rows(place="s3://acme/scored/week=31/")
START, END = (datetime(2026, 8, day, tzinfo=timezone.utc) for day in (3, 10))


DECLARED: list[dict[str, Any]] = [
    {"use": "emr_serverless", "application": "00f1", "role": ROLE, "storage": STORAGE},
    {"use": "glue", "job": "mlmon-count", "storage": STORAGE},
]


def options(arguments: list[str]) -> dict[str, str]:
    given = arguments[arguments.index("--profile") :]
    return dict(zip(given[::2], given[1::2], strict=True))


def counts(script: str, arguments: list[str]) -> int:
    """A job that counts the window's rows, without Spark: `tests/contracts` has it with it."""
    given = options(arguments)
    write_s3(given["--out"], Profile.from_bytes(read_s3(given["--profile"])).counted(WINDOW).to_bytes())
    return 0


@pytest.fixture(params=["emr_serverless", "glue"])
def use(request: pytest.FixtureRequest, cluster: Cluster) -> dict[str, Any]:
    cluster.run = counts
    return cluster.emr if request.param == "emr_serverless" else cluster.glue


def engine(use: dict[str, Any], **fields: Any) -> Engine:
    found: Engine = plugins.parse("engine", {**use, **fields})
    return found


def sent(cluster: Cluster) -> tuple[str, dict[str, str]]:
    """The script's place and the options of the last job."""
    job = cluster.started[-1]
    if hasattr(job, "job_driver"):
        submit = job.job_driver["sparkSubmit"]
        return submit["entryPoint"], options(submit["entryPointArguments"])
    return job.arguments["--scriptLocation"], job.arguments


def test_counts_come_back_and_the_job_is_told_what_to_count(use: dict[str, Any], cluster: Cluster) -> None:
    assert engine(use).count(ROWS, PROFILE).digest == PROFILE.counted(WINDOW).digest
    script, given = sent(cluster)
    assert object_at(script).decode() == ENTRY
    assert given["--rows"] == ROWS.place
    assert given["--profile"] == f"{STORAGE}/profiles/{PROFILE.digest}.profile"
    assert cluster.cancelled == []


def test_a_window_of_a_table_is_told_by_its_time(use: dict[str, Any], cluster: Cluster) -> None:
    rows = Rows(table=WINDOW, start=START, end=END)
    engine(use, table="scored.sales", time="scored_at").count(rows, PROFILE)
    given = sent(cluster)[1]
    assert {name: given[name] for name in ("--table", "--time", "--start", "--end")} == {
        "--table": "scored.sales", "--time": "scored_at",
        "--start": "2026-08-03T00:00:00+00:00", "--end": "2026-08-10T00:00:00+00:00",
    }  # fmt: skip


def test_emr_is_told_of_the_environment_and_of_its_own_time_limit(cluster: Cluster) -> None:
    cluster.run = counts
    fields = {"environment": "s3://acme/env.tar.gz", "parameters": "--conf spark.executor.cores=2"}
    engine(cluster.emr, timeout_minutes=7, **fields).count(ROWS, PROFILE)
    job = cluster.started[-1]
    parameters = job.job_driver["sparkSubmit"]["sparkSubmitParameters"]
    assert "--conf spark.archives=s3://acme/env.tar.gz#environment" in parameters
    assert parameters.endswith("PYSPARK_PYTHON=./environment/bin/python --conf spark.executor.cores=2")
    assert job.execution_timeout_minutes == 7


def test_glue_is_told_of_its_modules_and_of_its_own_time_limit(cluster: Cluster) -> None:
    cluster.run = counts
    engine(cluster.glue, timeout_minutes=7, modules="mlmon_dagster==1.0").count(ROWS, PROFILE)
    assert cluster.started[-1].arguments["--additional-python-modules"] == "mlmon_dagster==1.0"
    assert cluster.started[-1].timeout == 7


def test_what_the_job_says_is_what_is_said(use: dict[str, Any], cluster: Cluster) -> None:
    def fails(script: str, arguments: list[str]) -> int:
        _tell(options(arguments)["--out"], MissingError("Spark knows no table scored.sale", hint="check `table`"))
        return 2

    cluster.run = fails
    with pytest.raises(MissingError, match=r"no table scored\.sale") as caught:
        engine(use).count(ROWS, PROFILE)
    assert caught.value.hint == "check `table`"


def test_a_job_that_dies_without_a_word_is_told_by_its_state(use: dict[str, Any], cluster: Cluster) -> None:
    cluster.run = lambda script, arguments: 137
    with pytest.raises(FailedError, match=r"ended as FAILED: Job failed with exit code 137"):
        engine(use).count(ROWS, PROFILE)


@pytest.mark.parametrize("left", [None, b"PK no profile"])
def test_a_job_that_is_done_without_counts_has_failed(
    use: dict[str, Any], cluster: Cluster, left: bytes | None
) -> None:
    def leaves(script: str, arguments: list[str]) -> int:
        if left is not None:
            write_s3(options(arguments)["--out"], left)
        return 0

    cluster.run = leaves
    with pytest.raises(FailedError, match=r"left no counts(.|\n)*same version"):
        engine(use).count(ROWS, PROFILE)


def test_a_job_that_takes_too_long_is_cancelled(cluster: Cluster) -> None:
    cluster.holds = True
    emr, glue = engine(cluster.emr), engine(cluster.glue)
    assert isinstance(emr, EmrServerless)
    assert isinstance(glue, Glue)
    services = (_Application(client("emr-serverless", REGION), emr), _Job(client("glue", REGION), glue))
    for service, word in zip(services, ("PENDING", "STARTING"), strict=True):
        with pytest.raises(UnavailableError, match=rf"is {word} after 0\.001 minutes, so it is cancelled") as caught:
            count_by_job(service, STORAGE, [], PROFILE, Patience(0.06, 0.02))
        assert cluster.cancelled.pop() in caught.value.message


@dataclasses.dataclass
class Interrupted:
    """A service whose job is waited for by a process that is stopped."""

    name: str = "the service"
    refuses: bool = False
    cancelled: list[str] = dataclasses.field(default_factory=list)

    def start(self, script: str, arguments: list[str], token: str) -> str:
        return "job-1"

    def progress(self, job: str) -> Progress:
        raise InputError("no such job") if self.refuses else KeyboardInterrupt

    def cancel(self, job: str) -> None:
        if self.refuses:
            raise UnavailableError("not now")
        self.cancelled.append(job)


def test_a_job_that_nobody_waits_for_any_more_is_cancelled(cluster: Cluster) -> None:
    service = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        count_by_job(service, STORAGE, [], PROFILE, Patience(60, 0.01))
    assert service.cancelled == ["job-1"]


def test_a_job_that_cannot_be_cancelled_is_said_to_run_on(cluster: Cluster) -> None:
    with pytest.raises(InputError, match=r"no such job; it could not be cancelled: not now"):
        count_by_job(Interrupted(refuses=True), STORAGE, [], PROFILE, Patience(60, 0.01))


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"use": "emr_serverless", "application": "00nowhere"}, MissingError, "EMR Serverless refuses"),
        ({"use": "emr_serverless", "role": "arn:aws:iam::999999999999:role/x"}, UnavailableError, "AccessDenied"),
        ({"use": "glue", "job": "nowhere"}, MissingError, "Glue refuses"),
        ({"use": "glue", "storage": "s3://nowhere-at-all/x"}, MissingError, "nowhere-at-all"),
    ],
)
def test_what_the_services_refuse_is_told(
    fields: dict[str, Any], error: type[Exception], says: str, cluster: Cluster
) -> None:
    base = cluster.emr if fields["use"] == "emr_serverless" else cluster.glue
    with pytest.raises(error, match=says):
        engine({**base, **fields}).count(ROWS, PROFILE)


def test_without_a_region_or_credentials_or_a_network_that_is_told(
    use: dict[str, Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"s3://counting(.|\n)*cannot be reached"):
        engine(use).count(ROWS, PROFILE)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(UnavailableError, match="region"):
        engine(use, region=None).count(ROWS, PROFILE)


@pytest.mark.parametrize(
    "rows",
    [Rows(table=WINDOW), Rows(place="rows.parquet"), Rows(place="postgresql://host/db", query="sales"), Rows()],
    ids=str,
)
def test_rows_that_no_cluster_reads_are_refused_with_what_to_do(rows: Rows) -> None:
    for use in DECLARED:
        with pytest.raises(InputError, match=r"counts Parquet at s3://(.|\n)*`table`"):
            engine(use).count(rows, PROFILE)


@pytest.mark.parametrize(
    "fields",
    [{"table": "scored.sales"}, {"storage": "file:///x"}, {"timeout_minutes": 1}, {"poll_seconds": 0}, {"speed": 1}],
    ids=json.dumps,
)
def test_bad_settings_are_refused_when_they_are_read(fields: dict[str, Any]) -> None:
    for use in DECLARED:
        with pytest.raises(ValidationError):
            engine(use, **fields)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["emr", "glue"])
def test_a_job_counts_a_window_of_a_table_of_the_catalogue(name: str, cluster: Cluster) -> None:
    pytest.importorskip("pyspark")
    session = plugins.parse("engine", {"use": "spark", "master": "local[2]"}).session()
    moments = pa.array(np.datetime64("2026-08-01", "us") + (np.arange(500) % 480).astype("m8[h]"))
    table = WINDOW.append_column("scored at", moments)
    session.createDataFrame(table).createOrReplaceTempView("scored")
    hours = np.arange(500) % 480
    kept = WINDOW.filter(pa.array((hours >= 48) & (hours < 216)))
    found = engine(getattr(cluster, name), table="scored", time="scored at")
    assert found.count(Rows(table=WINDOW, start=START, end=END), PROFILE).digest == PROFILE.counted(kept).digest
    with pytest.raises(MissingError, match=r"(?i)'when'(.|\n)*check `time`"):
        engine(getattr(cluster, name), table="scored", time="when").count(Rows(start=START, end=END), PROFILE)
