"""A job for EMR Serverless, Glue or spark-submit: counts rows on a profile's grids and writes the counts as a file."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlmon_dagster.errors import DataError, InputError, MissingError, MlmonError, UnavailableError

ENTRY = """import sys

from mlmon_dagster.adapters.spark_job import main

if code := main():  # on Glue even the exit code 0 is a failure
    sys.exit(code)
"""
"""The script that a cluster is given."""

BAD_INPUT, UNAVAILABLE = 2, 5
"""Exit codes, those of `mlmon`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, writes, and prints rows and digest as one line of JSON; the exit code.

    `--profile` and `--out` are files or `s3://bucket/key`, `--rows` is any place that Spark reads Parquet from. What
    goes wrong is written beside `--out` too, for whoever started the job; arguments that Glue adds are passed over.
    """
    parser = argparse.ArgumentParser(prog="mlmon_dagster.adapters.spark_job", description=__doc__)
    parser.add_argument("--profile", required=True, help="profile of the reference: a file or s3://bucket/key")
    parser.add_argument("--out", required=True, help="where the counts are written: a file or s3://bucket/key")
    parser.add_argument("--rows", default="", help="Parquet files as Spark reads them: s3://bucket/prefix/")
    parser.add_argument("--query", help="SELECT statement: of the files as `rows`, or of the catalogue's tables")
    parser.add_argument("--table", help="table of the catalogue, schema.name, instead of --rows")
    parser.add_argument("--time", help="its column with each row's moment, where only a window is counted")
    parser.add_argument("--start", type=_moment, help="beginning of the window, ISO 8601")
    parser.add_argument("--end", type=_moment, help="end of the window, ISO 8601")
    parser.add_argument("--master", help="master of the session, where none is given by the cluster: local[2]")
    given, others = parser.parse_known_args(arguments)
    if others:
        print(f"passed over: {' '.join(others)}", file=sys.stderr)
    try:
        print(json.dumps(_counted(given)))
    except MlmonError as error:
        print(f"{error.message}\n{error.hint or ''}".strip(), file=sys.stderr)
        _tell(given.out, error)
        return UNAVAILABLE if isinstance(error, UnavailableError) else BAD_INPUT
    return 0


def _counted(given: argparse.Namespace) -> dict[str, object]:
    from mlmon_dagster.adapters.engines.spark import Spark
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.ports import Rows

    if not given.rows and not given.query and not given.table:
        raise InputError("no rows are named", hint="--rows s3://bucket/prefix/, or --query with a SELECT statement")
    if (given.table is None) != (given.time is None):
        raise InputError("--table and --time go together: which rows, and when they were")
    profile = Profile.from_bytes(_read(given.profile))
    rows = Rows(place=given.rows, query=given.query, start=given.start, end=given.end)
    counts = Spark(master=given.master, table=given.table, time=given.time).count(rows, profile)
    _write(given.out, counts.to_bytes())
    return {"out": given.out, "rows": counts.rows, "columns": len(counts.columns), "digest": counts.digest}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _tell(out: str, error: MlmonError) -> None:
    """Leaves the error beside the counts, where it is to be found by `told_error`; without a word where it cannot."""
    if out.startswith("s3://"):
        content = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        with suppress(MlmonError):
            write_s3(out + ".error", json.dumps(content).encode())


def told_error(out: str) -> MlmonError | None:
    """The error that a job left instead of counts."""
    kinds = {kind.__name__: kind for kind in (InputError, MissingError, DataError, UnavailableError)}
    try:
        content = json.loads(read_s3(out + ".error"))
    except (MissingError, UnavailableError):  # who may not list a bucket is not told that an object is not there
        return None
    return kinds.get(content["error"], InputError)(str(content["message"]), hint=content["hint"])


def _read(place: str) -> bytes:
    if place.startswith("s3://"):
        return read_s3(place)
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise MissingError(f"{place} cannot be read: {error.strerror}") from error


def _write(place: str, content: bytes) -> None:
    if place.startswith("s3://"):
        write_s3(place, content)
        return
    try:
        Path(place).write_bytes(content)
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror}") from error


def read_s3(place: str) -> bytes:
    """The object at `s3://bucket/key`; `MissingError` where there is none."""
    return bytes(_on_s3(place, "get_object")["Body"].read())


def write_s3(place: str, content: bytes) -> None:
    """Puts the object at `s3://bucket/key`."""
    _on_s3(place, "put_object", Body=content)


def _on_s3(place: str, call: str, **arguments: object) -> dict[str, Any]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = place.removeprefix("s3://").partition("/")
    try:
        found: dict[str, Any] = getattr(boto3.client("s3"), call)(Bucket=bucket, Key=key, **arguments)
        return found
    except ClientError as error:
        code, said = (str(error.response["Error"].get(key, "")) for key in ("Code", "Message"))
        missing = code in ("NoSuchKey", "NoSuchBucket", "404")
        raise (MissingError if missing else UnavailableError)(f"{place}: {said or code}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{place} cannot be reached: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
