"""Jobs that count on a cluster of AWS: started, waited for, cancelled, and their counts fetched from S3."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol
from uuid import uuid4

from pydantic import Field

from mlmon_dagster.adapters.spark_job import ENTRY, read_s3, told_error, write_s3
from mlmon_dagster.errors import DataError, FailedError, InputError, MissingError, MlmonError, UnavailableError
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    from mlmon_dagster.drift.profile import Profile

PATIENCE = 5
"""Answers of AWS in a row that may fail while a job runs, each of them tried three times."""

Storage = Annotated[
    str,
    Field(
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s/]+)*/?$",
        description="where profiles, the entry point and counts are kept: s3://bucket/prefix",
    ),
]
Table = Annotated[
    str | None, Field(min_length=1, description="table of the catalogue with the rows of windows, schema.name")
]
Time = Annotated[str | None, Field(min_length=1, description="its column with each row's moment (UTC)")]
Minutes = Annotated[int, Field(ge=5, le=10_080, description="how long a job may take before it is cancelled")]
Poll = Annotated[float, Field(gt=0, le=300, description="seconds between two looks at the job's state")]
Region = Annotated[str | None, Field(min_length=1, description="default: the process's own (AWS_REGION)")]


@dataclass(frozen=True)
class Progress:
    """How a job is: its state in the service's word, and what the service says of it."""

    state: Literal["waiting", "done", "failed"]
    word: str
    told: str = ""


class Service(Protocol):
    """Where jobs run. Its calls raise vendor's errors, which `translated` words."""

    @property
    def name(self) -> str:
        """As messages call it."""
        ...

    def start(self, script: str, arguments: list[str], token: str) -> str:
        """Starts the script, which lies on S3; the job's id. The same token never starts a second job."""
        ...

    def progress(self, job: str) -> Progress: ...

    def cancel(self, job: str) -> None: ...


@dataclass(frozen=True)
class Patience:
    """How long a job is waited for."""

    timeout_seconds: float
    poll_seconds: float


def count_by_job(
    service: Service, storage: str, wanted: list[str], profile: "Profile", patience: Patience
) -> "Profile":
    """Starts a job for those rows (arguments of `spark_job`), waits for it, and gives its counts.

    A job that takes too long, and one whose waiting ends by anything else, is cancelled.
    """
    from mlmon_dagster.drift.profile import Profile

    token = uuid4().hex
    folder = storage.rstrip("/")
    script, reference = f"{folder}/entry.py", f"{folder}/profiles/{profile.digest}.profile"
    out = f"{folder}/counts/{token}.profile"
    write_s3(script, ENTRY.encode())
    write_s3(reference, profile.to_bytes())
    with translated(service.name):
        job = service.start(script, ["--profile", reference, "--out", out, *wanted], token)
    try:
        ended = _ended(service, job, patience)
    except BaseException as error:
        _cancel(service, job, error)
        raise
    if ended.state == "failed":
        raise told_error(out) or FailedError(
            f"the job {job} of {service.name} ended as {ended.word}: {ended.told or 'it says no more'}",
            hint="its log says more; is this package installed there, in the same version?",
        )
    try:
        counts = Profile.from_bytes(read_s3(out))
    except (MissingError, DataError) as error:
        raise FailedError(
            f"the job {job} of {service.name} ended as {ended.word} and left no counts: {error.message}",
            hint="is this package installed there, in the same version?",
        ) from error
    if not set(counts.columns) <= set(profile.columns):
        raise FailedError(f"the job {job} of {service.name} counted other columns than the profile's")
    return counts


def wanted_rows(name: str, rows: Rows, table: str | None, moment: str | None) -> list[str]:
    """The rows as arguments of `spark_job`; `InputError` for those that no cluster reads."""
    if table is not None and moment is not None and not rows.query:
        limits = [(option, one.isoformat()) for option, one in (("--start", rows.start), ("--end", rows.end)) if one]
        return ["--table", table, "--time", moment, *(word for limit in limits for word in limit)]
    if rows.table is not None or not (rows.place.startswith("s3://") or (rows.query and not rows.place)):
        here = f"a {type(rows.table).__name__} of this process" if rows.table is not None else rows.place or "nothing"
        raise InputError(
            f"the engine {name} counts Parquet at s3:// and tables of the catalogue, not {here}",
            hint="say which `table` has the rows, and its `time`; or use another engine",
        )
    return [*(["--rows", rows.place] if rows.place else []), *(["--query", rows.query] if rows.query else [])]


def client(service: str, region: str | None) -> Any:
    """A client of AWS with the process's credentials; it tries three times."""
    import boto3
    from botocore.config import Config

    patience = Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=10, read_timeout=60)
    with translated(service):
        return boto3.client(service, region_name=region, config=patience)


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Errors of AWS in our words."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as error:
        code, said = (str(error.response["Error"].get(key, "")) for key in ("Code", "Message"))
        raise _kind(code)(f"{service} refuses ({code}): {said}", hint=HINTS.get(_kind(code))) from error
    except ParamValidationError as error:
        raise InputError(f"{service} would refuse: {' '.join(str(error).split())}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{service} cannot be reached: {error}", hint="check region and credentials") from error


HINTS: dict[type[MlmonError], str] = {
    MissingError: "check its name, and the region",
    UnavailableError: "may this process's role do that, and is there room for another job?",
}


def _kind(code: str) -> type[MlmonError]:
    if "NotFound" in code or code in ("NoSuchBucket", "NoSuchKey"):
        return MissingError
    return InputError if "Validation" in code or "InvalidInput" in code else UnavailableError


def _ended(service: Service, job: str, patience: Patience) -> Progress:
    """How the job ended; `UnavailableError` at the deadline, and when the service does not tell any more."""
    deadline = time.monotonic() + patience.timeout_seconds
    failures, word = 0, "unknown"
    while True:
        try:
            with translated(service.name):
                found = service.progress(job)
            failures, word = 0, found.word
            if found.state != "waiting":
                return found
        except UnavailableError:
            failures += 1
            if failures >= PATIENCE:
                raise
        if time.monotonic() + patience.poll_seconds > deadline:
            raise UnavailableError(
                f"the job {job} of {service.name} is {word} after {patience.timeout_seconds / 60:g} minutes, "
                "so it is cancelled",
                hint="give it a larger `timeout_minutes`, or the service more capacity",
            )
        time.sleep(patience.poll_seconds)


def _cancel(service: Service, job: str, error: BaseException) -> None:
    """Whatever ended the waiting is what is told, also where the job cannot be cancelled."""
    try:
        with translated(service.name):
            service.cancel(job)
    except MlmonError as also:
        if isinstance(error, MlmonError):
            error.message += f"; it could not be cancelled: {also.message}"
