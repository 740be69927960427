"""A job for EMR Serverless, Glue or spark-submit: counts rows on a profile's grids and writes the counts as a file."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmon_dagster.errors import InputError, MissingError, MlmonError, UnavailableError

BAD_INPUT, UNAVAILABLE = 2, 5
"""Exit codes, those of `mlmon`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, writes, and prints rows and digest as one line of JSON; the exit code.

    `--profile` and `--out` are files or `s3://bucket/key`, `--rows` is any place that Spark reads Parquet from.
    """
    parser = argparse.ArgumentParser(prog="mlmon_dagster.adapters.spark_job", description=__doc__)
    parser.add_argument("--profile", required=True, help="profile of the reference: a file or s3://bucket/key")
    parser.add_argument("--out", required=True, help="where the counts are written: a file or s3://bucket/key")
    parser.add_argument("--rows", default="", help="Parquet files as Spark reads them: s3://bucket/prefix/")
    parser.add_argument("--query", help="SELECT statement: of the files as `rows`, or of the catalogue's tables")
    parser.add_argument("--master", help="master of the session, where none is given by the cluster: local[2]")
    given = parser.parse_args(arguments)
    try:
        print(json.dumps(_counted(given)))
    except MlmonError as error:
        print(f"{error.message}\n{error.hint or ''}".strip(), file=sys.stderr)
        return UNAVAILABLE if isinstance(error, UnavailableError) else BAD_INPUT
    return 0


def _counted(given: argparse.Namespace) -> dict[str, object]:
    from mlmon_dagster.adapters.engines.spark import Spark
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.ports import Rows

    if not given.rows and not given.query:
        raise InputError("no rows are named", hint="--rows s3://bucket/prefix/, or --query with a SELECT statement")
    profile = Profile.from_bytes(_read(given.profile))
    counts = Spark(master=given.master).count(Rows(place=given.rows, query=given.query), profile)
    _write(given.out, counts.to_bytes())
    return {"out": given.out, "rows": counts.rows, "columns": len(counts.columns), "digest": counts.digest}


def _read(place: str) -> bytes:
    if place.startswith("s3://"):
        return bytes(_on_s3(place, "get_object")["Body"].read())
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise MissingError(f"{place} cannot be read: {error.strerror}") from error


def _write(place: str, content: bytes) -> None:
    if place.startswith("s3://"):
        _on_s3(place, "put_object", Body=content)
        return
    try:
        Path(place).write_bytes(content)
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror}") from error


def _on_s3(place: str, call: str, **arguments: object) -> dict[str, Any]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = place.removeprefix("s3://").partition("/")
    try:
        found: dict[str, Any] = getattr(boto3.client("s3"), call)(Bucket=bucket, Key=key, **arguments)
        return found
    except ClientError as error:
        raise MissingError(f"{place}: {error.response['Error'].get('Message', 'refused')}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{place} cannot be reached: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
