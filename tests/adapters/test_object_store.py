"""The object store in a folder."""

import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.errors import InputError, MissingError, UnavailableError


@pytest.fixture
def store(tmp_path: Path) -> FileObjectStore:
    return FileObjectStore(tmp_path / "store")


def test_what_was_put_is_what_is_got(store: FileObjectStore) -> None:
    store.put("a/b/2024-01-01-00:00/x.json", b"\x00one")
    store.put("a/b/2024-01-01-00:00/x.json", b"two")
    assert store.get("a/b/2024-01-01-00:00/x.json") == b"two"
    assert store.exists("a/b/2024-01-01-00:00/x.json")


def test_a_missing_key_is_named(store: FileObjectStore) -> None:
    assert not store.exists("a/b")
    with pytest.raises(MissingError, match="'a/b'"):
        store.get("a/b")
    store.delete("a/b")


def test_a_folder_is_not_an_object(store: FileObjectStore) -> None:
    store.put("a/b", b"")
    assert not store.exists("a")
    with pytest.raises(MissingError, match="'a'"):
        store.get("a")
    with pytest.raises(MissingError, match="'a/b/c'"):
        store.get("a/b/c")


def test_keys_come_in_order_by_any_prefix(store: FileObjectStore) -> None:
    for key in ("b/2", "a/10", "a/1", "ab/1"):
        store.put(key, b"")
    assert list(store.keys("")) == ["a/1", "a/10", "ab/1", "b/2"]
    assert list(store.keys("a/1")) == ["a/1", "a/10"]
    assert list(store.keys("a")) == ["a/1", "a/10", "ab/1"]
    assert list(store.keys("nothing/here/")) == []


def test_a_deleted_key_is_gone(store: FileObjectStore) -> None:
    store.put("a/b", b"")
    store.delete("a/b")
    assert not store.exists("a/b")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/", ".hidden", "a\\b", "a\x00b", "a\nb"]
)
def test_a_key_that_could_leave_the_folder_is_refused(store: FileObjectStore, key: str) -> None:
    for act in (store.get, store.delete, store.exists, lambda key: store.put(key, b"")):
        with pytest.raises(InputError, match="cannot be a key"):
            act(key)


@pytest.mark.parametrize("prefix", ["../", "/etc/", "a/../.."])
def test_a_prefix_that_could_leave_the_folder_is_refused(store: FileObjectStore, prefix: str) -> None:
    with pytest.raises(InputError, match="does not name keys"):
        store.keys(prefix)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow past 1,000 bytes: what a full disk does, for real, in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_put_that_fails_half_way_keeps_the_old_bytes_and_leaves_nothing(
    store: FileObjectStore, small_disk: None
) -> None:
    store.put("a/b", b"old")
    with pytest.raises(UnavailableError, match="a/b cannot be written") as caught:
        store.put("a/b", b"n" * 5000)
    assert caught.value.hint is not None
    assert store.get("a/b") == b"old"
    assert [path.name for path in (store.root / "a").iterdir()] == ["b"]


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process may not write to, also when the tests run as root."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    shutil.rmtree(folder)


def test_a_read_only_disk_is_unavailable_and_its_path_is_named(read_only: Path) -> None:
    with pytest.raises(UnavailableError, match=f"{read_only}/a/b cannot be written: Permission denied"):
        FileObjectStore(read_only).put("a/b", b"")
