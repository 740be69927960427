"""The key that signs checkpoints."""

import base64
import stat
import threading
from pathlib import Path

import pytest

from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.adapters.signing import Ed25519Signer, file_seed, seed_of
from mlmon_dagster.errors import InputError, UnavailableError

SEED = base64.b64encode(bytes(range(32))).decode()


def test_a_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    seeds: list[bytes] = []
    threads = [threading.Thread(target=lambda: seeds.append(file_seed(file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seeds)) == 1
    assert len(seeds) == 8
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["key"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file_seed(file)
    file.chmod(0o644)
    with pytest.raises(InputError, match="can be read by others"):
        file_seed(file)


@pytest.mark.parametrize("text", ["", "hunter2", SEED[:-4], "ü" * 44])
def test_what_is_no_key_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(InputError, match="32 bytes as base64") as refused:
        seed_of(text, "env:KEY")
    assert not text or text not in str(refused.value)


def test_the_key_is_asked_for_when_something_is_signed() -> None:
    asked: list[int] = []

    def seed() -> bytes:
        asked.append(1)
        return bytes(32)

    signer = Ed25519Signer(seed)
    assert asked == []
    assert signer.verifies(signer.public, b"m", signer.sign(b"m"))
    assert asked == [1]


def test_a_reference_leads_to_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMON_TEST_KEY", f" {SEED}\n")
    assert secret("env:MLMON_TEST_KEY") == SEED
    monkeypatch.delenv("MLMON_TEST_KEY")
    with pytest.raises(UnavailableError, match="env:MLMON_TEST_KEY is not set"):
        secret("env:MLMON_TEST_KEY")


@pytest.mark.parametrize("text", ["hunter2", "env:A B", "env:A-B", "file:/etc/passwd", "ENV:A", "secretsmanager:a b"])
def test_what_is_no_reference_is_refused_without_being_shown(text: str) -> None:
    assert not is_reference(text)
    with pytest.raises(InputError) as refused:
        secret(text)
    assert text not in str(refused.value)
