"""What every place for checkpoints promises."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmon_dagster.adapters.checkpoints.opening import open_store
from mlmon_dagster.errors import InputError, UnavailableError
from mlmon_dagster.ports import CheckpointStore


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(params=["folder", "git", "git with a remote", "s3", "s3 with a lock"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckpointStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "checkpoints"))
    if request.param.startswith("git"):
        subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "there")], check=True)
        subprocess.run(["git", "clone", "-q", str(tmp_path / "there"), str(tmp_path / "here")], check=True)
        return open_store(f"git:{tmp_path}/here" + ("?remote=origin" if "remote" in request.param else ""))
    import boto3

    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    endpoint, locked = request.getfixturevalue("aws"), "lock" in request.param
    bucket = f"b{abs(hash(tmp_path))}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locked)
    return open_store(f"s3://{bucket}/log?endpoint={endpoint}" + ("&lock=COMPLIANCE&days=7" if locked else ""))


def test_an_empty_store_has_nothing(store: CheckpointStore) -> None:
    assert store.newest() is None
    assert list(store.notes()) == []
    assert list(store.leaves()) == []


def test_notes_are_kept_in_order_and_the_newest_is_found(store: CheckpointStore) -> None:
    store.put(2, "two", bytes(64))
    store.put(1000, "thousand", bytes(32) * 998)
    store.put(1001, "größer", b"\x01" * 32)
    assert list(store.notes()) == ["two", "thousand", "größer"]
    assert store.newest() == "größer"
    assert [(first, len(leaves) // 32) for first, leaves in store.leaves()] == [(1, 2), (3, 998), (1001, 1)]


def test_of_one_size_the_first_and_the_latest_are_kept(store: CheckpointStore) -> None:
    for note in ("first", "second", "third"):
        store.put(7, note, b"")
    store.put(8, "eight", bytes(32))
    assert list(store.notes()) in (["first", "third", "eight"], ["first", "second", "third", "eight"])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot be kept"):
        open_store(str(tmp_path / "file")).put(1, "one", bytes(32))


def test_a_locked_object_cannot_be_deleted(tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from botocore.exceptions import ClientError

    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3 = boto3.client("s3", endpoint_url=aws)
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    open_store(f"s3://locked/log?endpoint={aws}&lock=COMPLIANCE&days=7").put(1, "one", bytes(32))
    for version in s3.list_object_versions(Bucket="locked")["Versions"]:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket="locked", Key=version["Key"], VersionId=version["VersionId"])


def test_a_remote_that_is_not_there_is_told(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "here")], check=True)
    with pytest.raises(UnavailableError, match="repository"):
        open_store(f"git:{tmp_path}/here?remote=origin").put(1, "one", bytes(32))
    with pytest.raises(UnavailableError):
        open_store(f"git:{tmp_path}/nowhere").put(1, "one", bytes(32))


@pytest.mark.parametrize("text", ["s3://", "s3://b?lock=maybe", "s3://b?days=x", "s3://b?color=red", "git:.?branch=x"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="MLMON_CHECKPOINTS"):
        open_store(text)
