"""The job that counts on a cluster."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster.adapters.engines._pieces import counted
from mlmon_dagster.adapters.spark_job import _read, _write, main
from mlmon_dagster.drift.profile import Profile

PROFILE = Profile.of(rows_of_all_kinds(12_000, seed=1))
WINDOW = rows_of_all_kinds(1_000, seed=2, shift=0.1)


@pytest.mark.slow
def test_the_counts_file_has_the_bytes_that_are_counted_here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyspark")
    profile, rows, out = (tmp_path / name for name in ("reference.profile", "rows.parquet", "window.profile"))
    profile.write_bytes(PROFILE.to_bytes())
    pq.write_table(WINDOW, rows)
    code = main(["--profile", str(profile), "--rows", str(rows), "--out", str(out), "--master", "local[2]"])
    expected = counted(PROFILE, list(PROFILE.columns), [WINDOW])
    told = json.loads(capfd.readouterr().out.strip().splitlines()[-1])
    assert (code, told["rows"], told["digest"]) == (0, 1_000, expected.digest)
    assert out.read_bytes() == expected.to_bytes()


def test_profiles_are_read_and_written_on_s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="counts")
    _write("s3://counts/a/window.profile", b"content")
    assert _read("s3://counts/a/window.profile") == b"content"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--profile", "nowhere.profile", "--out", "x", "--rows", "y"], "nowhere.profile cannot be read"),
        (["--profile", "nowhere.profile", "--out", "x"], "no rows are named"),
        (["--profile", __file__, "--out", "x", "--rows", "y"], "not a reference profile"),
    ],
)
def test_bad_input_is_told_with_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
